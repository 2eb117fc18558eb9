// Finds out of what was captured that a connection stood, and then its large packets did not arrive. Pure.
import type { CapturedFrame, Place } from './contract.ts';
import { parseIpPacket, reversed, tupleKey } from './packet.ts';
import type { Packet, Tuple } from './packet.ts';

export interface MtuTroubleInput {
  readonly client: Place;
  readonly server?: Place;
  /** The client's tuple and the forms that it was translated to. */
  readonly tuples: readonly Tuple[];
  readonly frames: readonly CapturedFrame[];
  readonly vxlanPort: number;
}

export interface MtuTrouble {
  readonly sender: Place;
  /** Length of the largest IP packet that did not arrive. */
  readonly length: number;
  /** How often it was sent. */
  readonly times: number;
  readonly lastSeen: {
    readonly place: Place;
    readonly device: string;
    readonly direction: 'in' | 'out';
    readonly mtu?: number;
  };
  /** Where it was going when it was last seen. */
  readonly destination: string;
  /** The device that it was to leave by, where that is known. */
  readonly next?: { readonly device: string; readonly mtu: number };
  /** Who asked for smaller packets, and how small. */
  readonly asked?: { readonly by: string; readonly mtu: number; readonly arrived: boolean };
}

/** Below this no network drops a packet for its size (RFC 791). */
const SMALL = 576;

interface Seen {
  readonly frame: CapturedFrame;
  readonly packet: Packet;
}

export function findMtuTrouble(input: MtuTroubleInput): MtuTrouble | undefined {
  const requests = new Set(input.tuples.map(tupleKey));
  const replies = new Set(input.tuples.map((tuple) => tupleKey(reversed(tuple))));
  const seen = input.frames
    .flatMap((frame): Seen[] => {
      const packet = parseIpPacket(frame.bytes, { vxlanPort: input.vxlanPort });
      return packet === undefined ? [] : [{ frame, packet }];
    })
    .toSorted((a, b) => (a.frame.timeNs < b.frame.timeNs ? -1 : 1));
  const ways = [
    { keys: requests, from: input.client, to: input.server },
    { keys: replies, from: input.server, to: input.client },
  ];
  for (const { keys, from, to } of ways) {
    if (from === undefined || to === undefined || from.netns === to.netns) continue;
    const trouble = troubleOnWay(seen, keys, from, to);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

function troubleOnWay(
  seen: readonly Seen[],
  keys: ReadonlySet<string>,
  from: Place,
  to: Place,
): MtuTrouble | undefined {
  const data = seen.filter(
    ({ packet }) => packet.icmp === undefined && packet.payloadLength > 0 && keys.has(tupleKey(packet)),
  );
  const arrived = data.filter(({ frame }) => frame.place.netns === to.netns && frame.direction === 'in');
  const sent = data.filter(({ frame }) => frame.place.netns === from.netns && frame.direction === 'out');
  // One whose bytes arrived in any other packet, such as a smaller one, is no loss.
  const lost = sent.filter(
    ({ packet }) => packet.length > SMALL && !arrived.some((other) => holds(other.packet, packet.seq)),
  );
  const again = lost.filter(({ packet }) => lost.filter((other) => other.packet.seq === packet.seq).length > 1);
  const largest = again.toSorted((a, b) => b.packet.length - a.packet.length)[0];
  if (largest === undefined) return undefined;
  const same = data.filter(({ packet }) => packet.seq === largest.packet.seq);
  const { seq } = largest.packet;
  const last = farthest(same) ?? largest;
  const errors = seen.filter(({ packet }) => packet.icmp?.mtu !== undefined && keys.has(tupleKey(packet.icmp.about)));
  const { mtu } = last.frame;
  const error = errors[0]?.packet;
  return {
    sender: from,
    length: largest.packet.length,
    times: lost.filter(({ packet }) => packet.seq === seq).length,
    lastSeen: {
      place: last.frame.place,
      device: last.frame.device,
      direction: last.frame.direction,
      ...(mtu === undefined ? {} : { mtu }),
    },
    destination: last.packet.destination,
    ...(error?.icmp?.mtu === undefined
      ? {}
      : {
          asked: {
            by: error.source,
            mtu: error.icmp.mtu,
            arrived: errors.some(({ frame }) => frame.place.netns === from.netns && frame.direction === 'in'),
          },
        }),
  };
}

/** The first try passes each device once, in order of time, before the second one starts. */
function farthest(same: readonly Seen[]): Seen | undefined {
  const known = new Set<string>();
  let last: Seen | undefined;
  for (const one of same) {
    const where = `${one.frame.place.netns} ${one.frame.device} ${one.frame.direction}`;
    if (known.has(where)) break;
    known.add(where);
    last = one;
  }
  return last;
}

/** Sequence numbers go round. */
const holds = (packet: Packet, seq: number): boolean => (seq - packet.seq) >>> 0 < packet.payloadLength;
