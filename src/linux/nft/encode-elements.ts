// Sets and their elements as netlink messages. Element lists are the one thing here that may be large: they are cut into
// messages below the 64 KiB that one attribute can hold, and every field is written straight into the message.

import type { MessageWriter } from '../netlink/message.ts';
import type { Field, NftElement, NftSet, Scalar, Verdict } from './contract.ts';
import type { DataType } from './data-types.ts';
import { encodeInterval, NftValueError } from './data-types.ts';
import {
  DATA,
  DATA_VERDICT,
  ELEMENT,
  ELEMENT_INTERVAL_END,
  ELEMENT_LIST,
  NFTA_LIST_ELEM,
  SET,
  SET_DESC,
  SET_FIELD_LEN,
  SET_FLAG,
  VERDICT,
  VERDICT_CODE,
} from './messages.ts';
import { commentUserdata, keyTypes, padded, setUserdata, typeNumber } from './selectors.ts';

/** Room left for the last element of a message: key, key end, data, a chain name and a comment of full length. */
const CHUNK = 0xffff - 1024;

/** What the encoder must know of a set, named or anonymous. */
export interface SetLayout {
  readonly table: string;
  readonly name: string;
  /** For anonymous sets, which have no name before the kernel gives one. */
  readonly id: number | undefined;
  readonly key: readonly DataType[];
  readonly data: 'verdict' | readonly DataType[] | undefined;
  readonly interval: boolean;
}

export function setLayout(set: NftSet): SetLayout {
  return {
    table: set.table,
    name: set.name,
    id: undefined,
    key: keyTypes(set.key),
    data: set.data === undefined || set.data === 'verdict' ? set.data : keyTypes(set.data),
    interval: set.flags?.includes('interval') ?? false,
  };
}

/** Bytes of a key: one field as it is, several each padded to four. */
export function keyLength(types: readonly DataType[]): number {
  const [only] = types;
  if (types.length === 1 && only !== undefined) return only.bytes;
  return types.reduce((sum, type) => sum + padded(type.bytes), 0);
}

const scratch = Buffer.alloc(64);
const scratchEnd = Buffer.alloc(64);

const SEPARATOR = ' . ';

function wrongCount(layout: SetLayout, part: 'key' | 'data', fields: readonly Field[] | string): NftValueError {
  const wanted = (part === 'key' ? layout.key : (layout.data ?? [])).length;
  const given = elementFields(fields).length;
  return new NftValueError(`the ${part} of ${layout.name} has ${wanted} fields, but ${given} were given`);
}

/** Writes the fields into `scratch` and gives their length. Text is cut on the way: lists hold so much of it. */
function encodeFields(layout: SetLayout, part: 'key' | 'data', fields: readonly Field[] | string): number {
  const types = part === 'key' ? layout.key : ((layout.data ?? []) as readonly DataType[]);
  const last = types.length - 1;
  if (typeof fields !== 'string' && fields.length !== types.length) throw wrongCount(layout, part, fields);
  let offset = 0;
  let at = 0;
  for (let i = 0; i <= last; i++) {
    const type = types[i] as DataType;
    let field: Field | undefined;
    if (typeof fields === 'string') {
      const end = fields.indexOf(SEPARATOR, at);
      if (end < 0 !== (i === last)) throw wrongCount(layout, part, fields);
      field = end < 0 ? fields.slice(at) : fields.slice(at, end);
      at = end + SEPARATOR.length;
    } else field = fields[i];
    if (typeof field === 'object') throw new NftValueError(`the ${part} of ${layout.name} holds no intervals`);
    type.encode(field as Scalar, scratch, offset);
    const next = offset + (last === 0 ? type.bytes : padded(type.bytes));
    for (let zero = offset + type.bytes; zero < next; zero++) scratch[zero] = 0;
    offset = next;
  }
  return offset;
}

export function elementFields(key: readonly Field[] | string): readonly Field[] {
  return typeof key === 'string' ? key.split(SEPARATOR) : key;
}

export function parseVerdict(text: string): Verdict | undefined {
  if (text === 'accept' || text === 'drop' || text === 'return' || text === 'continue') return text;
  if (text.startsWith('goto ')) return { goto: text.slice(5) };
  return text.startsWith('jump ') ? { jump: text.slice(5) } : undefined;
}

/** Attributes of a verdict inside an NFTA_DATA. */
export function writeVerdict(w: MessageWriter, verdict: Verdict): void {
  const nest = w.nest(DATA.VERDICT);
  if (typeof verdict === 'string') {
    w.attrU32be(VERDICT.CODE, VERDICT_CODE[verdict]);
  } else {
    const jump = 'jump' in verdict;
    w.attrU32be(VERDICT.CODE, jump ? VERDICT_CODE.jump : VERDICT_CODE.goto);
    w.attrText(VERDICT.CHAIN, jump ? verdict.jump : verdict.goto);
  }
  w.endNest(nest);
}

