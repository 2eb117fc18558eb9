// What the kernel reports about tables, chains, sets, rules and elements, as values. Pure.

import type { NetlinkMessage } from '../netlink/message.ts';
import { attributeList, attributeText, eachAttribute, parseAttributes } from '../netlink/message.ts';
import type { ChainFacts, ElementFacts, NftEvent, RuleFacts, SetFacts, TableFacts } from './contract.ts';
import type { DataType } from './data-types.ts';
import { encodeInterval } from './data-types.ts';
import type { SetLayout } from './encode-elements.ts';
import {
  CHAIN,
  DATA,
  ELEMENT,
  ELEMENT_INTERVAL_END,
  ELEMENT_LIST,
  FAMILY_NAMES,
  GEN,
  HOOK,
  HOOKS,
  MSG,
  NFNL_SUBSYS_NFTABLES,
  RULE,
  SET,
  SET_DESC,
  SET_FLAG,
  TABLE,
  VERDICT,
} from './messages.ts';
import { padded, userdataText } from './selectors.ts';

const NFGENMSG_LENGTH = 4;
const EMPTY = Buffer.alloc(0);

export function messageFamily(message: NetlinkMessage): string {
  return FAMILY_NAMES.get(message.payload[0] ?? 0) ?? `family ${message.payload[0]}`;
}

function attributes(message: NetlinkMessage): Map<number, Buffer> {
  return parseAttributes(message.payload.subarray(NFGENMSG_LENGTH));
}

export function decodeTable(message: NetlinkMessage): TableFacts {
  const a = attributes(message);
  return {
    family: messageFamily(message),
    name: attributeText(a.get(TABLE.NAME)) ?? '',
    handle: a.get(TABLE.HANDLE)?.readBigUInt64BE() ?? 0n,
    comment: userdataText(a.get(TABLE.USERDATA), 0),
  };
}

export function decodeChain(message: NetlinkMessage): ChainFacts {
  const a = attributes(message);
  const hook = a.get(CHAIN.HOOK);
  const h = parseAttributes(hook ?? EMPTY);
  return {
    family: messageFamily(message),
    table: attributeText(a.get(CHAIN.TABLE)) ?? '',
    name: attributeText(a.get(CHAIN.NAME)) ?? '',
    handle: a.get(CHAIN.HANDLE)?.readBigUInt64BE() ?? 0n,
    base:
      hook === undefined
        ? undefined
        : {
            type: attributeText(a.get(CHAIN.TYPE)) ?? '',
            hook: HOOKS[h.get(HOOK.NUM)?.readUInt32BE() ?? -1] ?? 'unknown',
            priority: h.get(HOOK.PRIORITY)?.readInt32BE() ?? 0,
            policy: a.get(CHAIN.POLICY)?.readUInt32BE() === 0 ? 'drop' : 'accept',
          },
    comment: userdataText(a.get(CHAIN.USERDATA), 0),
  };
}

/** Undefined for anonymous sets, which belong to a rule. */
export function decodeSet(message: NetlinkMessage): SetFacts | undefined {
  const a = attributes(message);
  const flags = a.get(SET.FLAGS)?.readUInt32BE() ?? 0;
  if ((flags & SET_FLAG.ANONYMOUS) !== 0) return undefined;
  const names = [
    [SET_FLAG.INTERVAL, 'interval'],
    [SET_FLAG.TIMEOUT, 'timeout'],
    [SET_FLAG.EVAL, 'dynamic'],
    [SET_FLAG.CONSTANT, 'constant'],
  ] as const;
  const size = parseAttributes(a.get(SET.DESC) ?? EMPTY)
    .get(SET_DESC.SIZE)
    ?.readUInt32BE();
  return {
    family: messageFamily(message),
    table: attributeText(a.get(SET.TABLE)) ?? '',
    name: attributeText(a.get(SET.NAME)) ?? '',
    handle: a.get(SET.HANDLE)?.readBigUInt64BE() ?? 0n,
    map: (flags & SET_FLAG.MAP) !== 0,
    flags: names.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name),
    size,
    comment: userdataText(a.get(SET.USERDATA), 7),
  };
}

export function decodeRule(message: NetlinkMessage): RuleFacts {
  const a = attributes(message);
  return {
    family: messageFamily(message),
    table: attributeText(a.get(RULE.TABLE)) ?? '',
    chain: attributeText(a.get(RULE.CHAIN)) ?? '',
    handle: a.get(RULE.HANDLE)?.readBigUInt64BE() ?? 0n,
    comment: userdataText(a.get(RULE.USERDATA), 0),
  };
}

