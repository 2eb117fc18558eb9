// What rules can load from a packet: how nft spells it, its type, and the kernel expression that loads it. One row each.

import type { KeyType, NftFamily, NumgenSelector, Operand, Selector, SelectorName } from './contract.ts';
import type { DataType } from './data-types.ts';
import { DATA_TYPES } from './data-types.ts';

/** A condition that must hold before the load means anything; nft adds it unasked and hides it in listings. */
export type Dependency = 'ipv4' | 'ipv6' | 'tcp' | 'udp' | 'sctp';

interface SelectorRow {
  readonly type: DataType;
  readonly load:
    | { readonly payload: 'network' | 'transport'; readonly offset: number }
    | { readonly meta: number }
    | { readonly ct: number; readonly direction?: 0 | 1 };
  readonly needs?: Dependency;
  /** nft's own ids of protocol and field, for the `typeof` of a set. */
  readonly typeof?: readonly [protocol: number, field: number];
}

const T = DATA_TYPES;
const PROTO_TH = 11;
const PROTO_IP = 12;
const PROTO_IP6 = 13;
const SPORT = { payload: 'transport', offset: 0 } as const;
const DPORT = { payload: 'transport', offset: 2 } as const;

export const SELECTORS: Readonly<Record<SelectorName, SelectorRow>> = {
  'ip saddr': { type: T.ipv4_addr, load: { payload: 'network', offset: 12 }, needs: 'ipv4', typeof: [PROTO_IP, 11] },
  'ip daddr': { type: T.ipv4_addr, load: { payload: 'network', offset: 16 }, needs: 'ipv4', typeof: [PROTO_IP, 12] },
  'ip protocol': { type: T.inet_proto, load: { payload: 'network', offset: 9 }, needs: 'ipv4' },
  'ip6 saddr': { type: T.ipv6_addr, load: { payload: 'network', offset: 8 }, needs: 'ipv6', typeof: [PROTO_IP6, 8] },
  'ip6 daddr': { type: T.ipv6_addr, load: { payload: 'network', offset: 24 }, needs: 'ipv6', typeof: [PROTO_IP6, 9] },
  'th sport': { type: T.inet_service, load: SPORT, typeof: [PROTO_TH, 1] },
  'th dport': { type: T.inet_service, load: DPORT, typeof: [PROTO_TH, 2] },
  'tcp sport': { type: T.inet_service, load: SPORT, needs: 'tcp' },
  'tcp dport': { type: T.inet_service, load: DPORT, needs: 'tcp' },
  'udp sport': { type: T.inet_service, load: SPORT, needs: 'udp' },
  'udp dport': { type: T.inet_service, load: DPORT, needs: 'udp' },
  'sctp sport': { type: T.inet_service, load: SPORT, needs: 'sctp' },
  'sctp dport': { type: T.inet_service, load: DPORT, needs: 'sctp' },
  'meta l4proto': { type: T.inet_proto, load: { meta: 16 } },
  'meta nfproto': { type: T.nf_proto, load: { meta: 15 } },
  'meta mark': { type: T.mark, load: { meta: 3 } },
  'meta iifname': { type: T.ifname, load: { meta: 6 } },
  'meta oifname': { type: T.ifname, load: { meta: 7 } },
  'meta iif': { type: T.ifindex, load: { meta: 4 } },
  'meta oif': { type: T.ifindex, load: { meta: 5 } },
  'ct state': { type: T.ct_state, load: { ct: 0 } },
  'ct status': { type: T.ct_status, load: { ct: 2 } },
  'ct direction': { type: T.ct_direction, load: { ct: 1 } },
  'ct mark': { type: T.mark, load: { ct: 3 } },
  'ct original ip saddr': { type: T.ipv4_addr, load: { ct: 19, direction: 0 } },
  'ct original ip daddr': { type: T.ipv4_addr, load: { ct: 20, direction: 0 } },
  'ct original ip6 saddr': { type: T.ipv6_addr, load: { ct: 21, direction: 0 } },
  'ct original ip6 daddr': { type: T.ipv6_addr, load: { ct: 22, direction: 0 } },
  'ct original proto-src': { type: T.inet_service, load: { ct: 11, direction: 0 } },
  'ct original proto-dst': { type: T.inet_service, load: { ct: 12, direction: 0 } },
};