/** A nested NFTA_DATA with plain bytes. */
export function writeValue(w: MessageWriter, type: number, bytes: Uint8Array): void {
  const nest = w.nest(type);
  w.attr(DATA.VALUE, bytes);
  w.endNest(nest);
}

/** As `writeValue`, of what `encodeFields` wrote. */
function writeScratch(w: MessageWriter, type: number, length: number): void {
  const nest = w.nest(type);
  w.attrFrom(DATA.VALUE, scratch, length);
  w.endNest(nest);
}

function writeData(w: MessageWriter, layout: SetLayout, data: NftElement['data']): void {
  if (data === undefined) throw new NftValueError(`an element of the map ${layout.name} needs data`);
  if (layout.data === 'verdict') {
    const verdict = typeof data === 'string' ? parseVerdict(data) : Array.isArray(data) ? undefined : (data as Verdict);
    if (verdict === undefined)
      throw new NftValueError(`${JSON.stringify(data)} is not a verdict for the map ${layout.name}`);
    const nest = w.nest(ELEMENT.DATA);
    writeVerdict(w, verdict);
    w.endNest(nest);
    return;
  }
  writeScratch(w, ELEMENT.DATA, encodeFields(layout, 'data', data as readonly Scalar[] | string));
}

function writeTail(w: MessageWriter, layout: SetLayout, element: NftElement, deletion: boolean): void {
  if (deletion) return;
  if (layout.data !== undefined) writeData(w, layout, element.data);
  if (element.timeoutSeconds !== undefined)
    w.attrU64be(ELEMENT.TIMEOUT, BigInt(Math.round(element.timeoutSeconds * 1000)));
  if (element.comment !== undefined) w.attr(ELEMENT.USERDATA, commentUserdata(0, element.comment));
}

/** The number after the last one of a range, or undefined at the end of the type. */
function increment(bytes: Buffer): Buffer | undefined {
  const next = Buffer.from(bytes);
  for (let i = next.length - 1; i >= 0; i--) {
    const value = ((next[i] ?? 0) + 1) & 255;
    next[i] = value;
    if (value !== 0) return next;
  }
  return undefined;
}

/** One field with intervals: a start, and the number after the end as an element of its own (kernel: rbtree). */
function writeRange(w: MessageWriter, layout: SetLayout, element: NftElement, deletion: boolean): void {
  const [field = ''] = elementFields(element.key);
  const { first, last } = encodeInterval(layout.key[0] as DataType, field);
  const start = w.nest(NFTA_LIST_ELEM);
  writeValue(w, ELEMENT.KEY, first);
  writeTail(w, layout, element, deletion);
  w.endNest(start);
  const after = increment(last);
  if (after === undefined) return;
  const end = w.nest(NFTA_LIST_ELEM);
  writeValue(w, ELEMENT.KEY, after);
  w.attrU32be(ELEMENT.FLAGS, ELEMENT_INTERVAL_END);
  w.endNest(end);
}

/** Several fields, any of them an interval: first and last key of one element (kernel: pipapo). */
function writeBox(w: MessageWriter, layout: SetLayout, element: NftElement, deletion: boolean): void {
  const fields = elementFields(element.key);
  if (fields.length !== layout.key.length) {
    throw new NftValueError(`the key of ${layout.name} has ${layout.key.length} fields, not ${fields.length}`);
  }
  scratch.fill(0);
  scratchEnd.fill(0);
  let offset = 0;
  for (const [i, type] of layout.key.entries()) {
    const { first, last } = encodeInterval(type, fields[i] as Field);
    first.copy(scratch, offset);
    last.copy(scratchEnd, offset);
    offset += padded(type.bytes);
  }
  const nest = w.nest(NFTA_LIST_ELEM);
  writeValue(w, ELEMENT.KEY, scratch.subarray(0, offset));
  writeValue(w, ELEMENT.KEY_END, scratchEnd.subarray(0, offset));
  writeTail(w, layout, element, deletion);
  w.endNest(nest);
}

function writeElement(w: MessageWriter, layout: SetLayout, element: NftElement, deletion: boolean): void {
  if (layout.interval) {
    if (layout.key.length === 1) writeRange(w, layout, element, deletion);
    else writeBox(w, layout, element, deletion);
    return;
  }
  const nest = w.nest(NFTA_LIST_ELEM);
  writeScratch(w, ELEMENT.KEY, encodeFields(layout, 'key', element.key));
  writeTail(w, layout, element, deletion);
  w.endNest(nest);
}

