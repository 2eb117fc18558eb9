// From everything that was captured and traced on every node to the ordered walk of one connection's first request and
// first reply. Pure. All namespaces of one machine share the kernel's clock, so time is the order of the hops.
//
// A packet is recognized by what no translation and no envelope changes: TCP by its sequence numbers, UDP by its
// payload. The IP id does not serve (packets that may not be fragmented carry 0), and neither does the kernel's trace
// id, which is used again for later packets of the same connection.
import type { CapturedFrame, Change, Hop, Leg, RuleStep } from './contract.ts';
import { formatAddressPort, parseIpPacket, reversed, tupleKey } from './packet.ts';
import type { Packet, Tuple } from './packet.ts';

/** What the kernel's rule trace says of one packet: the packet as it was at that hook, and one step. */
export interface TraceEvent {
  readonly node: string;
  /** The kernel's trace id: the same for the hooks one packet passes, used again for later packets. */
  readonly id: string;
  readonly packet: Tuple & { readonly flags: string };
  readonly step: RuleStep;
}

export interface MergeInput {
  readonly client: Tuple;
  /** The client is a process on a node: its packets are translated before the first device shows them. */
  readonly onNode?: boolean;
  /** The forms that connection tracking says the request has taken. */
  readonly translated?: readonly Tuple[];
  /** What a UDP probe carried. */
  readonly payload?: Uint8Array;
  readonly frames: readonly CapturedFrame[];
  readonly events: readonly TraceEvent[];
  readonly vxlanPort?: number;
}

interface Seen {
  readonly frame: CapturedFrame;
  readonly packet: Packet;
}

type Member = (packet: Packet) => LegName | undefined;
type LegName = Leg['name'];

export function mergeWalk(input: MergeInput): Leg[] {
  const seen = input.frames
    .flatMap((frame): Seen[] => {
      const packet = parseIpPacket(frame.bytes, input.vxlanPort === undefined ? {} : { vxlanPort: input.vxlanPort });
      return packet === undefined ? [] : [{ frame, packet }];
    })
    .toSorted((a, b) => (a.frame.timeNs < b.frame.timeNs ? -1 : a.frame.timeNs > b.frame.timeNs ? 1 : 0));
  const member =
    input.client.protocol === 'tcp'
      ? tcpMember(seen, [input.client, ...(input.translated ?? [])])
      : udpMember(seen, input);
  const legs = (['request', 'reply'] as const).map((name) => ({
    name,
    seen: firstSightings(seen.filter((s) => memberOf(s.packet, member, input) === name)),
  }));
  const start = legs.flatMap((leg) => leg.seen)[0]?.frame.timeNs ?? 0n;
  const events = eventsOfLegs(input, legs);
  return legs.flatMap(({ name, seen: own }) => {
    const steps = events.get(name) ?? [];
    return own.length === 0 && steps.length === 0 ? [] : [buildLeg(name, own, steps, { start, input })];
  });
}

/**
 * Gives each event to the leg whose packets look like it. After a translation the packet may look like none that was
 * captured (it was dropped before it left): the trace id says that it is still the same one.
 */
function eventsOfLegs(
  { client, events }: MergeInput,
  legs: readonly { readonly name: LegName; readonly seen: readonly Seen[] }[],
): Map<LegName, TraceEvent[]> {
  const looks = legs.map(({ name, seen }) => ({
    name,
    keys: new Set([
      ...seen.flatMap(({ packet }) => (packet.icmp === undefined ? [lookOf(packet)] : [])),
      // On a node the rules see the packet before any device does.
      ...(name === 'request' ? [lookOf({ ...client, flags: client.protocol === 'tcp' ? 'S' : '' })] : []),
    ]),
  }));
  const current = new Map<string, { leg: LegName; flags: string }>();
  const result = new Map<LegName, TraceEvent[]>();
  const known = new Set<string>();
  for (const event of events) {
    const id = `${event.node} ${event.id}`;
    const running = current.get(id);
    const look = lookOf(event.packet);
    const leg =
      looks.find(({ keys }) => keys.has(look))?.name ??
      (running?.flags === event.packet.flags ? running.leg : undefined);
    if (leg === undefined) {
      current.delete(id);
      continue;
    }
    current.set(id, { leg, flags: event.packet.flags });
    // A packet that is sent again meets the same rules again.
    const { step } = event;
    const again = [leg, event.node, step.family, step.table, step.chain, step.handle, step.verdict].join(' ');
    if (known.has(again)) continue;
    known.add(again);
    result.set(leg, [...(result.get(leg) ?? []), event]);
  }
  return result;
}

const lookOf = (packet: Tuple & { readonly flags: string }) => `${tupleKey(packet)} ${packet.flags}`;

/** An ICMP error answers the packet that it quotes. */
function memberOf(packet: Packet, member: Member, input: MergeInput): LegName | undefined {
  if (packet.icmp === undefined) {
    // A datagram of the same connection that is not the probe, such as a second try with other bytes.
    if (input.payload !== undefined && member(packet) === 'request' && !sameBytes(packet.payload, input.payload))
      return undefined;
    return member(packet);
  }
  const about: Packet = { ...packet, ...packet.icmp.about, flags: packet.protocol === 'tcp' ? 'S' : '' };
  return member(about) === 'request' ? 'reply' : undefined;
}

function tcpMember(seen: readonly Seen[], forms: readonly Tuple[]): Member {
  const keys = new Set(forms.map(tupleKey));
  const syn = seen.find(
    ({ packet }) => packet.flags === 'S' && packet.icmp === undefined && keys.has(tupleKey(packet)),
  );
  if (syn === undefined) return () => undefined;
  const { seq } = syn.packet;
  const next = (seq + 1) >>> 0;
  return (packet) => {
    if (packet.protocol !== 'tcp') return undefined;
    if (packet.flags === 'S' && packet.seq === seq) return 'request';
    const answers = packet.flags === 'S.' || packet.flags.includes('R');
    return answers && packet.ack === next ? 'reply' : undefined;
  };
}