/** Fields from `offset` on, as nft writes them: `10.96.0.10 . tcp . 80`. */
function fieldsText(bytes: Buffer, offset: number, types: readonly DataType[]): string {
  const [first] = types;
  if (types.length === 1 && first !== undefined) return first.format(bytes, offset);
  let at = offset;
  const texts: string[] = [];
  for (const type of types) {
    texts.push(type.format(bytes, at));
    at += padded(type.bytes);
  }
  // Joined, not added up: a sum would stay a chain of pieces in memory.
  return texts.join(' . ');
}

function valueOf(bytes: Buffer | undefined): Buffer {
  return parseAttributes(bytes ?? EMPTY).get(DATA.VALUE) ?? EMPTY;
}

/** `goto pick-3`: a verdict's attributes in nft's words. */
export function verdictWords(bytes: Buffer): string {
  const a = parseAttributes(bytes);
  const chain = attributeText(a.get(VERDICT.CHAIN)) ?? '';
  const words: Readonly<Record<number, string>> = {
    0: 'drop',
    1: 'accept',
    [-1]: 'continue',
    [-3]: `jump ${chain}`,
    [-4]: `goto ${chain}`,
    [-2]: 'break',
    [-5]: 'return',
  };
  const code = a.get(VERDICT.CODE)?.readInt32BE() ?? 0;
  return words[code] ?? `verdict ${code}`;
}

function dataText(bytes: Buffer | undefined, layout: SetLayout): string | undefined {
  if (bytes === undefined || layout.data === undefined) return undefined;
  const a = parseAttributes(bytes);
  const verdict = a.get(DATA.VERDICT);
  if (verdict !== undefined) return verdictWords(verdict);
  return layout.data === 'verdict' ? undefined : fieldsText(valueOf(bytes), 0, layout.data);
}

/** The elements in one message of a dump, of a set without intervals: read in place. */
export function decodePlainElements(message: NetlinkMessage, layout: SetLayout): ElementFacts[] {
  const { payload } = message;
  const found: ElementFacts[] = [];
  let key = '';
  let data: string | undefined;
  let comment: string | undefined;
  let expiresSeconds: number | undefined;
  const inKey = (type: number, from: number) => {
    if (type === DATA.VALUE) key = fieldsText(payload, from, layout.key);
  };
  const inData = (type: number, from: number, to: number) => {
    if (type === DATA.VERDICT) data = verdictWords(payload.subarray(from, to));
    else if (type === DATA.VALUE && typeof layout.data === 'object') data = fieldsText(payload, from, layout.data);
  };
  const inElement = (type: number, from: number, to: number) => {
    if (type === ELEMENT.KEY) eachAttribute(payload, from, to, inKey);
    else if (type === ELEMENT.DATA) eachAttribute(payload, from, to, inData);
    else if (type === ELEMENT.USERDATA) comment = userdataText(payload.subarray(from, to), 0);
    else if (type === ELEMENT.EXPIRATION) expiresSeconds = Number(payload.readBigUInt64BE(from)) / 1000;
  };
  const inList = (_: number, from: number, to: number) => {
    data = comment = expiresSeconds = undefined;
    eachAttribute(payload, from, to, inElement);
    found.push({ key, data, comment, expiresSeconds });
  };
  eachAttribute(payload, NFGENMSG_LENGTH, payload.length, (type, from, to) => {
    if (type === ELEMENT_LIST.ELEMENTS) eachAttribute(payload, from, to, inList);
  });
  return found;
}

/** One end of an interval or a whole element, before ends are put together. */
export interface RawElement {
  readonly key: Buffer;
  readonly keyEnd: Buffer | undefined;
  readonly end: boolean;
  readonly facts: Omit<ElementFacts, 'key'>;
}

/** The elements in one message of a dump, of a set with intervals; copies, since the message is a view. */
export function decodeElements(message: NetlinkMessage, layout: SetLayout): RawElement[] {
  const list = attributes(message).get(ELEMENT_LIST.ELEMENTS) ?? EMPTY;
  const elements: RawElement[] = [];
  for (const [, bytes] of attributeList(list)) {
    const a = parseAttributes(bytes);
    const keyEnd = a.get(ELEMENT.KEY_END);
    const expires = a.get(ELEMENT.EXPIRATION)?.readBigUInt64BE();
    elements.push({
      key: Buffer.from(valueOf(a.get(ELEMENT.KEY))),
      keyEnd: keyEnd === undefined ? undefined : Buffer.from(valueOf(keyEnd)),
      end: ((a.get(ELEMENT.FLAGS)?.readUInt32BE() ?? 0) & ELEMENT_INTERVAL_END) !== 0,
      facts: {
        data: dataText(a.get(ELEMENT.DATA), layout),
        comment: userdataText(a.get(ELEMENT.USERDATA), 0),
        expiresSeconds: expires === undefined ? undefined : Number(expires) / 1000,
      },
    });
  }
  return elements;
}

