// The server's first look at a packet: one pass, no objects made except the lookup key. The view is reused for every
// packet, so nothing may keep a reference to it across an await.
import { asBuffer } from './name.ts';
import type { WireName } from './name.ts';
import { Flag, Opcode, Type } from './codes.ts';
import { HEADER_LENGTH, opcodeOf } from './message.ts';

/** `ok`: a question to answer. `drop`: not a query, stay silent. The others are the reply that is due. */
export type Verdict = 'ok' | 'drop' | 'formerr' | 'notimp' | 'notify' | 'badvers';

export class QueryView {
  id = 0;
  flags = 0;
  /** Bytes of the question name, from offset 12, including the closing zero. */
  nameLength = 0;
  /** The name in lower case: key of every index. */
  key = '\0' as WireName;
  /** The question has upper-case letters, which the answer must echo. */
  mixedCase = false;
  type = 0;
  class = 0;
  hasEdns = false;
  udpSize = 512;
  ednsVersion = 0;
  dnssecOk = false;
  /** Offset and length of the options inside the packet. */
  optionsAt = 0;
  optionsLength = 0;
}

const scratch = asBuffer(Buffer.allocUnsafeSlow(256));

/** Reads header, question and OPT of `packet` into `view`. Never throws, whatever the bytes. */
export function parseQuery(packet: Uint8Array, length: number, view: QueryView): Verdict {
  if (length < HEADER_LENGTH) return 'drop';
  const flags = (byte(packet, 2) << 8) | byte(packet, 3);
  view.id = (byte(packet, 0) << 8) | byte(packet, 1);
  view.flags = flags;
  view.hasEdns = false;
  view.udpSize = 512;
  view.ednsVersion = 0;
  view.dnssecOk = false;
  view.optionsLength = 0;
  if ((flags & Flag.QR) !== 0) return 'drop';
  const opcode = opcodeOf(flags);
  if (opcode !== Opcode.QUERY && opcode !== Opcode.NOTIFY) return 'notimp';
  const answers = word(packet, 6);
  const authorities = word(packet, 8);
  const additionals = word(packet, 10);
  if (word(packet, 4) !== 1 || answers > 1 || authorities > 1 || additionals > 2) return 'formerr';

  let at = HEADER_LENGTH;
  let mixed = false;
  for (;;) {
    if (at >= length) return 'formerr';
    const label = byte(packet, at);
    if (label === 0) break;
    // No compression: a pointer in the question could only lead into the header.
    if (label > 63 || at + label >= length || at + label - HEADER_LENGTH >= 254) return 'formerr';
    scratch[at - HEADER_LENGTH] = label;
    for (const end = at + label; at < end;) {
      at += 1;
      let c = byte(packet, at);
      if (c >= 65 && c <= 90) {
        c |= 32;
        mixed = true;
      }
      scratch[at - HEADER_LENGTH] = c;
    }
    at += 1;
  }
  scratch[at - HEADER_LENGTH] = 0;
  at += 1;
  if (at + 4 > length) return 'formerr';
  view.nameLength = at - HEADER_LENGTH;
  view.key = scratch.latin1Slice(0, view.nameLength) as WireName;
  view.mixedCase = mixed;
  view.type = word(packet, at);
  view.class = word(packet, at + 2);
  at += 4;
  const records = answers + authorities + additionals;
  if (records > 0) {
    const end = skipRecords(packet, length, at, answers + authorities, records, view);
    if (end !== length) return 'formerr';
    if (view.hasEdns && view.ednsVersion !== 0) return 'badvers';
  } else if (at !== length) return 'formerr';
  return opcode === Opcode.NOTIFY ? 'notify' : 'ok';
}

/** Walks the records behind the question and notes the OPT; -1 for anything malformed. */
function skipRecords(
  packet: Uint8Array,
  length: number,
  start: number,
  firstAdditional: number,
  count: number,
  view: QueryView,
): number {
  let at = start;
  for (let i = 0; i < count; i++) {
    const nameAt = at;
    for (;;) {
      if (at >= length) return -1;
      const label = byte(packet, at);
      if (label >= 192) {
        at += 2;
        break;
      }
      if (label > 63) return -1;
      at += 1 + label;
      if (label === 0) break;
    }
    if (at + 10 > length) return -1;
    const type = word(packet, at);
    const dataLength = word(packet, at + 8);
    const dataAt = at + 10;
    if (dataAt + dataLength > length) return -1;
    if (type === Type.OPT) {
      if (view.hasEdns || i < firstAdditional || byte(packet, nameAt) !== 0) return -1;
      view.hasEdns = true;
      // RFC 6891 §6.2.3: less than 512 means 512.
      view.udpSize = Math.max(512, word(packet, at + 2));
      view.ednsVersion = byte(packet, at + 5);
      view.dnssecOk = (byte(packet, at + 6) & 0x80) !== 0;
      view.optionsAt = dataAt;
      view.optionsLength = dataLength;
      if (!optionsFit(packet, dataAt, dataLength)) return -1;
    }
    at = dataAt + dataLength;
  }
  return at;
}

function optionsFit(packet: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
  let at = start;
  while (at < end) {
    if (at + 4 > end) return false;
    at += 4 + word(packet, at + 2);
  }
  return at === end;
}

/** The data of the first option with this code, as a byte string. */
export function findOption(packet: Uint8Array, view: QueryView, code: number): string | undefined {
  const end = view.optionsAt + view.optionsLength;
  for (let at = view.optionsAt; at < end;) {
    const size = word(packet, at + 2);
    if (word(packet, at) === code) return asBuffer(packet).latin1Slice(at + 4, at + 4 + size);
    at += 4 + size;
  }
  return undefined;
}

// Callers have checked the offset against the length of the packet.
const byte = (b: Uint8Array, at: number): number => b[at] as number;
const word = (b: Uint8Array, at: number): number => ((b[at] as number) << 8) | (b[at + 1] as number);
