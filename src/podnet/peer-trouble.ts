// What a node says when packets to the pods of another node do not pass although that node's host answers. Pure.
import type { PeersState } from './contract.ts';
import type { PlannedPeer } from './plan.ts';

/** What became of the probes to one peer. */
export interface PeerAnswers {
  /** A small packet came back through the pod network. */
  readonly small: boolean;
  /** So did one as large as pods may send. */
  readonly large: boolean;
  /** The host itself answers, past the pod network: a host that is away is no trouble of the network. */
  readonly host: boolean;
}

export type PeerTroubleReason = 'VXLANBlocked' | 'RouteBlocked' | 'PacketsTooLarge';

export interface PeerTrouble {
  readonly node: string;
  readonly reason: PeerTroubleReason;
  /** What, where, and what to do. */
  readonly message: string;
}

/** This node's side of the way. */
export interface OwnEnd {
  readonly ip: string;
  readonly uplink: string;
  readonly uplinkMtu: number;
  readonly podMtu: number;
  readonly vxlanPort: number;
}

export function peerTrouble(peer: PlannedPeer, answers: PeerAnswers, own: OwnEnd): PeerTrouble | undefined {
  const { name: node, ip, way, podCidr } = peer;
  const between = `between ${own.ip} and ${ip}`;
  if (!answers.small) {
    if (!answers.host) return undefined;
    if (way === 'vxlan') {
      const message =
        `no packet comes back from node ${node} through VXLAN, although its host answers: ` +
        `let UDP port ${own.vxlanPort} pass in both directions ${between}`;
      return { node, reason: 'VXLANBlocked', message };
    }
    const message =
      `no packet comes back from ${podCidr} of node ${node}, although its host answers: something ${between} drops ` +
      'packets with addresses of pods (a firewall, or a source and destination check of the cloud); let them pass, ' +
      "or start the server with '--network vxlan'";
    return { node, reason: 'RouteBlocked', message };
  }
  if (answers.large) return undefined;
  const message =
    `packets of ${own.podMtu} bytes do not come back from node ${node}, smaller ones do: the way ${between} carries ` +
    `less than the ${own.uplinkMtu} bytes of ${own.uplink}; set the MTU of ${own.uplink} to what it carries ` +
    `('ip link set ${own.uplink} mtu N'), the pods follow`;
  return { node, reason: 'PacketsTooLarge', message };
}

const MOST_TOLD = 3;

/** The troubles of a node as one, for a condition. */
export function peersState(troubles: readonly PeerTrouble[]): PeersState {
  const [first] = troubles;
  if (first === undefined) {
    return { reachable: true, reason: 'PeersAnswer', message: 'packets reach the pods of the other nodes' };
  }
  const told = troubles.slice(0, MOST_TOLD).map((t) => t.message);
  const more = troubles.length - told.length;
  const message = [...told, ...(more === 0 ? [] : [`and ${more} more nodes`])].join('; ');
  return { reachable: false, reason: first.reason, message };
}