/** `seen` is in order of time: a packet is a reply when it goes back the way that one before it came. */
function udpMember(seen: readonly Seen[], input: MergeInput): Member {
  const requests = new Set([input.client, ...(input.translated ?? [])].map(tupleKey));
  const replies = new Set<string>();
  const payload = input.payload ?? new Uint8Array();
  const toClient = `${input.client.source} ${input.client.sourcePort}`;
  for (const { packet } of seen) {
    if (packet.protocol !== 'udp' || packet.icmp !== undefined) continue;
    const tuple = tupleKey(packet);
    const back = requests.has(tupleKey(reversed(packet)));
    // An echo sends the same bytes back.
    if (back || `${packet.destination} ${packet.destinationPort}` === toClient) {
      if (back) replies.add(tuple);
    } else if (sameBytes(packet.payload, payload)) {
      requests.add(tuple);
    }
  }
  return (packet) => {
    if (packet.protocol !== 'udp') return undefined;
    const tuple = tupleKey(packet);
    if (replies.has(tuple)) return 'reply';
    return requests.has(tuple) ? 'request' : undefined;
  };
}

/** Of every device and direction the first sighting; repeats are retransmissions or later datagrams. */
function firstSightings(seen: readonly Seen[]): Seen[] {
  const known = new Set<string>();
  return seen.filter(({ frame, packet }) => {
    const where = `${frame.place.netns} ${frame.device} ${frame.direction} ${packet.envelope === undefined}`;
    if (known.has(where)) return false;
    known.add(where);
    return true;
  });
}

function buildLeg(
  name: LegName,
  seen: readonly Seen[],
  events: readonly TraceEvent[],
  { start, input }: { start: bigint; input: MergeInput },
): Leg {
  const waiting = new Map<string, TraceEvent[]>();
  for (const event of events) {
    const list = waiting.get(event.node) ?? [];
    list.push(event);
    waiting.set(event.node, list);
  }
  const hops: Hop[] = [];
  let mtu: number | undefined;
  let before: Look | undefined = name === 'request' ? input.client : undefined;
  for (const { frame, packet } of seen) {
    // Rules lie between the device a packet comes in by and the one it leaves by.
    const passed = frame.direction === 'out' && frame.place.kind === 'node' ? waiting.get(frame.place.name) : undefined;
    if (passed !== undefined) waiting.delete(frame.place.name);
    hops.push({
      place: frame.place,
      device: frame.device,
      direction: frame.direction,
      timeNs: String(frame.timeNs),
      atUs: Number(frame.timeNs - start) / 1000,
      packet: {
        protocol: packet.protocol,
        source: packet.source,
        sourcePort: packet.sourcePort,
        destination: packet.destination,
        destinationPort: packet.destinationPort,
        flags: packet.flags,
        ttl: packet.ttl,
        length: packet.length,
        ...(packet.icmp === undefined ? {} : { icmp: packet.icmp }),
      },
      ...(packet.envelope === undefined ? {} : { envelope: packet.envelope }),
      changes: before === undefined ? [] : changesBetween(name, before, packet),
      rules: passed?.map((event) => event.step) ?? [],
      ...(frame.mtu === undefined || mtu === undefined || frame.mtu === mtu ? {} : { mtu: frame.mtu }),
    });
    before = packet;
    mtu = frame.mtu;
  }
  const rulesAfter = [...waiting.values()].flat().map((event) => event.step);
  const arrived = name === 'reply' && input.onNode === true && before !== undefined && before.icmp === undefined;
  const changesAfter = arrived ? changesBetween(name, before as Look, reversed(input.client)) : [];
  return { name, hops, rulesAfter, changesAfter };
}

type Look = Tuple & Pick<Packet, 'envelope' | 'icmp'>;

/** On the way there a destination that changes is DNAT and a source masquerade; on the way back they are undone. */
export function changesBetween(leg: LegName, before: Look, after: Look): Change[] {
  const changes: Change[] = [];
  if (before.envelope === undefined && after.envelope !== undefined) {
    changes.push({ kind: 'encapsulated', envelope: after.envelope });
  } else if (before.envelope !== undefined && after.envelope === undefined) {
    changes.push({ kind: 'decapsulated' });
  }
  // Different kinds of packet in one leg, such as an ICMP error beside a reset: nothing was translated between them.
  if ((before.icmp === undefined) !== (after.icmp === undefined)) return changes;
  const request = leg === 'request';
  const [sourceBefore, sourceAfter] = [before, after].map((p) => formatAddressPort(p.source, p.sourcePort));
  const [destinationBefore, destinationAfter] = [before, after].map((p) =>
    formatAddressPort(p.destination, p.destinationPort),
  );
  // The kernel translates destinations before it routes and sources after, in both directions.
  if (destinationBefore !== undefined && destinationAfter !== undefined && destinationBefore !== destinationAfter) {
    changes.push({ kind: request ? 'dnat' : 'un-snat', from: destinationBefore, to: destinationAfter });
  }
  if (sourceBefore !== undefined && sourceAfter !== undefined && sourceBefore !== sourceAfter) {
    changes.push({ kind: request ? 'snat' : 'un-dnat', from: sourceBefore, to: sourceAfter });
  }
  return changes;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  // What was captured may be cut short; frames may carry padding after the datagram.
  const size = Math.min(a.length, b.length);
  return size > 0 && Buffer.compare(Buffer.from(a.subarray(0, size)), Buffer.from(b.subarray(0, size))) === 0;
}
