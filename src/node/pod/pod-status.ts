// A pod's status from its spec and what is known of its containers. Pure.
import type { core, Pod } from '../../api/objects.ts';
import { qosClass } from './qos.ts';
import { containerStatus, formatTime } from './container-status.ts';
import type { ContainerViews } from './container-view.ts';
import { ephemeralContainers, isSidecar, specOf } from './pod-spec.ts';

export interface PodFacts {
  readonly pod: Pod;
  readonly views: ContainerViews;
  readonly nowMs: number;
  readonly startTimeMs: number;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** Namespace and addresses are there. */
  readonly hasSandbox: boolean;
  /** Containers may run, but nobody can reach them: none of them is ready. */
  readonly isCutOff?: boolean;
  /** Set when the pod has failed as a whole: deadline, eviction. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';
type Statuses = readonly core.ContainerStatus[];

export function podStatus(facts: PodFacts): core.PodStatus {
  const { pod, failure } = facts;
  const views = facts.isCutOff === true ? withoutReadiness(facts.views) : facts.views;
  const spec = specOf(pod);
  const init = spec.initContainers ?? [];
  const initStatuses = init.map((c) => initStatus(c, containerStatus(c, views.get(c.name), 'PodInitializing')));
  const waiting = init.length > 0 && !isInitialized(init, initStatuses) ? 'PodInitializing' : 'ContainerCreating';
  const statuses = spec.containers.map((c) => containerStatus(c, views.get(c.name), waiting));
  const ephemeral = ephemeralContainers(pod).map((c) => containerStatus(c, views.get(c.name), 'ContainerCreating'));
  const phase = failure === undefined ? podPhase(pod, initStatuses, statuses) : 'Failed';
  return {
    phase,
    conditions: podConditions(facts, phase, initStatuses, statuses),
    startTime: formatTime(facts.startTimeMs),
    qosClass: qosClass(pod),
    ...(facts.hostIps[0] === undefined
      ? {}
      : { hostIP: facts.hostIps[0], hostIPs: facts.hostIps.map((ip) => ({ ip })) }),
    ...(facts.podIps[0] === undefined ? {} : { podIP: facts.podIps[0], podIPs: facts.podIps.map((ip) => ({ ip })) }),
    ...(init.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    ...(failure === undefined ? {} : failure),
  } as core.PodStatus;
}

function withoutReadiness(views: ContainerViews): ContainerViews {
  return new Map([...views].map(([name, view]) => [name, { ...view, ready: false }]));
}

/** An init container counts as ready when its work is done. */
function initStatus(c: core.Container, status: core.ContainerStatus): core.ContainerStatus {
  return isSidecar(c) ? status : { ...status, ready: status.state?.terminated?.exitCode === 0 };
}

function isInitialized(init: readonly core.Container[], statuses: Statuses): boolean {
  return init.every((c, i) => {
    const s = statuses[i];
    return isSidecar(c) ? s?.started === true : s?.state?.terminated?.exitCode === 0;
  });
}

/** kubelet's rules, in its order. */
export function podPhase(pod: Pod, initStatuses: Statuses, statuses: Statuses): Phase {
  const spec = specOf(pod);
  const policy = spec.restartPolicy ?? 'Always';
  const init = spec.initContainers ?? [];
  const anyRan = statuses.some((s) => s.containerID !== undefined);
  const initFailed = init.some((c, i) => !isSidecar(c) && (initStatuses[i]?.state?.terminated?.exitCode ?? 0) !== 0);
  if (initFailed && policy === 'Never') return 'Failed';
  if (!anyRan && !isInitialized(init, initStatuses)) return 'Pending';
  const running = statuses.filter((s) => s.state?.running !== undefined).length;
  const ended = statuses.flatMap((s) => s.state?.terminated ?? s.lastState?.terminated ?? []);
  const waiting = statuses.filter(
    (s) => s.state?.waiting !== undefined && s.lastState?.terminated === undefined,
  ).length;
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  const isWaiting = statuses.some((s) => s.state?.waiting !== undefined);
  if (policy === 'Always' || isWaiting) return 'Running';
  const sidecarRuns = init.some((c, i) => isSidecar(c) && initStatuses[i]?.state?.running !== undefined);
  if (sidecarRuns) return 'Running';
  if (ended.every((t) => t.exitCode === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

type Verdict = { status: 'True' | 'False'; reason?: string; message?: string };
const YES: Verdict = { status: 'True' };

function podConditions(facts: PodFacts, phase: Phase, initStatuses: Statuses, statuses: Statuses): core.PodCondition[] {
  const { pod } = facts;
  const init = specOf(pod).initContainers ?? [];
  const initialized = isInitialized(init, initStatuses) || statuses.some((s) => s.containerID !== undefined);
  const containersReady = containersVerdict(phase, init, initStatuses, statuses);
  const verdicts: [type: string, verdict: Verdict][] = [
    ['PodReadyToStartContainers', { status: facts.hasSandbox ? 'True' : 'False' }],
    ['Initialized', initializedVerdict(phase, initialized, init, initStatuses)],
    ['Ready', readyVerdict(pod, containersReady)],
    ['ContainersReady', containersReady],
    ['PodScheduled', YES],
    // Who counts failures (a Job's policy) must know that it was not the pod's own.
    ...(facts.failure?.reason === 'Evicted'
      ? [
          ['DisruptionTarget', { ...YES, reason: 'TerminationByKubelet', message: facts.failure.message }] as [
            string,
            Verdict,
          ],
        ]
      : []),
  ];
  const before = pod.status?.conditions ?? [];
  const now = formatTime(facts.nowMs);
  const own = verdicts.map(([type, v]): core.PodCondition => {
    const old = before.find((c) => c.type === type);
    return {
      type,
      status: v.status,
      lastProbeTime: null as unknown as string,
      lastTransitionTime:
        old?.status === v.status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now,
      ...(v.reason === undefined ? {} : { reason: v.reason }),
      ...(v.message === undefined ? {} : { message: v.message }),
    };
  });
  // Conditions of others (readiness gates, disruption) stay as they are.
  return [...own, ...before.filter((c) => !own.some((o) => o.type === c.type))];
}

const names = (statuses: Statuses) => `[${statuses.map((s) => s.name).join(' ')}]`;

function initializedVerdict(phase: Phase, done: boolean, init: readonly core.Container[], statuses: Statuses): Verdict {
  if (phase === 'Succeeded') return { ...YES, reason: 'PodCompleted' };
  if (done) return YES;
  const open = statuses.filter((s, i) => {
    const c = init[i];
    return c !== undefined && (isSidecar(c) ? s.started !== true : s.state?.terminated?.exitCode !== 0);
  });
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${names(open)}`,
  };
}

function containersVerdict(
  phase: Phase,
  init: readonly core.Container[],
  initStatuses: Statuses,
  statuses: Statuses,
): Verdict {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const sidecars = initStatuses.filter((_, i) => init[i] !== undefined && isSidecar(init[i]));
  const unready = [...sidecars, ...statuses].filter((s) => !s.ready);
  if (unready.length === 0) return YES;
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: ${names(unready)}`,
  };
}

function readyVerdict(pod: Pod, containers: Verdict): Verdict {
  if (containers.status !== 'True') return containers;
  const conditions = pod.status?.conditions ?? [];
  const problems = (specOf(pod).readinessGates ?? []).flatMap((gate) => {
    const c = conditions.find((x) => x.type === gate.conditionType);
    if (c === undefined)
      return [`corresponding condition of pod readiness gate "${gate.conditionType}" does not exist.`];
    if (c.status !== 'True') {
      return [`the status of pod readiness gate "${gate.conditionType}" is not "True", but ${c.status}`];
    }
    return [];
  });
  if (problems.length === 0) return YES;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}
