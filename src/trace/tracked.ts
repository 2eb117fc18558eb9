// Connection-tracking entries of one connection, as a node's kernel holds them.
import { isIpv6 } from '../ip/index.ts';
import { openConntrack } from '../linux/index.ts';
import type { ConntrackTuple } from '../linux/index.ts';
import type { Place, TrackedConnection } from './contract.ts';
import { reversed, tupleKey } from './packet.ts';
import type { Tuple } from './packet.ts';

/** The entries of a connection on every node, also where masquerade has given it another source. */
export function trackedOn(nodes: readonly Place[], client: Tuple): TrackedConnection[] {
  const own = nodes.flatMap((node) => readTracked(node, client));
  const masqueraded = own
    .map((entry) => reversed(entry.reply))
    .filter(({ source, sourcePort }) => source !== client.source || sourcePort !== client.sourcePort);
  const others = masqueraded.flatMap((tuple) =>
    nodes.flatMap((node) => readTracked(node, tuple)).filter(({ original }) => tupleKey(original) === tupleKey(tuple)),
  );
  return [...own, ...others];
}

/** Entries whose original direction began with the client's address and port. */
function readTracked(node: Place, client: Tuple): TrackedConnection[] {
  const conntrack = openConntrack(node.netns);
  try {
    const { protocol, source, sourcePort } = client;
    const entries = conntrack.entries({ family: isIpv6(source) ? 6 : 4, protocol, source, sourcePort });
    return entries.map(({ original, reply, tcpState, status, timeoutSeconds }) => {
      const state = tcpState ?? (status.includes('seen-reply') ? undefined : 'UNREPLIED');
      return {
        node: node.name,
        original: tupleOf(original, protocol),
        reply: tupleOf(reply, protocol),
        ...(state === undefined ? {} : { state }),
        ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      };
    });
  } finally {
    conntrack.close();
  }
}

function tupleOf(tuple: ConntrackTuple, protocol: Tuple['protocol']): Tuple {
  const { source, destination, sourcePort = 0, destinationPort = 0 } = tuple;
  return { protocol, source, sourcePort, destination, destinationPort };
}
