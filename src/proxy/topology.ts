// Which endpoints of a service port this node uses: readiness, traffic policies, topology hints and the fall-back to
// terminating endpoints. Pure. Rules: KEP-1669 (terminating), KEP-2086 (internal policy), KEP-2433 and KEP-3015 (hints).
import type { EndpointState, NodeFacts } from './contract.ts';
import type { SliceEndpointView } from './views.ts';

/** Hints of the endpoints that carry any. */
export type Hints = ReadonlyMap<EndpointState, Pick<SliceEndpointView, 'zoneHints' | 'nodeHints'>>;

export interface Selection {
  readonly cluster: readonly EndpointState[];
  readonly local: readonly EndpointState[];
  readonly hasEndpoints: boolean;
}

const canServeTerminating = (e: EndpointState): boolean => e.serving && e.terminating;

/** The hint that every ready endpoint carries and that names this node or zone; undefined: use all endpoints. */
function hintFilter(
  ready: readonly EndpointState[],
  hints: Hints,
  node: NodeFacts,
): ((e: EndpointState) => boolean) | undefined {
  if (hints.size < ready.length) return undefined;
  const forNode = (e: EndpointState) => hints.get(e)?.nodeHints?.includes(node.name) ?? false;
  const forZone = (e: EndpointState) =>
    node.zone !== undefined && (hints.get(e)?.zoneHints?.includes(node.zone) ?? false);
  if (ready.every((e) => hints.get(e)?.nodeHints?.length) && ready.some(forNode)) return forNode;
  if (ready.every((e) => hints.get(e)?.zoneHints?.length) && ready.some(forZone)) return forZone;
  return undefined;
}

/** @example selectEndpoints(all, hints, { usesCluster: true, usesLocal: false, node: { name: 'node-1' } }).cluster */
export function selectEndpoints(
  all: readonly EndpointState[],
  hints: Hints,
  { usesCluster, usesLocal, node }: { usesCluster: boolean; usesLocal: boolean; node: NodeFacts },
): Selection {
  const ready = all.filter((e) => e.ready);
  let cluster: readonly EndpointState[] = [];
  if (usesCluster) {
    const filter = hintFilter(ready, hints, node);
    cluster = filter === undefined ? ready : ready.filter(filter);
    if (cluster.length === 0) cluster = all.filter(canServeTerminating);
  }
  let local: readonly EndpointState[] = [];
  if (usesLocal) {
    local = ready.filter((e) => e.local);
    if (local.length === 0) local = all.filter((e) => e.local && canServeTerminating(e));
  }
  return { cluster, local, hasEndpoints: ready.length > 0 || all.some(canServeTerminating) };
}
