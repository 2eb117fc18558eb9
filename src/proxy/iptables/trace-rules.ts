// Follows a packet through planned iptables rules: what the kernel would do, in microseconds and without a kernel.
// Random choices are followed into every branch.
import {
  isLocalAddress,
  matchesAddress,
  type Trace,
  type TraceNode,
  type TracedPacket,
  type TraceVerdict,
} from '../packet-trace.ts';
import { JUMPS, KUBELET_JUMPS, jumpRule, type Table } from './fixed-chains.ts';
import type { Chains } from './plan.ts';

interface Packet extends TracedPacket {
  readonly mark: number;
  readonly translated: boolean;
}

type End = 'accept' | 'drop' | 'reject' | 'return' | 'through';
interface Outcome {
  readonly end: End;
  readonly packet: Packet;
}

/** Words of a rule; a quoted text is one word. */
function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');
}

const CHANCE = Symbol('chance');

interface Walk {
  readonly chains: Chains;
  readonly node: TraceNode;
  readonly steps: string[];
}

/** Whether a rule matches: yes, no, or perhaps (a random choice). Unknown words are an error, not a guess. */
function matches(rule: readonly string[], packet: Packet, walk: Walk): boolean | typeof CHANCE {
  let chance = false;
  let negate = false;
  for (let i = 0; i < rule.length; i++) {
    const word = rule[i];
    const argument = rule[i + 1] ?? '';
    let ok = true;
    let skip = 1;
    switch (word) {
      case '!':
        negate = true;
        continue;
      case '-m':
        if (argument === 'statistic') chance = true;
        break;
      case '-j':
        i = rule.length;
        continue;
      case '-p':
        ok = packet.protocol === argument;
        break;
      case '-s':
        ok = matchesAddress(argument, packet.source);
        break;
      case '-d':
        ok = matchesAddress(argument, packet.destination);
        break;
      case '-i':
        ok = argument.endsWith('+')
          ? (packet.device ?? '').startsWith(argument.slice(0, -1))
          : packet.device === argument;
        break;
      case '--dport':
        ok = packet.port === Number(argument);
        break;
      case '--src-type':
        ok = isLocalAddress(walk.node, packet.source);
        break;
      case '--dst-type':
        ok = isLocalAddress(walk.node, packet.destination);
        break;
      case '--ctstate':
        // The first packet of a connection; a translated one carries the state DNAT too.
        ok = argument.split(',').some((s) => s === 'NEW' || (s === 'DNAT' && packet.translated));
        break;
      case '--mark': {
        const [value = 0, mask = value] = argument.split('/').map(Number);
        ok = (packet.mark & mask) === value;
        break;
      }
      case '--rcheck':
        // A client that was never seen.
        return false;
      case '--reap':
      case '--set':
        skip = 0;
        break;
      case '--comment':
      case '--mode':
      case '--probability':
      case '--name':
      case '--seconds':
      case '--nfacct-name':
        break;
      default:
        throw new Error(`the tracer does not know ${JSON.stringify(word)} in: ${rule.join(' ')}`);
    }
    if (ok === negate) return false;
    negate = false;
    i += skip;
  }
  return chance ? CHANCE : true;
}

/** What a target does at once; undefined: it is a chain. */
function act(rule: readonly string[], target: string, packet: Packet): Outcome | undefined {
  const after = (option: string) => rule[rule.indexOf(option) + 1] ?? '';
  switch (target) {
    case 'ACCEPT':
      return { end: 'accept', packet };
    case 'DROP':
      return { end: 'drop', packet };
    case 'REJECT':
      return { end: 'reject', packet };
    case 'RETURN':
      return { end: 'return', packet };
    case 'MARK': {
      const mark = rule.includes('--or-mark')
        ? packet.mark | Number(after('--or-mark'))
        : packet.mark ^ Number(after('--xor-mark'));
      return { end: 'through', packet: { ...packet, mark } };
    }
    case 'DNAT': {
      const to = after('--to-destination');
      const at = to.lastIndexOf(':');
      const destination = to.slice(0, at).replace(/^\[|\]$/g, '');
      return { end: 'accept', packet: { ...packet, destination, port: Number(to.slice(at + 1)), translated: true } };
    }
    default:
      return undefined;
  }
}