/** Writes as many messages as the elements need; `begin` starts one and `end` closes it. */
export function writeElements(
  w: MessageWriter,
  layout: SetLayout,
  elements: readonly NftElement[],
  options: { readonly deletion: boolean; readonly begin: () => number; readonly end: (start: number) => void },
): void {
  let at = 0;
  while (at < elements.length) {
    const message = options.begin();
    w.attrText(ELEMENT_LIST.TABLE, layout.table).attrText(ELEMENT_LIST.SET, layout.name);
    if (layout.id !== undefined) w.attrU32be(ELEMENT_LIST.SET_ID, layout.id);
    const list = w.nest(ELEMENT_LIST.ELEMENTS);
    while (at < elements.length && w.length - list < CHUNK) {
      writeElement(w, layout, elements[at] as NftElement, options.deletion);
      at++;
    }
    w.endNest(list);
    options.end(message);
  }
}

const FLAGS = { interval: SET_FLAG.INTERVAL, timeout: SET_FLAG.TIMEOUT, dynamic: SET_FLAG.EVAL } as const;

function writeDescription(w: MessageWriter, size: number | undefined, concat: readonly DataType[] | undefined): void {
  if (size === undefined && concat === undefined) return;
  const description = w.nest(SET.DESC);
  if (size !== undefined) w.attrU32be(SET_DESC.SIZE, size);
  if (concat !== undefined) {
    const fields = w.nest(SET_DESC.CONCAT);
    for (const type of concat) {
      const field = w.nest(NFTA_LIST_ELEM);
      w.attrU32be(SET_FIELD_LEN, type.bytes);
      w.endNest(field);
    }
    w.endNest(fields);
  }
  w.endNest(description);
}

/** Attributes of NFT_MSG_NEWSET. */
export function writeSet(w: MessageWriter, set: NftSet, id: number): void {
  if (typeof set.data === 'object' && 'type' in set.key !== 'type' in set.data) {
    throw new NftValueError(
      `the key and the data of ${set.name} must both be given by type or both by typeof: nft cannot mix them`,
    );
  }
  const layout = setLayout(set);
  const concat = layout.interval && layout.key.length > 1;
  let flags = (set.flags ?? []).reduce<number>((sum, flag) => sum | FLAGS[flag], 0);
  if (set.data !== undefined) flags |= SET_FLAG.MAP;
  if (concat) flags |= SET_FLAG.CONCAT;
  writeSetHead(w, layout, flags, id);
  writeDescription(w, set.size, concat ? layout.key : undefined);
  if (set.timeoutSeconds !== undefined) w.attrU64be(SET.TIMEOUT, BigInt(Math.round(set.timeoutSeconds * 1000)));
  w.attr(SET.USERDATA, setUserdata(set.key, set.data, set.comment));
}

function writeSetHead(w: MessageWriter, layout: SetLayout, flags: number, id: number): void {
  w.attrText(SET.TABLE, layout.table).attrText(SET.NAME, layout.name);
  if (flags !== 0) w.attrU32be(SET.FLAGS, flags);
  w.attrU32be(SET.KEY_TYPE, typeNumber(layout.key)).attrU32be(SET.KEY_LEN, keyLength(layout.key));
  if (layout.data === 'verdict') {
    w.attrU32be(SET.DATA_TYPE, DATA_VERDICT);
  } else if (layout.data !== undefined) {
    w.attrU32be(SET.DATA_TYPE, typeNumber(layout.data)).attrU32be(SET.DATA_LEN, keyLength(layout.data));
  }
  w.attrU32be(SET.ID, id);
}

/** Attributes of NFT_MSG_NEWSET for a set without a name, which belongs to the one rule that uses it. */
export function writeAnonymousSet(w: MessageWriter, layout: SetLayout, id: number, count: number): void {
  const concat = layout.interval && layout.key.length > 1;
  let flags: number = SET_FLAG.ANONYMOUS | SET_FLAG.CONSTANT;
  if (layout.data !== undefined) flags |= SET_FLAG.MAP;
  if (layout.interval) flags |= SET_FLAG.INTERVAL;
  if (concat) flags |= SET_FLAG.CONCAT;
  writeSetHead(w, layout, flags, id);
  writeDescription(w, layout.interval ? count * 2 : count, concat ? layout.key : undefined);
  // Only the byte order: the types of an anonymous set are plain ones, whose number says the rest.
  const order = layout.key.length !== 1 ? 0 : layout.key[0]?.order === 'big' ? 2 : 1;
  const userdata = [0, 4, order, 0, 0, 0];
  if (layout.data !== undefined) userdata.push(1, 4, 0, 0, 0, 0);
  w.attr(SET.USERDATA, Buffer.from(userdata));
}
