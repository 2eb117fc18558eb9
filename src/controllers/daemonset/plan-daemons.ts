// On which nodes a DaemonSet's pod has to be made or deleted: pure.
import { scaledIntOrPercent, untoleratedTaint } from '../../api/objects.ts';
import type { DaemonSet, Node, Pod, core } from '../../api/objects.ts';
import { selectsNode } from '../runtime/node-fit.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';
import { isDeleting, isPodAvailable, isPodFinished, isPodReady } from '../runtime/pod-state.ts';
import { REVISION_HASH } from '../runtime/revisions.ts';

/** A daemon stays where other pods have to leave. */
const ADDED_TOLERATIONS: readonly core.Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const NETWORK: core.Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

function tolerationsOf(spec: core.PodSpec): core.Toleration[] {
  const added = spec.hostNetwork === true ? [...ADDED_TOLERATIONS, NETWORK] : ADDED_TOLERATIONS;
  return [...(spec.tolerations ?? []), ...added];
}

/** Should the node have the daemon, and may one that is there stay? */
export function nodeWants(set: DaemonSet, node: Node): { run: boolean; stay: boolean } {
  const spec = set.spec?.template.spec;
  if (spec === undefined || !selectsNode(spec, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(spec);
  const stay = untoleratedTaint(tolerations, node, ['NoExecute']) === undefined;
  return { run: stay && untoleratedTaint(tolerations, node, ['NoSchedule']) === undefined, stay };
}

/** The template for one node: bound to it by affinity, so that the scheduler places it like any other pod. */
export function daemonTemplate(template: PodTemplate, node: string, hash: string): PodTemplate {
  const spec = template.spec ?? { containers: [] };
  const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] };
  const required = { nodeSelectorTerms: [byName] };
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required };
  return {
    ...template,
    metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [REVISION_HASH]: hash } },
    spec: { ...spec, affinity: { ...spec.affinity, nodeAffinity }, tolerations: tolerationsOf(spec) },
  };
}

/** The node of a daemon, also before it is bound. */
export function nodeOfDaemon(pod: Pod): string | undefined {
  const { nodeName, affinity } = pod.spec ?? {};
  if (nodeName !== undefined && nodeName !== '') return nodeName;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const term of terms) {
    for (const field of term.matchFields ?? []) if (field.key === 'metadata.name') return field.values?.[0];
  }
  return undefined;
}

export interface DaemonPlan {
  create: string[];
  delete: Pod[];
  failed: Pod[];
}

export interface DaemonInput {
  set: DaemonSet;
  nodes: readonly Node[];
  podsByNode: ReadonlyMap<string, readonly Pod[]>;
  /** Hash of the template's revision. */
  revision: string;
  nowMs: number;
}

/** What every node lacks or has too much of, then one step of a rolling update. */
export function planDaemons(input: DaemonInput): DaemonPlan {
  const { set, nodes, podsByNode } = input;
  const plan: DaemonPlan = { create: [], delete: [], failed: [] };
  const known = new Set(nodes.map((n) => n.metadata.name));
  for (const node of nodes) planNode(plan, input, node, podsByNode.get(node.metadata.name) ?? []);
  // Not yet bound, and its node is gone: nobody will ever bind it.
  for (const [name, pods] of podsByNode) {
    if (known.has(name)) continue;
    plan.delete.push(...pods.filter((p) => (p.spec?.nodeName ?? '') === '' && !isDeleting(p)));
  }
  if ((set.spec?.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate') planUpdate(plan, input);
  return plan;
}

const isNew = (input: DaemonInput, pod: Pod) => pod.metadata.labels?.[REVISION_HASH] === input.revision;

function planNode(plan: DaemonPlan, input: DaemonInput, node: Node, pods: readonly Pod[]): void {
  const { run, stay } = nodeWants(input.set, node);
  const alive = pods.filter((p) => !isDeleting(p));
  if (!stay) {
    plan.delete.push(...alive);
    return;
  }
  const ended = alive.filter(isPodFinished);
  plan.failed.push(...ended);
  const working = alive.filter((p) => !isPodFinished(p));
  // A pod that is on its way out still has the node's ports: the next one comes when it is gone.
  if (run && pods.length === 0) plan.create.push(node.metadata.name);
  const surging =
    surgeOf(input.set, 1) > 0 && working.some((p) => isNew(input, p)) && working.some((p) => !isNew(input, p));
  if (surging) return;
  const age = (p: Pod) => p.metadata.creationTimestamp;
  const ordered = working.toSorted(
    (a, b) =>
      Number(isPodReady(b)) - Number(isPodReady(a)) ||
      (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : a.metadata.name < b.metadata.name ? -1 : 1),
  );
  plan.delete.push(...ordered.slice(1));
}

const surgeOf = (set: DaemonSet, nodes: number): number =>
  scaledIntOrPercent(set.spec?.updateStrategy?.rollingUpdate?.maxSurge ?? 0, nodes, { roundUp: true }) ?? 0;

function planUpdate(plan: DaemonPlan, input: DaemonInput): void {
  const { set, nodes, podsByNode, nowMs } = input;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const works = (pod: Pod) => !isDeleting(pod) && isPodAvailable(pod, minReadySeconds, nowMs);
  const wanted = nodes.filter((n) => nodeWants(set, n).run).map((n) => n.metadata.name);
  const surge = surgeOf(set, wanted.length);
  const most =
    scaledIntOrPercent(set.spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length, {
      roundUp: true,
    }) ?? 0;
  let unavailable = 0;
  let surging = 0;
  const candidates: { name: string; old: Pod }[] = [];
  for (const name of wanted) {
    const alive = (podsByNode.get(name) ?? []).filter((p) => !isDeleting(p) && !plan.delete.includes(p));
    const fresh = alive.find((p) => isNew(input, p));
    const old = alive.find((p) => !isNew(input, p));
    if (surge > 0) {
      if (fresh !== undefined && old !== undefined) {
        if (works(fresh) || !works(old)) plan.delete.push(old);
        else surging++;
      } else if (old !== undefined) candidates.push({ name, old });
      continue;
    }
    if (!alive.some(works)) unavailable++;
    if (old === undefined) continue;
    // One that does not work costs nothing.
    if (!works(old) && !plan.failed.includes(old)) plan.delete.push(old);
    else candidates.push({ name, old });
  }
  if (surge > 0) {
    for (const { name } of candidates.slice(0, Math.max(0, surge - surging))) plan.create.push(name);
    return;
  }
  const room = Math.max(0, Math.max(most, 1) - unavailable);
  plan.delete.push(...candidates.slice(0, room).map((c) => c.old));
}
