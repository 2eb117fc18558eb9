// The edge that asks the kernel why it drops packets: the tracepoint skb:kfree_skb, in a tracing instance of our own. A
// shell of its own holds it, in a private mount namespace; it takes the instance away when we ask it to or are gone.
import type { ChildProcess } from 'node:child_process';
import { spawnIn } from '../linux/index.ts';

/** One packet that the kernel threw away: when, why, and in which function. */
export interface DroppedPacket {
  readonly timeNs: bigint;
  /** The kernel's word, such as `IP_RPFILTER`. */
  readonly reason: string;
  readonly location: string;
}

export interface DropWatch {
  finish(): Promise<DroppedPacket[]>;
  abort(): void;
}

const START_MS = 2000;

// Signals of a terminal reach it too: only the end of its input ends it. Instances of shells that were killed go first.
const SCRIPT = `
trap '' INT TERM HUP
dir=/sys/kernel/tracing
[ -d "$dir/instances" ] || mount -t tracefs nodev "$dir" || exit 3
for old in "$dir"/instances/portico-trace-*; do
  [ -d "$old" ] && [ ! -d "/proc/\${old##*-}" ] && rmdir "$old"
done
own="$dir/instances/portico-trace-$$"
mkdir "$own" || exit 4
echo tai >"$own/trace_clock" &&
  echo 256 >"$own/buffer_size_kb" &&
  echo 'protocol == 2048 || protocol == 34525' >"$own/events/skb/kfree_skb/filter" &&
  echo 1 >"$own/events/skb/kfree_skb/enable" && echo ready
read -r order
echo 0 >"$own/events/skb/kfree_skb/enable"
[ "$order" = report ] && cat "$own/trace"
rmdir "$own"
`;

/** Undefined where the kernel does not tell. */
export async function startDropWatch(): Promise<DropWatch | undefined> {
  const child = spawnIn(undefined, 'unshare', ['--mount', 'sh', '-c', SCRIPT], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  let output = '';
  child.stdin?.on('error', () => undefined);
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  if (!(await isReady(child))) {
    child.stdin?.end();
    return undefined;
  }
  return {
    finish: async () => {
      child.stdin?.end('report\n');
      await ended;
      return parseDrops(output, BigInt(Date.now()) * 1_000_000n);
    },
    abort: () => child.stdin?.end(),
  };
}

function isReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (ready: boolean) => {
      clearTimeout(limit);
      resolve(ready);
    };
    const limit = setTimeout(() => done(false), START_MS);
    child.stdout?.once('data', (chunk: string) => done(chunk.startsWith('ready')));
    child.once('close', () => done(false));
    child.once('error', () => done(false));
  });
}

const NS_PER_SECOND = 1_000_000_000n;
/** Since 2017; a leap second has not been announced. */
const TAI_OFFSET = 37n;
const EVENT = /\s(\d+)\.(\d{6}): kfree_skb: .*?location=(\S+?)(?:\+\S+)? reason: (\S+)/;

/** The kernel's TAI clock is whole seconds ahead of the wall clock, by as many as it has been told: often none. */
export function parseDrops(text: string, nowNs: bigint): DroppedPacket[] {
  const drops = text.split('\n').flatMap((line): DroppedPacket[] => {
    const [, seconds, micros, location = '', reason = ''] = EVENT.exec(line) ?? [];
    if (seconds === undefined || micros === undefined) return [];
    return [{ timeNs: BigInt(seconds) * NS_PER_SECOND + BigInt(micros) * 1000n, reason, location }];
  });
  const last = drops.at(-1);
  const offset = last === undefined ? 0n : wholeSeconds(last.timeNs - nowNs);
  return offset === 0n ? drops : drops.map((drop) => ({ ...drop, timeNs: drop.timeNs - offset * NS_PER_SECOND }));
}

/** A difference of less than ten seconds is the age of the event; the real one is at least ten (since 1972). */
function wholeSeconds(differenceNs: bigint): bigint {
  return differenceNs < 10n * NS_PER_SECOND ? 0n : TAI_OFFSET;
}

/** In words, for the reasons that users meet. */
const WORDS: Readonly<Record<string, string>> = {
  IP_RPFILTER: 'reverse-path filtering (rp_filter) refused its source address',
  NETFILTER_DROP: 'a netfilter rule dropped it',
  OTHERHOST: 'the frame carried the hardware address of another host',
  NO_SOCKET: 'no socket listens there',
  SOCKET_RCVBUFF: 'the receiving socket is full',
  SOCKET_FILTER: 'a filter of the receiving socket refused it',
  TCP_LISTEN_OVERFLOW: 'the queue of the listening socket is full',
  IP_INNOROUTES: 'there is no route for it',
  IP_OUTNOROUTES: 'there is no route for it',
  IP_INADDRERRORS: 'its destination is no address that can be reached from there',
  IP_INVALID_SOURCE: 'its source address is not valid there',
  IP_LOCAL_SOURCE: 'it arrived with a source address of the receiver',
  NEIGH_FAILED: 'the neighbour did not answer for its address',
  NEIGH_QUEUEFULL: 'too many packets wait for an answer of the neighbour',
  PKT_TOO_BIG: 'it is too big for the next device',
  TC_INGRESS: 'traffic control dropped it on arrival',
  TC_EGRESS: 'traffic control dropped it on departure',
  QDISC_DROP: 'the queue of the device dropped it',
  XDP: 'an XDP program dropped it',
  VXLAN_VNI_NOT_FOUND: 'no overlay device has the network identifier of its envelope',
  NO_TX_TARGET: 'the overlay does not know where the hardware address lives',
};

export const reasonText = ({ reason, location }: DroppedPacket): string =>
  `${WORDS[reason] ?? 'the kernel dropped it'} (${reason} in ${location})`;

/** What a socket held when it was closed: those packets had arrived. On a busy machine it happens all the time. */
const ARRIVED: ReadonlySet<string> = new Set(['QUEUE_PURGE']);

/** Just after the packet was last seen; the two clocks are the same one, read some instructions apart. */
const WINDOW_NS = { before: 20_000n, after: 2_000_000n };

/** The drop that follows every sighting of the packet where it was last seen; undefined when none does. */
export function matchDrop(sightingsNs: readonly bigint[], drops: readonly DroppedPacket[]): DroppedPacket | undefined {
  const [first, ...more] = sightingsNs;
  if (first === undefined) return undefined;
  const near = (at: bigint) =>
    drops.filter(
      ({ timeNs, reason }) => timeNs >= at - WINDOW_NS.before && timeNs <= at + WINDOW_NS.after && !ARRIVED.has(reason),
    );
  return near(first)
    .toSorted((a, b) => (a.timeNs < b.timeNs ? -1 : 1))
    .find((drop) => more.every((at) => near(at).some((d) => d.reason === drop.reason && d.location === drop.location)));
}