export function selectorList(operand: Operand): readonly Selector[] {
  return Array.isArray(operand) ? (operand as readonly Selector[]) : [operand as Selector];
}

export function selectorType(selector: Selector): DataType {
  if (typeof selector === 'string') return SELECTORS[selector].type;
  if ('fib' in selector) return T.fib_addrtype;
  if ('mask' in selector) return T.mark;
  return T.integer;
}

/** As nft writes it. */
export function selectorText(selector: Selector): string {
  if (typeof selector === 'string') {
    // nft prints these two without their family word.
    return selector === 'meta iifname' ||
      selector === 'meta oifname' ||
      selector === 'meta iif' ||
      selector === 'meta oif'
      ? selector.slice('meta '.length)
      : selector;
  }
  if ('numgen' in selector) {
    const offset = selector.offset ? ` offset ${selector.offset}` : '';
    return `numgen ${selector.numgen} mod ${selector.mod}${offset}`;
  }
  if ('jhash' in selector)
    return `jhash ${selector.jhash.join(' . ')} mod ${selector.mod} seed 0x${selector.seed.toString(16)}`;
  if ('fib' in selector) return `fib ${selector.of} type`;
  return `${selector.mask} & 0x${(selector.and >>> 0).toString(16).padStart(8, '0')}`;
}

export function operandText(operand: Operand): string {
  return selectorList(operand).map(selectorText).join(' . ');
}

/** What the selectors of an operand need in a table of this family. */
export function dependencies(operand: Operand, family: NftFamily): Dependency[] {
  const needed: Dependency[] = [];
  for (const selector of selectorList(operand)) {
    const names = typeof selector === 'string' ? [selector] : 'jhash' in selector ? selector.jhash : [];
    for (const name of names) {
      const { needs } = SELECTORS[name];
      if (needs === undefined || needed.includes(needs)) continue;
      if ((needs === 'ipv4' || needs === 'ipv6') && family !== 'inet') continue;
      needed.push(needs);
    }
  }
  return needed;
}

export function keyTypes(key: KeyType): readonly DataType[] {
  return 'type' in key ? key.type.map((name) => T[name]) : key.typeof.map(selectorType);
}

export function keyText(key: KeyType): string {
  return 'type' in key ? key.type.join(' . ') : key.typeof.map(selectorText).join(' . ');
}

/** Bytes a field takes in a register or a concatenated key. */
export function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** nft's number of a concatenated type: six bits a field. */
export function typeNumber(types: readonly DataType[]): number {
  let number = 0;
  for (const type of types) {
    if (type.id === 0) throw new RangeError('a field of this type cannot be in a set');
    number = ((number << 6) | type.id) >>> 0;
  }
  return number;
}

// The userdata that nft stores with a set: type, length, value; nothing of it means anything to the kernel.
const EXPR_VERDICT = 1;
const EXPR_PAYLOAD = 7;
const EXPR_META = 9;
const EXPR_CONCAT = 13;
const EXPR_NUMGEN = 23;
const EXPR_CT = 12;

function tlv(type: number, value: Uint8Array): Buffer {
  if (value.length > 255) throw new RangeError('the key of a set has too many fields for nft to describe');
  return Buffer.concat([Buffer.of(type, value.length), value]);
}

function tlv32(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return tlv(type, bytes);
}

