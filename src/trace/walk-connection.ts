// Makes one connection and watches it pass: arms captures and rule traces on every place it may touch, probes, takes
// everything down again, and merges what was seen. Knows namespaces and addresses, nothing of Kubernetes.
import { openRtnl } from '../linux/index.ts';
import { askForTimes, startCapture } from './capture.ts';
import type { PlaceCapture } from './capture.ts';
import { captureFilter } from './capture-filter.ts';
import type { CapturedFrame, EndpointReached, Leg, Place, ProbeOutcome, TrackedConnection, Walk } from './contract.ts';
import { matchDrop, startDropWatch } from './drop-watch.ts';
import type { DroppedPacket, DropWatch } from './drop-watch.ts';
import { mergeWalk } from './merge.ts';
import type { TraceEvent } from './merge.ts';
import { findMtuTrouble } from './mtu-trouble.ts';
import type { MtuTrouble } from './mtu-trouble.ts';
import { formatAddressPort, parseIpPacket, reversed, tupleKey } from './packet.ts';
import type { Tuple } from './packet.ts';
import { prepareTcpProbe, prepareUdpProbe } from './probe.ts';
import type { Probe } from './probe.ts';
import { startRuleTrace } from './rule-trace.ts';
import type { RuleTrace } from './rule-trace.ts';
import { trackedOn } from './tracked.ts';
import { nextDevice, routeProblem } from './route-problem.ts';
import { judge } from './verdict.ts';
import { readWalkRules, withChoice } from './walk-rules.ts';

/** An address that the target may be translated to. */
export interface PossibleEndpoint {
  readonly address: string;
  readonly port: number;
  /** The pod that has the address, if it can be watched. */
  readonly place?: Place;
  readonly node?: string;
  readonly usable: boolean;
}

export interface WalkRequest {
  readonly client: Place;
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
  /** Every node the connection may touch. */
  readonly nodes: readonly Place[];
  readonly endpoints: readonly PossibleEndpoint[];
  /** What a TCP client says once connected. */
  readonly request?: string;
  /** What a UDP client sends. */
  readonly payload?: Uint8Array;
  readonly targetName?: string;
  readonly timeoutMs: number;
  readonly vxlanPort: number;
  readonly signal?: AbortSignal;
}

/** Enough for every header, the inner ones too, and the beginning of what a probe says. */
const SNAP_LENGTH = 256;
const SETTLE_MS = 5;

export interface WalkResult {
  readonly walk: Walk;
  readonly frames: readonly CapturedFrame[];
}

/** Two sendings of the same packet, which TCP repeats after one second. */
const SECOND_TRY_MS = 1300;

/** A connection that came to nothing without a cause that shows is made once more, and the kernel asked why it drops. */
export async function walkConnection(request: WalkRequest): Promise<WalkResult> {
  const first = await walkOnce(request);
  if (!isUnexplained(first.walk)) return first;
  const drops = await startDropWatch();
  if (drops === undefined) {
    return withNote(first, 'this kernel does not tell why it drops packets (no tracefs)');
  }
  try {
    const again = { ...request, timeoutMs: Math.min(request.timeoutMs, SECOND_TRY_MS) };
    const second = await walkOnce(again, drops);
    return second.walk.verdict.dropReason === undefined ? first : second;
  } finally {
    drops.abort();
  }
}

const isUnexplained = ({ verdict, outcome }: Walk): boolean =>
  outcome.kind === 'timeout' && (verdict.code === 'lost' || verdict.code === 'no-reply');

const withNote = ({ walk, frames }: WalkResult, note: string): WalkResult => ({
  walk: { ...walk, notes: [...walk.notes, note] },
  frames,
});

