// A reply prepared once and sent many times: header, question, compressed records. Per query only the id, the letters of
// the question, the SOA serial and the order of the addresses change.
import { asBuffer, encodeMessage, Flag, Type } from '../../../dnswire/index.ts';
import type { Message } from '../../../dnswire/index.ts';

export interface AnswerTemplate {
  readonly wire: Uint8Array;
  /** Where the address records start, their size and number; 0 when there are none to turn. */
  readonly turnAt: number;
  readonly turnSize: number;
  readonly turnCount: number;
  /** Where the serial of a closing SOA stands; 0 when there is none. */
  readonly serialAt: number;
  /** No answer records: there is a reason to tell. */
  readonly negative: boolean;
}

const ADDRESS_RECORD = 12;

/**
 * @param turning the answer section is a set of addresses of the question's name, all of one type.
 */
export function buildTemplate(message: Message, turning: boolean): AnswerTemplate {
  const bytes = encodeMessage(message);
  const question = message.questions[0];
  const soaLast = message.additionals.length === 0 && endsWithSoa(message);
  const size = ADDRESS_RECORD + (question?.type === Type.AAAA ? 16 : 4);
  return {
    wire: bytes,
    turnAt: turning && question !== undefined ? 12 + question.name.length + 4 : 0,
    turnSize: size,
    turnCount: turning ? message.answers.length : 0,
    serialAt: soaLast ? bytes.length - 20 : 0,
    negative: message.answers.length === 0,
  };
}

function endsWithSoa(message: Message): boolean {
  const last = message.authorities.at(-1) ?? message.answers.at(-1);
  return last?.type === Type.SOA;
}

/** What one query changes. The server reuses one object. */
export interface Patch {
  id: number;
  /** Second header word of the query. */
  queryFlags: number;
  nameLength: number;
  /** Copy the question's letters from the packet. */
  packet: Uint8Array | undefined;
  serial: number;
  turn: number;
  /** Bytes that may be used. */
  limit: number;
}

/**
 * Writes the reply into `out` and returns its length; 0 when it does not fit and is not a set of addresses. A set that
 * does not fit is cut with TC set: what is left is a fair part of the set, for resolvers that never ask again by TCP.
 */
export function writeTemplate(template: AnswerTemplate, out: Buffer, patch: Patch): number {
  const { wire, turnAt, turnSize } = template;
  let { length } = wire;
  let cut = false;
  if (length > patch.limit) {
    if (template.turnCount === 0 || turnAt > patch.limit) return 0;
    cut = true;
    length = turnAt + Math.floor((patch.limit - turnAt) / turnSize) * turnSize;
  }
  if (template.turnCount > 1) {
    // Everything from turnAt on is address records: send them as a ring, from a start that moves on.
    const start = turnAt + (patch.turn % template.turnCount) * turnSize;
    const first = Math.min(wire.length - start, length - turnAt);
    copy(wire, 0, turnAt, out, 0);
    copy(wire, start, start + first, out, turnAt);
    copy(wire, turnAt, length - first, out, turnAt + first);
  } else copy(wire, 0, length, out, 0);
  if (cut) {
    const count = (length - turnAt) / turnSize;
    out[6] = count >> 8;
    out[7] = count & 255;
  }
  out[0] = patch.id >> 8;
  out[1] = patch.id & 255;
  const flags = (patch.queryFlags & (Flag.RD | Flag.CD)) | (cut ? Flag.TC : 0);
  out[2] = (out[2] ?? 0) | (flags >> 8);
  out[3] = (out[3] ?? 0) | (flags & 255);
  if (patch.packet !== undefined) copy(patch.packet, 12, 12 + patch.nameLength, out, 12);
  if (template.serialAt > 0) out.writeUInt32BE(patch.serial, template.serialAt);
  return length;
}

function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  // A native call costs more than a short loop.
  if (end - start > 256) asBuffer(from).copy(to, at, start, end);
  else for (let i = start, j = at; i < end; i++, j++) to[j] = from[i] as number;
}
