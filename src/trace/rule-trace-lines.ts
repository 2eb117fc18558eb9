// Reads the lines of `nft -n -a monitor trace`: which rules a marked packet met, and the packet as it was at each
// hook. Pure.
import { canonicalIp } from '../ip/index.ts';
import type { RuleStep } from './contract.ts';
import type { TraceEvent } from './merge.ts';

const LINE = /^trace id ([0-9a-f]+) (ip6?|inet|arp|bridge|netdev) (\S+) (\S+) (packet: |rule |verdict |policy )(.*)$/;
const HEADER =
  / ip6? saddr (\S+) ip6? daddr (\S+) .*?(tcp|udp) sport (\d+) (?:tcp|udp) dport (\d+)(?: tcp flags(?: ==)? (\S+))?/;
const FLAGS: readonly (readonly [number, string])[] = [
  [0x02, 'S'],
  [0x01, 'F'],
  [0x04, 'R'],
  [0x08, 'P'],
  [0x10, '.'],
];

type EventPacket = TraceEvent['packet'];

/** Lines in, events out. The kernel gives a packet's header once a hook; the steps after it belong to that packet. */
export class RuleTraceReader {
  readonly #node: string;
  readonly #packets = new Map<string, EventPacket>();
  #rest = '';
  #lost = false;

  constructor(node: string) {
    this.#node = node;
  }

  /** Whether the kernel dropped events because they were not read in time. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Takes text as it arrives and returns the events of its complete lines. */
  read(text: string): TraceEvent[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.flatMap((line) => this.#line(line) ?? []);
  }

  #line(line: string): TraceEvent | undefined {
    if (line.includes('lost some netlink events')) this.#lost = true;
    const match = LINE.exec(line.trimEnd());
    if (match === null) return undefined;
    const [, id = '', family = '', table = '', chain = '', kind = '', rest = ''] = match;
    if (kind === 'packet: ') {
      const packet = parseHeader(` ${rest}`);
      if (packet === undefined) this.#packets.delete(id);
      else this.#packets.set(id, packet);
      return undefined;
    }
    const packet = this.#packets.get(id);
    if (packet === undefined || table.startsWith(TRACE_TABLE)) return undefined;
    const step = parseStep(kind, rest);
    return step && { node: this.#node, id, packet, step: { node: this.#node, family, table, chain, ...step } };
  }
}

/** Tables of traces begin with this; their own steps are no part of a walk. */
export const TRACE_TABLE = 'portico-trace-';

function parseHeader(text: string): EventPacket | undefined {
  const match = HEADER.exec(text);
  if (match === null) return undefined;
  const [, source = '', destination = '', protocol, sourcePort, destinationPort, flags] = match;
  const bits = flags === undefined ? 0 : Number(flags);
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    source: canonicalIp(source) ?? source,
    destination: canonicalIp(destination) ?? destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    flags: FLAGS.flatMap(([bit, letter]) => (bits & bit ? [letter] : [])).join(''),
  };
}

function parseStep(kind: string, rest: string): Pick<RuleStep, 'handle' | 'text' | 'verdict'> | undefined {
  if (kind === 'policy ') {
    const verdict = rest.trim().split(' ')[0] ?? '';
    // What a chain does by default says something only when it stops the packet.
    return verdict === 'accept' ? undefined : { verdict: `policy ${verdict}` };
  }
  if (kind === 'verdict ') return undefined;
  const rule = /^(.*?) # handle (\d+) \(verdict ([^)]*)\)$/.exec(rest);
  if (rule === null) return undefined;
  const [, text = '', handle, verdict = ''] = rule;
  return {
    handle: Number(handle),
    text: text
      .trim()
      .replaceAll(/ ?counter packets \d+ bytes \d+ ?/g, ' ')
      .replaceAll(/ +/g, ' ')
      .trim(),
    verdict,
  };
}
