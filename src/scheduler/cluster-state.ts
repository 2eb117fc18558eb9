// Nodes with the pods that are, or are about to be, on them. Cost follows the change: a pod is counted when it comes
// and when it goes, not when another one is placed.
import { nodeAllocatable, podHostPorts, podRequests } from '../api/objects.ts';
import type { Namespace, Node, Pod, ResourceAmounts, WantedHostPort } from '../api/objects.ts';
import { noStorage } from './pod-volumes.ts';
import type { StorageView } from './pod-volumes.ts';
import { usualRequests } from './usual-requests.ts';

export interface NodeState {
  readonly name: string;
  readonly node: Node;
  readonly allocatable: ResourceAmounts;
  readonly requested: ResourceAmounts;
  /** The same, but a pod that asks for nothing counts a little: see `usualRequests`. */
  readonly expected: ResourceAmounts;
  readonly pods: ReadonlyMap<string, Pod>;
  readonly ports: readonly WantedHostPort[];
  /** Those of the pods that want to keep others away. */
  readonly antiAffine: ReadonlyMap<string, Pod>;
}

export interface ClusterView {
  readonly nodes: readonly NodeState[];
  readonly storage: StorageView;
  /** Labels of a namespace, for namespace selectors. */
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined;
}

interface Counted {
  requested: ResourceAmounts;
  expected: ResourceAmounts;
  pods: Map<string, Pod>;
  antiAffine: Map<string, Pod>;
  ports: WantedHostPort[];
}

interface Slot extends Counted {
  name: string;
  node: Node | undefined;
  allocatable: ResourceAmounts;
}

export class ClusterState implements ClusterView {
  readonly storage: StorageView;
  #slots = new Map<string, Slot>();
  /** On which node each pod is counted, by uid. */
  #where = new Map<string, { node: string; pod: Pod }>();
  #namespaces = new Map<string, Namespace>();
  #nodes: NodeState[] | undefined;

  constructor(storage: StorageView = noStorage) {
    this.storage = storage;
  }

  get nodes(): readonly NodeState[] {
    // Sorted once per change of the nodes: the same cluster always gives the same choice.
    this.#nodes ??= [...this.#slots.values()]
      .filter((slot): slot is Slot & { node: Node } => slot.node !== undefined)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return this.#nodes;
  }

  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined {
    const namespace = this.#namespaces.get(name);
    return namespace === undefined ? undefined : (namespace.metadata.labels ?? {});
  }

  setNamespace(name: string, namespace: Namespace | undefined): void {
    if (namespace === undefined) this.#namespaces.delete(name);
    else this.#namespaces.set(name, namespace);
  }

  setNode(name: string, node: Node | undefined): void {
    this.#nodes = undefined;
    const slot = this.#slot(name);
    slot.node = node;
    if (node === undefined) this.#tidy(slot);
    else slot.allocatable = nodeAllocatable(node);
  }

  /** Counts the pod on this node, also before the API server's answer; counts it nowhere else any more. */
  place(pod: Pod, node: string): void {
    const { uid } = pod.metadata;
    this.remove(uid);
    count(this.#slot(node), pod);
    this.#where.set(uid, { node, pod });
  }

  /** True if the pod was counted. */
  remove(uid: string): boolean {
    const where = this.#where.get(uid);
    if (where === undefined) return false;
    this.#where.delete(uid);
    const slot = this.#slot(where.node);
    slot.pods.delete(uid);
    slot.antiAffine.delete(uid);
    change(slot.requested, podRequests(where.pod), -1);
    change(slot.expected, usualRequests(where.pod), -1);
    const ports = podHostPorts(where.pod);
    if (ports.length > 0) slot.ports = [...slot.pods.values()].flatMap(podHostPorts);
    this.#tidy(slot);
    return true;
  }

  isPlaced(uid: string): boolean {
    return this.#where.has(uid);
  }

  #slot(name: string): Slot {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = { name, node: undefined, allocatable: new Map(), ...nothingCounted() };
      this.#slots.set(name, slot);
    }
    return slot;
  }

  /** Pods may be known before their node, so a slot lives until both are gone. */
  #tidy(slot: Slot): void {
    if (slot.node === undefined && slot.pods.size === 0) this.#slots.delete(slot.name);
  }
}

const nothingCounted = (): Counted => ({
  requested: new Map(),
  expected: new Map(),
  pods: new Map(),
  antiAffine: new Map(),
  ports: [],
});

function count(to: Counted, pod: Pod): void {
  const { uid } = pod.metadata;
  to.pods.set(uid, pod);
  if (pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution !== undefined) {
    to.antiAffine.set(uid, pod);
  }
  change(to.requested, podRequests(pod), 1);
  change(to.expected, usualRequests(pod), 1);
  to.ports.push(...podHostPorts(pod));
}

/** The node as it would be with exactly these pods. */
export function nodeWithPods(node: NodeState, pods: readonly Pod[]): NodeState {
  const counted = nothingCounted();
  for (const pod of pods) count(counted, pod);
  return { name: node.name, node: node.node, allocatable: node.allocatable, ...counted };
}

/** The cluster with these nodes in the places of those of the same names. */
export function viewWith(view: ClusterView, changed: readonly NodeState[]): ClusterView {
  const byName = new Map(changed.map((node) => [node.name, node]));
  return {
    nodes: view.nodes.map((node) => byName.get(node.name) ?? node),
    storage: view.storage,
    namespaceLabels: (name) => view.namespaceLabels(name),
  };
}

function change(sum: ResourceAmounts, by: ResourceAmounts, sign: 1 | -1): void {
  for (const [name, n] of by) sum.set(name, (sum.get(name) ?? 0) + sign * n);
}
