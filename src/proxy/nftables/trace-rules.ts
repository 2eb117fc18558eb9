// Follows a packet through the nftables mode's table: what the kernel would do, without a kernel. Random choices are
// followed into every branch.
import type {
  NatTarget,
  NftField as Field,
  NftSelector as Selector,
  NftStatement,
  NftVerdict as Verdict,
} from '../../linux/index.ts';
import {
  isLocalAddress,
  matchesAddress,
  type Trace,
  type TraceNode,
  type TracedPacket,
  type TraceVerdict,
} from '../packet-trace.ts';
import type { Rule } from './objects.ts';
import type { TableModel } from './table-model.ts';

type Operand = Selector | readonly Selector[];

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

const unknown = (what: unknown): never => {
  throw new Error(`the tracer does not know ${JSON.stringify(what)}`);
};

/** The value of a selector for a packet; several at once for a random number. */
function valuesOf(selector: Selector, packet: Packet, walk: Walk): readonly string[] {
  if (typeof selector === 'string') {
    if (selector === 'ip saddr' || selector === 'ip6 saddr') return [packet.source];
    if (selector === 'ip daddr' || selector === 'ip6 daddr') return [packet.destination];
    if (selector === 'meta l4proto') return [packet.protocol];
    if (selector === 'th dport') return [String(packet.port)];
    if (selector === 'meta iifname') return [packet.device ?? ''];
    if (selector === 'ct state') return ['new'];
    if (selector === 'ct status') return [packet.translated ? 'dnat' : ''];
    return unknown(selector);
  }
  if ('numgen' in selector) return Array.from({ length: selector.mod }, (_, i) => String(i));
  if ('fib' in selector) {
    const ip = selector.of === 'saddr' ? packet.source : packet.destination;
    return [isLocalAddress(walk.node, ip) ? 'local' : 'unicast'];
  }
  if ('mask' in selector) return [String(packet.mark & selector.and)];
  return unknown(selector);
}

const isList = (o: Operand): o is readonly Selector[] => Array.isArray(o);

/** The keys a packet may have in a set or map: one, or one for each number that chance may give. */
function keysOf(operand: Operand, packet: Packet, walk: Walk): readonly string[] {
  const parts = (isList(operand) ? operand : [operand]).map((s) => valuesOf(s, packet, walk));
  return parts.reduce<readonly string[]>(
    (keys, values) => keys.flatMap((k) => values.map((v) => (k === '' ? v : `${k} . ${v}`))),
    [''],
  );
}

function sameField(field: Field | readonly (string | number)[], value: string): boolean {
  if (Array.isArray(field)) return field.map(String).includes(value);
  if (typeof field === 'number') return String(field) === value;
  if (typeof field !== 'string') return unknown(field);
  if (field.endsWith('*')) return value.startsWith(field.slice(0, -1));
  return /^[0-9a-f.:]+\/\d+$/.test(field) ? matchesAddress(field, value) : field === value;
}

function matches(
  s: Extract<Exclude<NftStatement, string>, { readonly match: unknown }>,
  packet: Packet,
  walk: Walk,
): boolean {
  const key = keysOf(s.match, packet, walk)[0] ?? '';
  const found =
    'in' in s
      ? (walk.table.sets.get(s.in)?.elements.has(key) ?? unknown(s.in))
      : 'anyOf' in s
        ? s.anyOf.some((f) => !Array.isArray(f) && sameField(f as Field, key))
        : sameField(s.value, key);
  return found === (s.op !== '!=');
}

function translate(packet: Packet, destination: string, port: number): Outcome {
  return { end: 'accept', packet: { ...packet, destination, port, translated: true } };
}

function dnat(target: NatTarget, packet: Packet, walk: Walk): Outcome[] {
  if ('address' in target) return [translate(packet, target.address, target.port ?? packet.port)];
  if (!('in' in target)) return unknown(target);
  const map = walk.table.sets.get(target.in.name)?.elements;
  return keysOf(target.map, packet, walk).map((key) => {
    const value = map?.get(key);
    if (value === undefined) throw new Error(`${target.in.name} has no element ${key}`);
    const [destination = '', port] = value.split(' . ');
    return translate(packet, destination, Number(port));
  });
}