function runLines(table: Table, lines: readonly string[], packet: Packet, walk: Walk): Outcome[] {
  const done: Outcome[] = [];
  let current = packet;
  for (const line of lines) {
    const rule = words(line).slice(2);
    const match = matches(rule, current, walk);
    if (match === false) continue;
    walk.steps.push(`${table}: ${line}`);
    const at = rule.indexOf('-j');
    if (at < 0) continue;
    const target = rule[at + 1] ?? '';
    const results = (() => {
      const result = act(rule, target, current);
      return result === undefined ? runChain(table, target, current, walk) : [result];
    })();
    const through = results.find((r) => r.end === 'through');
    if (results.some((r) => r.end === 'return')) return [...done, { end: 'through', packet: current }];
    done.push(...results.filter((r) => r.end !== 'through'));
    if (match === CHANCE) continue;
    if (through === undefined) return done;
    current = through.packet;
  }
  return [...done, { end: 'through', packet: current }];
}

function runChain(table: Table, chain: string, packet: Packet, walk: Walk): Outcome[] {
  const text = walk.chains.get(`${table} ${chain}`);
  if (text === undefined) throw new Error(`a rule leads to ${table} ${chain}, which does not exist`);
  return runLines(table, text === '' ? [] : text.split('\n'), packet, walk);
}

function runHook(table: Table, hook: string, packet: Packet, walk: Walk): Outcome[] {
  const kubelets = walk.chains.has('filter KUBE-FIREWALL') ? KUBELET_JUMPS : [];
  const lines = [...JUMPS, ...kubelets]
    .filter((j) => j.table === table && j.from === hook)
    .map((j) => `-A ${jumpRule(j)}`)
    .toReversed();
  return runLines(table, lines, packet, walk);
}

/** @example traceIptables(book.chains, { localAddresses: ['10.0.0.2'] }, packet, 0x4000).verdict */
export function traceIptables(chains: Chains, node: TraceNode, first: TracedPacket, mark: number): Trace {
  const walk: Walk = { chains, node, steps: [] };
  const own = isLocalAddress(node, first.source);
  const translated = runHook('nat', own ? 'OUTPUT' : 'PREROUTING', { ...first, mark: 0, translated: false }, walk);
  const endpoints = new Map<string, boolean>();
  let verdict: TraceVerdict | undefined;
  for (const { packet } of translated) {
    const local = isLocalAddress(node, packet.destination);
    // What the node sends to itself leaves through OUTPUT and comes back through INPUT.
    const hooks = own ? (local ? ['OUTPUT', 'INPUT'] : ['OUTPUT']) : [local ? 'INPUT' : 'FORWARD'];
    const end = hooks.flatMap((hook) => runHook('filter', hook, packet, walk)).find((o) => o.end !== 'through')?.end;
    const masqueraded = (packet.mark & mark) !== 0;
    if (end === 'drop' || end === 'reject') verdict = { kind: end };
    else if (packet.translated) {
      const host = packet.destination.includes(':') ? `[${packet.destination}]` : packet.destination;
      endpoints.set(`${host}:${packet.port}`, masqueraded);
    } else verdict = { kind: 'untouched', masqueraded };
  }
  if (endpoints.size > 0) {
    const list = [...endpoints].map(([to, masqueraded]) => ({ to, masqueraded }));
    verdict = { kind: 'endpoints', endpoints: list.toSorted((a, b) => (a.to < b.to ? -1 : 1)) };
  }
  return { verdict: verdict ?? { kind: 'untouched', masqueraded: false }, steps: walk.steps };
}