async function walkOnce(request: WalkRequest, drops?: DropWatch): Promise<WalkResult> {
  const { client, protocol, host, port } = request;
  const source = sourceAddress(client, host);
  if (source === undefined) {
    return noRoute(request, { kind: 'unreachable', ms: 0, message: 'network unreachable' });
  }
  const probe = prepareProbe(request, source);
  const tuple: Tuple = { protocol, source, sourcePort: probe.sourcePort, destination: host, destinationPort: port };
  const watch = await startWatching(request, tuple);
  let seen: { frames: CapturedFrame[]; events: TraceEvent[]; notes: string[] };
  let outcome: ProbeOutcome;
  try {
    outcome = await probe.run(request.timeoutMs, request.signal);
    request.signal?.throwIfAborted();
    // What the last packet caused elsewhere is on its way still.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    seen = watch.finish();
  } finally {
    watch.abort();
  }
  const tracked = trackedOn(request.nodes, tuple);
  const merged = mergeWalk({
    client: tuple,
    onNode: client.kind === 'node',
    translated: tracked.map((entry) => reversed(entry.reply)),
    frames: seen.frames,
    events: seen.events,
    vxlanPort: request.vxlanPort,
    ...(probe.payload && { payload: probe.payload }),
  });
  const rules = await readWalkRules(merged, request.nodes, request);
  const { legs } = rules;
  const endpoint = await withChoice(endpointOf(legs, request), rules, request.nodes, request);
  const usable = request.endpoints.filter((candidate) => candidate.usable).length;
  const isService = request.targetName !== undefined;
  const verdict = judge({
    client,
    destination: host,
    destinationPort: port,
    protocol,
    outcome,
    legs,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(request.targetName === undefined ? {} : { targetName: request.targetName }),
    ...(isService ? { usableEndpoints: usable } : {}),
    isVirtual: isService && !request.endpoints.some(({ address }) => address === host),
    ...routeProblem(legs, request.endpoints),
    ...mtuTrouble(request, { tuple, tracked, endpoint, frames: seen.frames }),
    ...(drops === undefined ? {} : dropAtLastHop(legs, seen.frames, await drops.finish(), request)),
  });
  const walk: Walk = {
    protocol,
    client,
    source,
    sourcePort: probe.sourcePort,
    destination: host,
    destinationPort: port,
    outcome,
    legs,
    tracked,
    verdict,
    notes: [...seen.notes, ...rules.notes],
    ...(endpoint === undefined ? {} : { endpoint }),
  };
  return { walk, frames: seen.frames };
}

/** The address the client's kernel would send from; undefined when it has no route. */
function sourceAddress(client: Place, host: string): string | undefined {
  const rtnl = openRtnl(client.netns);
  try {
    return rtnl.routeTo(host)?.source;
  } finally {
    rtnl.close();
  }
}

function prepareProbe(request: WalkRequest, source: string): Probe {
  const target = { netns: request.client.netns, source, host: request.host, port: request.port };
  if (request.protocol === 'tcp') return prepareTcpProbe(target, request.request);
  return prepareUdpProbe(target, request.payload ?? Buffer.from(`portico-trace-${crypto.randomUUID()}`));
}

async function startWatching(request: WalkRequest, tuple: Tuple) {
  const pods = request.endpoints.flatMap((endpoint) => endpoint.place ?? []);
  const places = new Map([request.client, ...request.nodes, ...pods].map((place) => [place.netns, place]));
  const endpointPorts = [...new Set(request.endpoints.map((endpoint) => endpoint.port))];
  const filter = captureFilter({ ...tuple, endpointPorts, vxlanPort: request.vxlanPort, snapLength: SNAP_LENGTH });
  const captures: PlaceCapture[] = [];
  const traces: RuleTrace[] = [];
  const endTimes = askForTimes(request.client);
  const abort = () => {
    for (const running of [...captures, ...traces]) running.abort();
    endTimes();
  };
  request.signal?.addEventListener('abort', abort, { once: true });
  try {
    const starts = await Promise.allSettled(
      request.nodes.map(async (node) => traces.push(await startRuleTrace(node, tuple))),
    );
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    request.signal?.throwIfAborted();
    // Last, because every packet of a place pays for its capture, and a rule trace takes a process to start.
    for (const place of places.values()) captures.push(startCapture(place, filter, SNAP_LENGTH));
  } catch (error) {
    abort();
    throw error;
  }
  return {
    abort: () => {
      request.signal?.removeEventListener('abort', abort);
      abort();
    },
    finish: () => {
      const captured = captures.map((capture) => capture.finish());
      endTimes();
      const traced = traces.map((trace) => trace.finish());
      return {
        frames: captured.flatMap((capture) => capture.frames),
        events: traced.flatMap((trace) => trace.events),
        notes: [
          ...(captured.some((capture) => capture.dropped > 0)
            ? ['the kernel dropped some packets: hops may be missing']
            : []),
          ...(traced.some((trace) => trace.lost)
            ? ['the kernel dropped some rule events: rules may be missing between hops']
            : []),
        ],
      };
    },
  };
}

