// Follows a packet through the nftables mode's table: what the kernel would do, without a kernel. Random choices are
// followed into every branch.
import {
  isLocalAddress,
  matchesAddress,
  type Trace,
  type TraceNode,
  type TracedPacket,
  type TraceVerdict,
} from '../packet-trace.ts';
import type { TableModel } from './table-model.ts';

interface Packet extends TracedPacket {
  readonly mark: number;
  readonly translated: boolean;
}

type End = 'accept' | 'drop' | 'reject' | 'return' | 'through';
interface Outcome {
  readonly end: End;
  readonly packet: Packet;
}

interface Walk {
  readonly table: TableModel;
  readonly node: TraceNode;
  readonly steps: string[];
}

const numberAt = (text: string | undefined): number => Number(text ?? '0');

/** The text of an expression such as `ip daddr . meta l4proto . th dport` for a packet. */
function keyOf(expression: string, packet: Packet): string {
  return expression
    .split(' . ')
    .map((part) => {
      const word = part.trim();
      if (/^ip6? saddr$/.test(word)) return packet.source;
      if (/^ip6? daddr$/.test(word)) return packet.destination;
      if (word === 'meta l4proto') return packet.protocol;
      if (word === 'th dport') return String(packet.port);
      throw new Error(`the tracer does not know the expression ${JSON.stringify(word)}`);
    })
    .join(' . ');
}

const KEY = String.raw`((?:(?:ip6? [sd]addr|meta l4proto|th dport)(?: \. )?)+)`;

/** Statements of a rule, tried in order at the start of what is left of it. */
const STATEMENTS: readonly (readonly [
  RegExp,
  (m: RegExpMatchArray, packet: Packet, walk: Walk) => boolean | Packet | Outcome[],
])[] = [
  [/^ct state new/, () => true],
  [/^ct status dnat/, (_, p) => p.translated],
  [/^fib ([sd])addr type local/, (m, p, w) => isLocalAddress(w.node, m[1] === 's' ? p.source : p.destination)],
  [/^meta l4proto \{ ([^}]*) \}/, (m, p) => (m[1] ?? '').split(', ').includes(p.protocol)],
  [/^meta mark & (\S+) != 0x00000000/, (m, p) => (p.mark & numberAt(m[1])) !== 0],
  [
    /^meta mark set meta mark ([|^]) (\S+)/,
    (m, p) => ({
      ...p,
      mark: m[1] === '|' ? p.mark | numberAt(m[2]) : p.mark ^ numberAt(m[2]),
    }),
  ],
  [
    /^iifname (!= )?"([^"*]*)(\*)?"/,
    (m, p) => {
      const device = p.device ?? '';
      const same = m[3] === undefined ? device === m[2] : device.startsWith(m[2] ?? '');
      return same === (m[1] === undefined);
    },
  ],
  [/^update @\S+ \{ ip6? saddr \}/, () => true],
  [/^masquerade fully-random/, (_, p) => [{ end: 'accept', packet: p }]],
  [
    /^dnat ip6? to (.+) \. numgen random mod (\d+) map @(\S+)/,
    (m, p, w) => {
      const { elements } = w.table.sets.get(m[3] ?? '') ?? { elements: new Map<string, string>() };
      const key = keyOf(m[1] ?? '', p);
      return Array.from({ length: numberAt(m[2]) }, (_, i): Outcome => {
        const value = elements.get(`${key} . ${i}`);
        if (value === undefined) throw new Error(`${m[3]} has no element ${key} . ${i}`);
        const [destination = '', port] = value.split(' . ');
        return { end: 'accept', packet: { ...p, destination, port: numberAt(port), translated: true } };
      });
    },
  ],
  [
    /^dnat ip6? to \[?([^\s\]]+?)\]?:(\d+)$/,
    (m, p) => [{ end: 'accept', packet: { ...p, destination: m[1] ?? '', port: numberAt(m[2]), translated: true } }],
  ],
  [
    /^numgen random mod \d+ vmap \{ (.*) \}/,
    (m, p, w) => (m[1] ?? '').split(', ').flatMap((choice) => jump(choice.split(' : ')[1] ?? '', p, w)),
  ],
  [
    new RegExp(`^${KEY} vmap @(\\S+)`),
    (m, p, w) => {
      const verdict = w.table.sets.get(m[2] ?? '')?.elements.get(keyOf(m[1] ?? '', p));
      return verdict === undefined ? false : jump(verdict, p, w);
    },
  ],
  [/^meta l4proto (tcp|udp|sctp)/, (m, p) => p.protocol === m[1]],
  // A client that was never seen is in no affinity set.
  [
    new RegExp(`^${KEY} @(\\S+)`),
    (m, p, w) => w.table.sets.get(m[2] ?? '')?.elements.has(keyOf(m[1] ?? '', p).trim()) ?? false,
  ],
  [
    /^ip6? ([sd])addr (!= )?(\S+)/,
    (m, p) => matchesAddress(m[3] ?? '', m[1] === 's' ? p.source : p.destination) === (m[2] === undefined),
  ],
  [/^(?:goto|jump) \S+|^(?:accept|drop|reject|return)\b/, (m, p, w) => jump(m[0], p, w)],
];

