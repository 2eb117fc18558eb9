// Connection-tracking entries of one connection, as a node's kernel holds them.
import { isIpv6 } from '../ip/index.ts';
import { openConntrack } from '../linux/index.ts';
import type { ConntrackTuple } from '../linux/index.ts';
import type { Place, TrackedConnection } from './contract.ts';
import type { Tuple } from './packet.ts';

/** Entries whose original direction began with the client's address and port. */
export function readTracked(node: Place, client: Tuple): TrackedConnection[] {
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