/** Where the request ended: the address it carried at its last hop, if that is one it could be translated to. */
function endpointOf(legs: readonly Leg[], request: WalkRequest): EndpointReached | undefined {
  const last = legs.find((leg) => leg.name === 'request')?.hops.at(-1)?.packet;
  if (last === undefined) return undefined;
  const text = formatAddressPort(last.destination, last.destinationPort);
  const candidate = request.endpoints.find((e) => formatAddressPort(e.address, e.port) === text);
  if (candidate === undefined) return undefined;
  const outOf = request.endpoints.filter((e) => e.usable).length;
  return {
    address: candidate.address,
    port: candidate.port,
    ...(candidate.place === undefined ? {} : { place: candidate.place }),
    ...(candidate.node === undefined ? {} : { node: candidate.node }),
    ...(request.targetName === undefined ? {} : { outOf }),
    ...(candidate.usable ? {} : { ready: false }),
  };
}

/** Nothing to say of a connection that ended well. */
function mtuTrouble(
  request: WalkRequest,
  seen: {
    tuple: Tuple;
    tracked: readonly TrackedConnection[];
    endpoint: EndpointReached | undefined;
    frames: readonly CapturedFrame[];
  },
): { mtuTrouble?: MtuTrouble } {
  if (request.protocol !== 'tcp') return {};
  const server = seen.endpoint?.place;
  const trouble = findMtuTrouble({
    client: request.client,
    ...(server === undefined ? {} : { server }),
    tuples: [seen.tuple, ...seen.tracked.map((entry) => reversed(entry.reply))],
    frames: seen.frames,
    vxlanPort: request.vxlanPort,
  });
  if (trouble === undefined) return {};
  // On the node where it is translated the packet goes on to the endpoint.
  const to = trouble.destination === request.host ? seen.endpoint?.address : undefined;
  return { mtuTrouble: { ...trouble, ...nextDevice(trouble, to ?? trouble.destination) } };
}

/** The drop that follows each time the packet was last seen. */
function dropAtLastHop(
  legs: readonly Leg[],
  frames: readonly CapturedFrame[],
  drops: readonly DroppedPacket[],
  { vxlanPort, client }: WalkRequest,
): { drop?: DroppedPacket } {
  const replied = legs.some((leg) => leg.name === 'reply');
  const arrivedAt = replied ? client : undefined;
  const hop = (legs.find((leg) => leg.name === 'reply') ?? legs.find((leg) => leg.name === 'request'))?.hops.at(-1);
  // What arrived was not dropped.
  if (hop === undefined || (arrivedAt !== undefined && hop.place.netns === arrivedAt.netns)) return {};
  const sightings = frames.flatMap((frame) => {
    const here =
      frame.place.netns === hop.place.netns && frame.device === hop.device && frame.direction === hop.direction;
    const packet = here ? parseIpPacket(frame.bytes, { vxlanPort }) : undefined;
    const same = packet !== undefined && tupleKey(packet) === tupleKey(hop.packet) && packet.flags === hop.packet.flags;
    return same ? [frame.timeNs] : [];
  });
  const drop = matchDrop(sightings, drops);
  return drop === undefined ? {} : { drop };
}

function noRoute(request: WalkRequest, outcome: ProbeOutcome): WalkResult {
  const { client, protocol, host, port } = request;
  const verdict = judge({ client, destination: host, destinationPort: port, protocol, outcome, legs: [] });
  const walk: Walk = {
    protocol,
    client,
    source: '',
    sourcePort: 0,
    destination: host,
    destinationPort: port,
    outcome,
    legs: [],
    tracked: [],
    notes: [],
    verdict,
  };
  return { walk, frames: [] };
}