function jump(verdict: string, packet: Packet, walk: Walk): Outcome[] {
  const [word = '', target = ''] = verdict.split(' ');
  if (word === 'goto' || word === 'jump') {
    const outcomes = runChain(target, packet, walk);
    // After a goto nothing of this chain is looked at any more.
    return word === 'jump' ? outcomes : outcomes.map((o) => (o.end === 'through' ? { ...o, end: 'return' } : o));
  }
  if (word === 'accept' || word === 'drop' || word === 'reject' || word === 'return') return [{ end: word, packet }];
  throw new Error(`the tracer does not know the verdict ${JSON.stringify(verdict)}`);
}

/** Undefined: the rule does not match. */
function runRule(rule: string, packet: Packet, walk: Walk): Outcome[] | Packet | undefined {
  let rest = rule;
  let current = packet;
  while (rest !== '') {
    let found = false;
    for (const [pattern, act] of STATEMENTS) {
      const match = pattern.exec(rest);
      if (match === null) continue;
      found = true;
      rest = rest.slice(match[0].length).trimStart();
      const result = act(match, current, walk);
      if (result === false) return undefined;
      if (Array.isArray(result)) return result;
      if (result !== true) current = result;
      break;
    }
    if (!found) throw new Error(`the tracer does not know: ${rest}`);
  }
  return current;
}

function runChain(name: string, packet: Packet, walk: Walk): Outcome[] {
  const rules = walk.table.chains.get(name);
  if (rules === undefined) throw new Error(`a rule leads to chain ${name}, which does not exist`);
  const done: Outcome[] = [];
  let current = packet;
  for (const rule of rules) {
    const at = walk.steps.length;
    const result = runRule(rule, current, walk);
    if (result === undefined) continue;
    walk.steps.splice(at, 0, `${name}: ${rule}`);
    if (!Array.isArray(result)) {
      current = result;
      continue;
    }
    const through = result.find((o) => o.end === 'through');
    done.push(...result.filter((o) => o.end !== 'through' && o.end !== 'return'));
    if (result.some((o) => o.end === 'return')) {
      const packetAfter = result.find((o) => o.end === 'return')?.packet ?? current;
      return [...done, { end: 'through', packet: packetAfter }];
    }
    if (through === undefined) return done;
    current = through.packet;
  }
  return [...done, { end: 'through', packet: current }];
}

/** @example traceNftables(table, { localAddresses: ['10.0.0.2'] }, packet).verdict */
export function traceNftables(table: TableModel, node: TraceNode, first: TracedPacket): Trace {
  const walk: Walk = { table, node, steps: [] };
  const own = isLocalAddress(node, first.source);
  const refused = (chain: string, packet: Packet): End | undefined =>
    runChain(chain, packet, walk).find((o) => o.end === 'drop' || o.end === 'reject')?.end;
  const begin: Packet = { ...first, mark: 0, translated: false };
  const guarded = refused(own ? 'filter-output-pre-dnat' : 'filter-prerouting-pre-dnat', begin);
  if (guarded === 'drop' || guarded === 'reject') return { verdict: { kind: guarded }, steps: walk.steps };
  const endpoints = new Map<string, boolean>();
  let verdict: TraceVerdict | undefined;
  for (const { packet } of runChain(own ? 'nat-output' : 'nat-prerouting', begin, walk)) {
    const local = isLocalAddress(node, packet.destination);
    const hooks = own
      ? local
        ? ['filter-output', 'filter-input']
        : ['filter-output']
      : [local ? 'filter-input' : 'filter-forward'];
    const end = hooks.map((hook) => refused(hook, packet)).find((e) => e !== undefined);
    if (end === 'drop' || end === 'reject') {
      verdict = { kind: end };
      continue;
    }
    const masqueraded = runChain('nat-postrouting', packet, walk).some((o) => o.end === 'accept');
    if (!packet.translated) verdict = { kind: 'untouched', masqueraded };
    else {
      const host = packet.destination.includes(':') ? `[${packet.destination}]` : packet.destination;
      endpoints.set(`${host}:${packet.port}`, masqueraded);
    }
  }
  if (endpoints.size > 0) {
    const list = [...endpoints].map(([to, masqueraded]) => ({ to, masqueraded }));
    verdict = { kind: 'endpoints', endpoints: list.toSorted((a, b) => (a.to < b.to ? -1 : 1)) };
  }
  return { verdict: verdict ?? { kind: 'untouched', masqueraded: false }, steps: walk.steps };
}