function follow(verdict: string | Exclude<Verdict, string>, packet: Packet, walk: Walk): Outcome[] {
  if (typeof verdict === 'string') {
    const [word = '', chain] = verdict.split(' ');
    if (chain !== undefined) return follow(word === 'goto' ? { goto: chain } : { jump: chain }, packet, walk);
    if (word === 'accept' || word === 'drop' || word === 'return') return [{ end: word, packet }];
    return unknown(verdict);
  }
  if ('jump' in verdict) return runChain(verdict.jump, packet, walk);
  // After a goto nothing of this chain is looked at any more.
  return runChain(verdict.goto, packet, walk).map((o) => (o.end === 'through' ? { ...o, end: 'return' } : o));
}

/** False: the rule ends here. A packet: on with the next statement. Outcomes: decided. */
function runStatement(s: NftStatement, packet: Packet, walk: Walk): false | Packet | Outcome[] {
  if (typeof s === 'string' || 'jump' in s || 'goto' in s) return follow(s, packet, walk);
  if ('match' in s) return matches(s, packet, walk) ? packet : false;
  if ('vmap' in s) {
    const keys = keysOf(s.vmap, packet, walk);
    if ('in' in s) {
      const verdict = walk.table.sets.get(s.in)?.elements.get(keys[0] ?? '');
      return verdict === undefined ? false : follow(verdict, packet, walk);
    }
    return s.entries
      .filter(([k]) => typeof k === 'number' && keys.includes(String(k)))
      .flatMap(([, v]) => follow(v, packet, walk));
  }
  if ('set' in s && 'to' in s) {
    if (typeof s.to === 'object' && 'or' in s.to) return { ...packet, mark: packet.mark | s.to.or };
    if (typeof s.to === 'object' && 'xor' in s.to) return { ...packet, mark: packet.mark ^ s.to.xor };
    return unknown(s);
  }
  if ('dnat' in s) return dnat(s.dnat, packet, walk);
  if ('masquerade' in s) return [{ end: 'accept', packet }];
  if ('reject' in s) return [{ end: 'reject', packet }];
  if ('dynset' in s) return packet;
  return unknown(s);
}

function runRule(rule: Rule, first: Packet, walk: Walk): false | Packet | Outcome[] {
  let packet = first;
  for (const statement of rule) {
    const result = runStatement(statement, packet, walk);
    if (result === false || Array.isArray(result)) return result;
    packet = result;
  }
  return packet;
}

function runChain(name: string, packet: Packet, walk: Walk): Outcome[] {
  const rules = walk.table.chains.get(name);
  if (rules === undefined) throw new Error(`a rule leads to chain ${name}, which does not exist`);
  const done: Outcome[] = [];
  let current = packet;
  for (const rule of rules) {
    const at = walk.steps.length;
    const result = runRule(rule, current, walk);
    if (result === false) continue;
    walk.steps.splice(at, 0, `${name}: ${JSON.stringify(rule)}`);
    if (!Array.isArray(result)) {
      current = result;
      continue;
    }
    done.push(...result.filter((o) => o.end !== 'through' && o.end !== 'return'));
    const returned = result.find((o) => o.end === 'return');
    if (returned !== undefined) return [...done, { end: 'through', packet: returned.packet }];
    const through = result.find((o) => o.end === 'through');
    if (through === undefined) return done;
    current = through.packet;
  }
  return [...done, { end: 'through', packet: current }];
}

/** @example traceNftables(table, { localAddresses: ['10.0.0.2'] }, packet).verdict */
export function traceNftables(table: TableModel, node: TraceNode, first: TracedPacket): Trace {
  const walk: Walk = { table, node, steps: [] };
  const own = isLocalAddress(node, first.source);
  const refused = (chain: string, packet: Packet): 'drop' | 'reject' | undefined => {
    const ends = runChain(chain, packet, walk).map((o) => o.end);
    return ends.includes('drop') ? 'drop' : ends.includes('reject') ? 'reject' : undefined;
  };
  const begin: Packet = { ...first, mark: 0, translated: false };
  const guarded = refused(own ? 'filter-output-pre-dnat' : 'filter-prerouting-pre-dnat', begin);
  if (guarded !== undefined) return { verdict: { kind: guarded }, steps: walk.steps };
  const endpoints = new Map<string, boolean>();
  let verdict: TraceVerdict | undefined;
  for (const { packet } of runChain(own ? 'nat-output' : 'nat-prerouting', begin, walk)) {
    const local = isLocalAddress(node, packet.destination);
    // What the node sends to itself leaves through output and comes back through input.
    const hooks = [...(own ? ['filter-output'] : []), ...(local ? ['filter-input'] : own ? [] : ['filter-forward'])];
    const end = hooks.map((hook) => refused(hook, packet)).find((e) => e !== undefined);
    if (end !== undefined) {
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