/** `10.0.0.0/8` when the range is a prefix, else `a-b`, or one value. */
function rangeText(type: DataType, first: Buffer, last: Buffer): string {
  const [from, to] = [type.format(first), type.format(last)];
  if (from === to) return from;
  if (type.bytes === 4 || type.bytes === 16) {
    for (let bits = 0; bits < type.bytes * 8; bits++) {
      const prefix = prefixInterval(type, `${from}/${bits}`);
      if (prefix !== undefined && prefix.first.equals(first) && prefix.last.equals(last)) return `${from}/${bits}`;
    }
  }
  return `${from}-${to}`;
}

function prefixInterval(type: DataType, text: string): { first: Buffer; last: Buffer } | undefined {
  return type.order === 'big' ? encodeInterval(type, text) : undefined;
}

function decrement(bytes: Buffer): Buffer {
  const previous = Buffer.from(bytes);
  for (let i = previous.length - 1; i >= 0; i--) {
    const value = ((previous[i] ?? 0) - 1) & 255;
    previous[i] = value;
    if (value !== 255) break;
  }
  return previous;
}

/** Elements of a set with intervals in canonical text, sorted by key bytes. */
export function elementFacts(raw: readonly RawElement[], layout: SetLayout): ElementFacts[] {
  const sorted = raw.toSorted((a, b) => Buffer.compare(a.key, b.key) || Number(b.end) - Number(a.end));
  const [only] = layout.key;
  if (layout.key.length === 1 && only !== undefined) return intervalFacts(sorted, only);
  return sorted.map((element) => {
    let offset = 0;
    const texts = layout.key.map((type) => {
      const first = element.key.subarray(offset, offset + type.bytes);
      const last = (element.keyEnd ?? element.key).subarray(offset, offset + type.bytes);
      offset += padded(type.bytes);
      return rangeText(type, first, last);
    });
    return { key: texts.join(' . '), ...element.facts };
  });
}

function intervalFacts(sorted: readonly RawElement[], type: DataType): ElementFacts[] {
  const facts: ElementFacts[] = [];
  for (const [i, element] of sorted.entries()) {
    if (element.end) continue;
    const next = sorted[i + 1];
    const last = next === undefined ? Buffer.alloc(type.bytes, 255) : decrement(next.key);
    facts.push({ key: rangeText(type, element.key, last), ...element.facts });
  }
  return facts;
}

const EVENTS: Readonly<
  Record<number, readonly ['table' | 'chain' | 'set' | 'rule' | 'element', 'add' | 'delete', number]>
> = {
  [MSG.NEWTABLE]: ['table', 'add', TABLE.NAME],
  [MSG.DELTABLE]: ['table', 'delete', TABLE.NAME],
  [MSG.NEWCHAIN]: ['chain', 'add', CHAIN.NAME],
  [MSG.DELCHAIN]: ['chain', 'delete', CHAIN.NAME],
  [MSG.NEWRULE]: ['rule', 'add', RULE.CHAIN],
  [MSG.DELRULE]: ['rule', 'delete', RULE.CHAIN],
  [MSG.NEWSET]: ['set', 'add', SET.NAME],
  [MSG.DELSET]: ['set', 'delete', SET.NAME],
  [MSG.NEWSETELEM]: ['element', 'add', ELEMENT_LIST.SET],
  [MSG.DELSETELEM]: ['element', 'delete', ELEMENT_LIST.SET],
};

/** A message of the notification group; undefined for kinds nobody here cares about. */
export function decodeEvent(message: NetlinkMessage): NftEvent | undefined {
  if (message.type >> 8 !== NFNL_SUBSYS_NFTABLES) return undefined;
  const type = message.type & 255;
  const a = attributes(message);
  if (type === MSG.NEWGEN) {
    return {
      kind: 'generation',
      id: a.get(GEN.ID)?.readUInt32BE() ?? 0,
      processId: a.get(GEN.PROCESS)?.readUInt32BE() ?? 0,
      processName: attributeText(a.get(GEN.NAME)) ?? '',
    };
  }
  const row = EVENTS[type];
  if (row === undefined) return undefined;
  const [kind, action, nameAttribute] = row;
  // Attribute 1 is the table in every one of these messages.
  const table = attributeText(a.get(1)) ?? '';
  const name = attributeText(a.get(nameAttribute));
  return { kind, action, family: messageFamily(message), table, name: kind === 'table' ? undefined : name };
}
