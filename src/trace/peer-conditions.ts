// What the nodes themselves say about the way to the pods of others, as the doctor tells it. Pure.
import { PEERS_UNREACHABLE, type Node } from '../api/objects.ts';
import { ok, type Finding } from './doctor-finding.ts';

const CHECK = 'pods of other nodes';

/** A node where nobody could be asked (no overlay, no other node) has no such condition, and gets no row. */
export function checkPeers(nodes: readonly Pick<Node, 'metadata' | 'status'>[]): Finding[] {
  return nodes.flatMap(({ metadata: { name }, status }): Finding[] => {
    const condition = status?.conditions?.find((c) => c.type === PEERS_UNREACHABLE);
    if (condition === undefined) return [];
    const what = condition.message ?? condition.reason ?? '';
    if (condition.status === 'False') return [ok(name, CHECK, what)];
    if (condition.status !== 'True') return [];
    const mend = 'as said; the agent looks again every few seconds';
    return [{ level: 'fail', check: CHECK, where: name, what, mend }];
  });
}
