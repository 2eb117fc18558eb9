// A rule's statements as kernel expressions. Follows what nft itself generates, so that `nft list` prints the statement
// that was meant.

import type { MessageWriter } from '../netlink/message.ts';
import { parseCidr } from '../../ip/index.ts';
import type {
  Field,
  MarkValue,
  NatTarget,
  NftFamily,
  NftRule,
  Operand,
  Scalar,
  Selector,
  Statement,
} from './contract.ts';
import { DATA_TYPES, encodeInterval, NftValueError } from './data-types.ts';
import type { DataType } from './data-types.ts';
import {
  bitwise,
  CMP,
  compare,
  expression,
  immediate,
  load,
  loadMeta,
  lookup,
  number32,
  payload,
  rangeNotEqual,
  register,
  verdict,
} from './expressions.ts';
import type { SetReference } from './expressions.ts';
import { FAMILIES } from './messages.ts';
import { natFamily } from './render.ts';
import type { Dependency } from './selectors.ts';
import { dependencies, keyTypes, padded, SELECTORS, selectorList, selectorText, selectorType } from './selectors.ts';

const META_NFPROTO = 15;
const META_L4PROTO = 16;
const PROTOCOL_OF = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Named sets by name, and the anonymous set made for a statement. */
export interface RuleSets {
  anonymous(statement: Statement): SetReference;
}

export class RuleEncoder {
  readonly #w: MessageWriter;
  readonly #family: NftFamily;
  readonly #sets: RuleSets;
  readonly #satisfied = new Set<Dependency>();

  constructor(w: MessageWriter, rule: NftRule, sets: RuleSets) {
    this.#w = w;
    this.#family = rule.family;
    this.#sets = sets;
  }

