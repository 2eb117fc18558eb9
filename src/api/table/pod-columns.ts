// The Pod table: its Status column sums up what the containers are doing.
import { formatAgeOf } from '../age.ts';
import type { core } from '../types.ts';
import { ageColumn, nameColumn, orNone } from './cells.ts';
import type { Column } from './contract.ts';

interface Summary {
  ready: number;
  total: number;
  status: string;
  restarts: number;
  lastRestart: string | undefined;
}

const terminatedText = (t: core.ContainerStateTerminated): string =>
  (t.reason ?? '') !== '' ? (t.reason ?? '') : (t.signal ?? 0) !== 0 ? `Signal:${t.signal}` : `ExitCode:${t.exitCode}`;

const later = (a: string | undefined, b: string | undefined): string | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;

const hasCondition = (pod: core.Pod, type: string): boolean =>
  (pod.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');

/** Init containers in order: the first one that is not done decides. Undefined when all are. */
function initStatus(pod: core.Pod, summary: Summary, restartable: ReadonlySet<string>): string | undefined {
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [i, s] of statuses.entries()) {
    const { terminated, waiting } = s.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (restartable.has(s.name) && s.started === true) {
      if (s.ready) summary.ready++;
      continue;
    }
    if (terminated !== undefined) return `Init:${terminatedText(terminated)}`;
    if ((waiting?.reason ?? '') !== '' && waiting?.reason !== 'PodInitializing') return `Init:${waiting?.reason}`;
    return `Init:${i}/${(pod.spec?.initContainers ?? []).length}`;
  }
  return undefined;
}

export function summarizePod(pod: core.Pod): Summary {
  const restartable = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const summary: Summary = {
    ready: 0,
    total: (pod.spec?.containers ?? []).length + restartable.size,
    status: orElse(pod.status?.reason, pod.status?.phase ?? ''),
    restarts: 0,
    lastRestart: undefined,
  };
  if ((pod.status?.conditions ?? []).some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated')) {
    summary.status = 'SchedulingGated';
  }
  const count = (statuses: readonly core.ContainerStatus[]): void => {
    for (const s of statuses) {
      summary.restarts += s.restartCount;
      summary.lastRestart = later(summary.lastRestart, s.lastState?.terminated?.finishedAt);
    }
  };
  const initStatuses = pod.status?.initContainerStatuses ?? [];
  const initializing = initStatus(pod, summary, restartable);
  if (initializing !== undefined && !hasCondition(pod, 'Initialized')) {
    summary.status = initializing;
    count(initStatuses);
  } else {
    count(initStatuses.filter((s) => restartable.has(s.name)));
    count(pod.status?.containerStatuses ?? []);
    containerStatus(pod, summary);
  }
  const terminal = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (pod.metadata?.deletionTimestamp !== undefined) {
    if (pod.status?.reason === 'NodeLost') summary.status = 'Unknown';
    else if (!terminal) summary.status = 'Terminating';
  }
  return summary;
}

const orElse = (text: string | undefined, other: string): string => (text === undefined || text === '' ? other : text);

function containerStatus(pod: core.Pod, summary: Summary): void {
  let running = false;
  for (const s of (pod.status?.containerStatuses ?? []).toReversed()) {
    const { waiting, terminated, running: runs } = s.state ?? {};
    if ((waiting?.reason ?? '') !== '') summary.status = waiting?.reason ?? '';
    else if (terminated !== undefined) summary.status = terminatedText(terminated);
    else if (s.ready && runs !== undefined) {
      running = true;
      summary.ready++;
    }
  }
  // Some are done, some still run: the pod runs.
  if (summary.status === 'Completed' && running) summary.status = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}

export const podColumns: readonly Column<core.Pod>[] = [
  nameColumn,
  {
    name: 'Ready',
    description: 'Containers that are ready, of all containers.',
    cell(pod) {
      const { ready, total } = summarizePod(pod);
      return `${ready}/${total}`;
    },
  },
  {
    name: 'Status',
    description: 'What the containers are doing, in one word.',
    cell: (pod) => summarizePod(pod).status,
  },
  {
    name: 'Restarts',
    description: 'Restarts of all containers, and when the last one was.',
    cell(pod, now) {
      const { restarts, lastRestart } = summarizePod(pod);
      return restarts > 0 && lastRestart !== undefined
        ? `${restarts} (${formatAgeOf(lastRestart, now)} ago)`
        : `${restarts}`;
    },
  },
  ageColumn,
  {
    name: 'IP',
    description: 'Address of the pod.',
    wide: true,
    cell: (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
  },
  { name: 'Node', description: 'Node the pod is bound to.', wide: true, cell: (pod) => orNone(pod.spec?.nodeName) },
  {
    name: 'Nominated Node',
    description: 'Node where room is being made for the pod.',
    wide: true,
    cell: (pod) => orNone(pod.status?.nominatedNodeName),
  },
  {
    name: 'Readiness Gates',
    description: 'Extra conditions that are met, of those asked for.',
    wide: true,
    cell(pod) {
      const gates = pod.spec?.readinessGates ?? [];
      const met = gates.filter((g) => hasCondition(pod, g.conditionType)).length;
      return gates.length === 0 ? orNone('') : `${met}/${gates.length}`;
    },
  },
];
