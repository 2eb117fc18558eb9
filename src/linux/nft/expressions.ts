// The kernel's rule expressions, one function each. A register slot is four bytes; slots 0…15.

import type { MessageWriter } from '../netlink/message.ts';
import type { HashSelector, NumgenSelector, Selector, SelectorName, Verdict } from './contract.ts';
import { writeValue, writeVerdict } from './encode-elements.ts';
import { EXPR, NFTA_LIST_ELEM } from './messages.ts';
import { padded, SELECTORS, selectorType } from './selectors.ts';

const VERDICT_REGISTER = 0;
const BASES = { network: 1, transport: 2 } as const;
export const CMP = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;

/** The kernel has 16-byte registers 1…4 and names the same memory in 4-byte ones from 8. */
export function register(slot: number): number {
  return slot % 4 === 0 ? 1 + slot / 4 : 8 + slot;
}

export function expression(w: MessageWriter, name: string, body: () => void): void {
  const element = w.nest(NFTA_LIST_ELEM);
  w.attrText(EXPR.NAME, name);
  const inner = w.nest(EXPR.DATA);
  body();
  w.endNest(inner);
  w.endNest(element);
}

export function payload(
  w: MessageWriter,
  base: 'network' | 'transport',
  offset: number,
  length: number,
  slot: number,
): void {
  expression(w, 'payload', () => {
    w.attrU32be(1, register(slot)).attrU32be(2, BASES[base]).attrU32be(3, offset).attrU32be(4, length);
  });
}

export function loadMeta(w: MessageWriter, key: number, slot: number): void {
  expression(w, 'meta', () => void w.attrU32be(2, key).attrU32be(1, register(slot)));
}

export function loadCt(w: MessageWriter, key: number, direction: 0 | 1 | undefined, slot: number): void {
  expression(w, 'ct', () => {
    w.attrU32be(2, key).attrU32be(1, register(slot));
    if (direction !== undefined) w.attrU8(3, direction);
  });
}

export function compare(w: MessageWriter, slot: number, op: number, bytes: Uint8Array): void {
  expression(w, 'cmp', () => {
    w.attrU32be(1, register(slot)).attrU32be(2, op);
    writeValue(w, 3, bytes);
  });
}

export function rangeNotEqual(w: MessageWriter, slot: number, from: Uint8Array, to: Uint8Array): void {
  expression(w, 'range', () => {
    w.attrU32be(1, register(slot)).attrU32be(2, 1);
    writeValue(w, 3, from);
    writeValue(w, 4, to);
  });
}

export function bitwise(w: MessageWriter, slot: number, mask: Uint8Array, xor: Uint8Array): void {
  expression(w, 'bitwise', () => {
    w.attrU32be(1, register(slot)).attrU32be(2, register(slot)).attrU32be(3, mask.length);
    w.attrU32be(6, 0);
    writeValue(w, 4, mask);
    writeValue(w, 5, xor);
  });
}

export function immediate(w: MessageWriter, slot: number, bytes: Uint8Array): void {
  expression(w, 'immediate', () => {
    w.attrU32be(1, register(slot));
    writeValue(w, 2, bytes);
  });
}

export function verdict(w: MessageWriter, value: Verdict): void {
  expression(w, 'immediate', () => {
    w.attrU32be(1, VERDICT_REGISTER);
    const nest = w.nest(2);
    writeVerdict(w, value);
    w.endNest(nest);
  });
}

export interface SetReference {
  readonly name: string;
  readonly id: number | undefined;
}

/** `into`: undefined for membership, 'verdict', or the slot where a map's data goes. */
export function lookup(
  w: MessageWriter,
  set: SetReference,
  options: { readonly slot: number; readonly into?: 'verdict' | number; readonly inverted?: boolean },
): void {
  expression(w, 'lookup', () => {
    w.attrText(1, set.name).attrU32be(2, register(options.slot));
    if (options.into !== undefined)
      w.attrU32be(3, options.into === 'verdict' ? VERDICT_REGISTER : register(options.into));
    if (set.id !== undefined) w.attrU32be(4, set.id);
    if (options.inverted) w.attrU32be(5, 1);
  });
}

function numgen(w: MessageWriter, selector: NumgenSelector, slot: number): void {
  expression(w, 'numgen', () => {
    w.attrU32be(1, register(slot))
      .attrU32be(2, selector.mod)
      .attrU32be(3, selector.numgen === 'random' ? 1 : 0);
    w.attrU32be(4, selector.offset ?? 0);
  });
}

function hash(w: MessageWriter, selector: HashSelector, slot: number): void {
  // The fields go behind the result, on a 16-byte register where nft expects a list of fields to begin.
  const source = (slot + 4) & ~3;
  let at = source;
  for (const name of selector.jhash) at = load(w, name, at);
  expression(w, 'hash', () => {
    w.attrU32be(1, register(source))
      .attrU32be(2, register(slot))
      .attrU32be(3, (at - source) * 4);
    w.attrU32be(4, selector.mod).attrU32be(5, selector.seed).attrU32be(6, 0).attrU32be(7, 0);
  });
}

function loadNamed(w: MessageWriter, name: SelectorName, slot: number): void {
  const row = SELECTORS[name];
  if ('payload' in row.load) payload(w, row.load.payload, row.load.offset, row.type.bytes, slot);
  else if ('meta' in row.load) loadMeta(w, row.load.meta, slot);
  else loadCt(w, row.load.ct, row.load.direction, slot);
}

function mask32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

export const number32 = mask32;

/** Loads a selector and returns the slot behind it. */
export function load(w: MessageWriter, selector: Selector, slot: number): number {
  if (slot + padded(selectorType(selector).bytes) / 4 > 16)
    throw new RangeError('a rule has no more than 64 bytes of registers');
  if (typeof selector === 'string') {
    loadNamed(w, selector, slot);
  } else if ('numgen' in selector) {
    numgen(w, selector, slot);
  } else if ('jhash' in selector) {
    hash(w, selector, slot);
  } else if ('fib' in selector) {
    // Result 3 is the address type; the flags say which address is asked for.
    expression(
      w,
      'fib',
      () =>
        void w
          .attrU32be(1, register(slot))
          .attrU32be(2, 3)
          .attrU32be(3, selector.of === 'saddr' ? 1 : 2),
    );
  } else {
    loadNamed(w, selector.mask, slot);
    bitwise(w, slot, mask32(selector.and), mask32(0));
  }
  return slot + padded(selectorType(selector).bytes) / 4;
}