  #require(needed: readonly Dependency[]): void {
    for (const dependency of needed) {
      if (this.#satisfied.has(dependency)) continue;
      this.#satisfied.add(dependency);
      if (dependency === 'ipv4' || dependency === 'ipv6') {
        loadMeta(this.#w, META_NFPROTO, 0);
        compare(this.#w, 0, CMP.eq, Buffer.of(dependency === 'ipv4' ? FAMILIES.ip : FAMILIES.ip6));
      } else {
        loadMeta(this.#w, META_L4PROTO, 0);
        compare(this.#w, 0, CMP.eq, Buffer.of(PROTOCOL_OF[dependency]));
      }
    }
  }

  #load(operand: Operand): void {
    this.#require(dependencies(operand, this.#family));
    let slot = 0;
    for (const selector of selectorList(operand)) slot = load(this.#w, selector, slot);
  }

  encode(statement: Statement): void {
    const w = this.#w;
    if (typeof statement === 'string' || 'jump' in statement || 'goto' in statement) verdict(w, statement);
    else if ('match' in statement) this.#match(statement);
    else if ('vmap' in statement) {
      this.#load(statement.vmap);
      const set = 'in' in statement ? { name: statement.in, id: undefined } : this.#sets.anonymous(statement);
      lookup(w, set, { slot: 0, into: 'verdict' });
    } else if ('counter' in statement) expression(w, 'counter', () => void w.attrU64be(1, 0n).attrU64be(2, 0n));
    else if ('set' in statement && 'to' in statement) this.#setMark(statement.set, statement.to);
    else if ('dnat' in statement) this.#nat(1, statement.dnat, 0, statement);
    else if ('snat' in statement) this.#nat(0, statement.snat, statement.fullyRandom ? 0x10 : 0, statement);
    else if ('masquerade' in statement) {
      const { random, fullyRandom } = statement.masquerade;
      const flags = (random ? 4 : 0) | (fullyRandom ? 0x10 : 0);
      expression(w, 'masq', () => {
        if (flags !== 0) w.attrU32be(1, flags);
      });
    } else if ('redirect' in statement) {
      immediate(w, 0, encodeOne(DATA_TYPES.inet_service, statement.redirect));
      expression(w, 'redir', () => void w.attrU32be(1, register(0)).attrU32be(3, 2));
    } else if ('reject' in statement) this.#reject(statement.reject);
    else if ('dynset' in statement) {
      this.#load(statement.key);
      expression(w, 'dynset', () => {
        w.attrText(1, statement.set)
          .attrU32be(3, statement.dynset === 'add' ? 0 : 1)
          .attrU32be(4, register(0));
        if (statement.timeoutSeconds !== undefined) w.attrU64be(6, BigInt(Math.round(statement.timeoutSeconds * 1000)));
      });
    } else if ('log' in statement) {
      const { prefix, group } = statement.log;
      expression(w, 'log', () => {
        if (prefix !== undefined) w.attrText(2, prefix);
        if (group !== undefined) w.attrU16be(1, group);
      });
    } else if ('notrack' in statement) expression(w, 'notrack', () => {});
    else this.#clampMss();
  }

  #match(statement: Extract<Statement, { match: Operand }>): void {
    const inverted = statement.op === '!=';
    if ('in' in statement || 'anyOf' in statement) {
      this.#load(statement.match);
      const set = 'in' in statement ? { name: statement.in, id: undefined } : this.#sets.anonymous(statement);
      lookup(this.#w, set, { slot: 0, inverted });
      return;
    }
    const selectors = selectorList(statement.match);
    const [selector] = selectors;
    if (selector === undefined || selectors.length > 1) {
      throw new NftValueError('only one selector can be compared with a value; use anyOf for several');
    }
    this.#compare(selector, statement.value, inverted);
  }

  /** An explicit match of the protocol is what nft would otherwise add by itself. */
  #noteProtocol(selector: Selector, value: Field | readonly Scalar[]): void {
    if (selector === 'meta l4proto' || selector === 'ip protocol') {
      for (const [name, number] of Object.entries(PROTOCOL_OF)) {
        if (value === name || value === number) this.#satisfied.add(name as Dependency);
      }
    }
    if (selector === 'meta nfproto' && (value === 'ipv4' || value === 'ipv6')) this.#satisfied.add(value);
  }

  #compare(selector: Selector, value: Field | readonly Scalar[], inverted: boolean): void {
    const w = this.#w;
    const type = selectorType(selector);
    const op = inverted ? CMP.neq : CMP.eq;
    if (type === DATA_TYPES.ct_state || type === DATA_TYPES.ct_status) {
      this.#compareFlags(selector, value, inverted);
      return;
    }
    if (Array.isArray(value))
      throw new NftValueError(`${selectorText(selector)} takes one value; use anyOf for several`);
    const field = value as Field;
    if (type === DATA_TYPES.ifname && typeof field === 'string' && field.endsWith('*')) {
      // A comparison of the first bytes only.
      load(w, selector, 0);
      compare(w, 0, op, Buffer.from(field.slice(0, -1)));
      return;
    }
    if (typeof field === 'string' && field.includes('/')) {
      this.#comparePrefix(selector, type, field, op);
      return;
    }
    const { first, last, single } = encodeInterval(type, field);
    this.#load(selector);
    if (single) {
      compare(w, 0, op, first);
      if (!inverted) this.#noteProtocol(selector, field as Scalar);
    } else if (type.order === 'host' && type.bytes > 1) {
      throw new NftValueError(`${selectorText(selector)} cannot be compared with a range`);
    } else if (inverted) {
      rangeNotEqual(w, 0, first, last);
    } else {
      compare(w, 0, CMP.gte, first);
      compare(w, 0, CMP.lte, last);
    }
  }

  /** `ct state new,established`: true when any of the flags is set. */
  #compareFlags(selector: Selector, value: Field | readonly Scalar[], inverted: boolean): void {
    if (inverted) throw new NftValueError(`${selectorText(selector)} has flags, for which nft has no "!="`);
    const values = Array.isArray(value) ? (value as readonly Scalar[]) : String(value as Scalar).split(',');
    const mask = values.reduce<number>((sum, flag) => sum | encodeOne(selectorType(selector), flag).readUInt32LE(), 0);
    this.#load(selector);
    bitwise(this.#w, 0, number32(mask), number32(0));
    compare(this.#w, 0, CMP.neq, number32(0));
  }

  #comparePrefix(selector: Selector, type: DataType, text: string, op: number): void {
    const cidr = parseCidr(text);
    if (cidr === undefined || cidr.prefix === 0)
      throw new NftValueError(`${text} is not a prefix one can compare with`);
    const { first } = encodeInterval(type, text);
    this.#require(dependencies(selector, this.#family));
    const row = typeof selector === 'string' ? SELECTORS[selector] : undefined;
    const bytes = cidr.prefix / 8;
    if (row !== undefined && 'payload' in row.load && Number.isInteger(bytes)) {
      // Whole bytes: load only those.
      payload(this.#w, row.load.payload, row.load.offset, bytes, 0);
      compare(this.#w, 0, op, first.subarray(0, bytes));
      return;
    }
    load(this.#w, selector, 0);
    if (bytes < type.bytes) bitwise(this.#w, 0, prefixMask(cidr.prefix, type.bytes), Buffer.alloc(type.bytes));
    compare(this.#w, 0, op, first);
  }

  #setMark(target: 'meta mark' | 'ct mark' | 'meta nftrace', to: MarkValue): void {
    const w = this.#w;
    if (target === 'meta nftrace') {
      immediate(w, 0, encodeOne(DATA_TYPES.boolean, to as number));
      expression(w, 'meta', () => void w.attrU32be(2, 12).attrU32be(3, register(0)));
      return;
    }
    if (typeof to === 'number') immediate(w, 0, number32(to));
    else if (typeof to === 'string') load(w, to, 0);
    else {
      load(w, target, 0);
      // One operation serves all three: (mark & mask) ^ xor.
      if ('or' in to) bitwise(w, 0, number32(~to.or), number32(to.or));
      else if ('and' in to) bitwise(w, 0, number32(to.and), number32(0));
      else bitwise(w, 0, number32(0xffffffff), number32(to.xor));
    }
    if (target === 'meta mark') expression(w, 'meta', () => void w.attrU32be(2, 3).attrU32be(3, register(0)));
    else expression(w, 'ct', () => void w.attrU32be(2, 3).attrU32be(4, register(0)));
  }

  #nat(kind: 0 | 1, target: NatTarget, randomFlag: number, statement: Statement): void {
    const w = this.#w;
    const family = natFamily(target, this.#family);
    const addressType = family === 'ip' ? DATA_TYPES.ipv4_addr : DATA_TYPES.ipv6_addr;
    let portSlot: number | undefined;
    let flags = randomFlag;
    if ('address' in target) {
      this.#require(this.#family === 'inet' ? [family === 'ip' ? 'ipv4' : 'ipv6'] : []);
      immediate(w, 0, encodeOne(addressType, target.address));
      if (target.port !== undefined) {
        portSlot = 4;
        // The range of ports is given, even though it is a single one.
        flags |= 2;
        immediate(w, portSlot, encodeOne(DATA_TYPES.inet_service, target.port));
      }
    } else {
      this.#load(target.map);
      const withPort = 'in' in target ? mapHasPort(target.in) : target.entries[0]?.[2] !== undefined;
      const set = 'in' in target ? { name: target.in.name, id: undefined } : this.#sets.anonymous(statement);
      lookup(w, set, { slot: 0, into: 0 });
      if (withPort) portSlot = padded(addressType.bytes) / 4;
    }
    expression(w, 'nat', () => {
      w.attrU32be(1, kind).attrU32be(2, FAMILIES[family]).attrU32be(3, register(0));
      if (portSlot !== undefined) w.attrU32be(5, register(portSlot));
      if (flags !== 0) w.attrU32be(7, flags);
    });
  }

  #reject(reject: string): void {
    const w = this.#w;
    if (reject === 'tcp reset') this.#require(['tcp']);
    const word = reject === 'default' ? 'port-unreachable' : reject;
    const code = { ip: ICMP_CODES, ip6: ICMPV6_CODES, inet: ICMPX_CODES }[this.#family][word] ?? 0;
    const type = reject === 'tcp reset' ? 1 : this.#family === 'inet' ? 2 : 0;
    expression(w, 'reject', () => void w.attrU32be(1, type).attrU8(2, code));
  }

  #clampMss(): void {
    const w = this.#w;
    this.#require(['tcp']);
    // The flags of the TCP header: SYN is 2.
    payload(w, 'transport', 13, 1, 0);
    bitwise(w, 0, Buffer.of(2), Buffer.of(0));
    compare(w, 0, CMP.neq, Buffer.of(0));
    expression(w, 'rt', () => void w.attrU32be(1, register(0)).attrU32be(2, 3));
    expression(w, 'byteorder', () => {
      w.attrU32be(1, register(0)).attrU32be(2, register(0)).attrU32be(3, 1).attrU32be(4, 2).attrU32be(5, 2);
    });
    // TCP option 2 (maximum segment size), two bytes at offset 2.
    expression(w, 'exthdr', () => {
      w.attrU32be(7, register(0)).attrU8(2, 2).attrU32be(3, 2).attrU32be(4, 2).attrU32be(6, 1);
    });
  }
}

const ICMP_CODES: Readonly<Record<string, number>> = {
  'host-unreachable': 1,
  'port-unreachable': 3,
  'admin-prohibited': 13,
};
const ICMPV6_CODES: Readonly<Record<string, number>> = {
  'admin-prohibited': 1,
  'host-unreachable': 3,
  'port-unreachable': 4,
};
const ICMPX_CODES: Readonly<Record<string, number>> = {
  'port-unreachable': 1,
  'host-unreachable': 2,
  'admin-prohibited': 3,
};

function encodeOne(type: DataType, value: Scalar): Buffer {
  const bytes = Buffer.alloc(type.bytes);
  type.encode(value, bytes, 0);
  return bytes;
}

function mapHasPort(map: { readonly name: string; readonly data?: unknown }): boolean {
  const { data } = map;
  if (typeof data !== 'object' || data === null)
    throw new NftValueError(`the map ${map.name} holds no addresses to translate to`);
  return keyTypes(data as Parameters<typeof keyTypes>[0]).length > 1;
}

function prefixMask(bits: number, bytes: number): Buffer {
  const mask = Buffer.alloc(bytes);
  for (let i = 0; i < bits; i++) mask[i >> 3] = (mask[i >> 3] ?? 0) | (0x80 >> (i & 7));
  return mask;
}
