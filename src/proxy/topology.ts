// Which endpoints of a service port this node uses: readiness, traffic policies, topology hints and the fall-back to
// terminating endpoints. Pure. Rules: KEP-1669 (terminating), KEP-2086 (internal policy), KEP-2433 and KEP-3015 (hints).
import type { EndpointState, NodeFacts } from './contract.ts';
import type { SliceEndpointView } from './views.ts';

export interface Candidate {
  readonly state: EndpointState;
  readonly hints: Pick<SliceEndpointView, 'zoneHints' | 'nodeHints'>;
}

export interface Selection {
  readonly cluster: readonly EndpointState[];
  readonly local: readonly EndpointState[];
  readonly hasEndpoints: boolean;
}

const canServeTerminating = (e: EndpointState): boolean => e.serving && e.terminating;

/** The hint that every ready endpoint carries and that names this node or zone; undefined: use all endpoints. */
function hintFilter(ready: readonly Candidate[], node: NodeFacts): ((c: Candidate) => boolean) | undefined {
  const forNode = (c: Candidate) => c.hints.nodeHints?.includes(node.name) ?? false;
  const forZone = (c: Candidate) => node.zone !== undefined && (c.hints.zoneHints?.includes(node.zone) ?? false);
  if (ready.every((c) => c.hints.nodeHints?.length) && ready.some(forNode)) return forNode;
  if (ready.every((c) => c.hints.zoneHints?.length) && ready.some(forZone)) return forZone;
  return undefined;
}

/** @example selectEndpoints(candidates, { usesCluster: true, usesLocal: false }, { name: 'node-1' }).cluster */
export function selectEndpoints(
  candidates: readonly Candidate[],
  uses: { usesCluster: boolean; usesLocal: boolean },
  node: NodeFacts,
): Selection {
  const ready = candidates.filter((c) => c.state.ready);
  let cluster: readonly EndpointState[] = [];
  if (uses.usesCluster) {
    const filter = hintFilter(ready, node);
    cluster = (filter === undefined ? ready : ready.filter(filter)).map((c) => c.state);
    if (cluster.length === 0) cluster = candidates.map((c) => c.state).filter(canServeTerminating);
  }
  let local: readonly EndpointState[] = [];
  if (uses.usesLocal) {
    local = ready.map((c) => c.state).filter((e) => e.local);
    if (local.length === 0) local = candidates.map((c) => c.state).filter((e) => e.local && canServeTerminating(e));
  }
  return { cluster, local, hasEndpoints: candidates.some((c) => c.state.ready || canServeTerminating(c.state)) };
}