function typeofExpression(selector: SelectorName | NumgenSelector): Buffer {
  if (typeof selector !== 'string') {
    const mode = tlv32(0, selector.numgen === 'random' ? 1 : 0);
    const body = Buffer.concat([mode, tlv32(1, selector.mod), tlv32(2, selector.offset ?? 0)]);
    return Buffer.concat([tlv32(0, EXPR_NUMGEN), tlv(1, body)]);
  }
  const row = SELECTORS[selector];
  if ('payload' in row.load && row.typeof !== undefined) {
    const [protocol, field] = row.typeof;
    return Buffer.concat([tlv32(0, EXPR_PAYLOAD), tlv(1, Buffer.concat([tlv32(0, protocol), tlv32(1, field)]))]);
  }
  if ('meta' in row.load) return Buffer.concat([tlv32(0, EXPR_META), tlv(1, tlv32(0, row.load.meta))]);
  if ('ct' in row.load && row.load.direction === undefined) {
    return Buffer.concat([tlv32(0, EXPR_CT), tlv(1, Buffer.concat([tlv32(0, row.load.ct), tlv32(1, 0xffffffff)]))]);
  }
  throw new RangeError(`"${selector}" cannot stand in the typeof of a set`);
}

/** How nft remembers a key's type beyond the kernel's number; undefined when the number says it all. */
function keyUserdata(key: KeyType): Buffer | undefined {
  if ('type' in key) {
    return key.type.length > 1 ? Buffer.concat([tlv32(0, EXPR_CONCAT), tlv(1, Buffer.alloc(0))]) : undefined;
  }
  const [only] = key.typeof;
  if (key.typeof.length === 1 && only !== undefined) return typeofExpression(only);
  const fields = key.typeof.map((selector, i) => tlv(i, typeofExpression(selector)));
  return Buffer.concat([tlv32(0, EXPR_CONCAT), tlv(1, Buffer.concat(fields))]);
}

/** Verdicts need a note only beside a key that is given by typeof. */
function verdictUserdata(key: KeyType): Buffer | undefined {
  return 'typeof' in key ? Buffer.concat([tlv32(0, EXPR_VERDICT), tlv(1, Buffer.alloc(0))]) : undefined;
}

function byteOrder(key: KeyType): number {
  const types = keyTypes(key);
  if (types.length !== 1) return 0;
  return types[0]?.order === 'big' ? 2 : 1;
}

/** The userdata of a set or map, as nft writes it. */
export function setUserdata(key: KeyType, data: KeyType | 'verdict' | undefined, comment: string | undefined): Buffer {
  const parts = [tlv32(0, byteOrder(key))];
  if (data !== undefined) parts.push(tlv32(1, data === 'verdict' ? 0 : byteOrder(data)));
  const keyPart = keyUserdata(key);
  if (keyPart !== undefined) parts.push(tlv(3, keyPart));
  const dataPart = data === 'verdict' ? verdictUserdata(key) : data && keyUserdata(data);
  if (dataPart !== undefined) parts.push(tlv(4, dataPart));
  if (data !== undefined) parts.push(tlv32(6, 0));
  if (comment !== undefined) parts.push(commentUserdata(7, comment));
  return Buffer.concat(parts);
}

/** A comment as nft stores it: text with its final NUL. */
export function commentUserdata(type: number, comment: string): Buffer {
  const bytes = Buffer.from(`${comment}\0`);
  // nft itself refuses longer ones, and could not read them back.
  if (bytes.length > 128) throw new RangeError(`a comment has at most 127 bytes: "${comment}"`);
  return tlv(type, bytes);
}

/** Reads one text of nft's userdata. */
export function userdataText(bytes: Buffer | undefined, wanted: number): string | undefined {
  if (bytes === undefined) return undefined;
  let at = 0;
  while (at + 2 <= bytes.length) {
    const length = bytes[at + 1] ?? 0;
    if (bytes[at] === wanted) return bytes.toString('utf8', at + 2, at + 2 + length).replace(/\0$/, '');
    at += 2 + length;
  }
  return undefined;
}
