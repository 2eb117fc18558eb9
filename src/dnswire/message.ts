// A DNS message as a value, from bytes and to bytes. Encoding always compresses names and can cut to a size.
import { asBuffer, parentName, parseName, readName, ROOT } from './name.ts';
import type { WireName } from './name.ts';
import { rdataLayout, readRdata } from './rdata.ts';
import { Class, Flag, parseType, Type } from './codes.ts';
import { DnsWireError } from './wire-error.ts';

export interface Question {
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord {
  readonly name: WireName;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Bytes as a string, names inside not compressed. */
  readonly rdata: string;
}

export interface EdnsOptionValue {
  readonly code: number;
  /** Bytes as a string. */
  readonly data: string;
}

export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: readonly EdnsOptionValue[];
}

export interface Message {
  readonly id: number;
  /** Second header word without its four rcode bits. */
  readonly flags: number;
  /** With the upper bits from EDNS. */
  readonly rcode: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}

export const HEADER_LENGTH = 12;
export const opcodeOf = (flags: number): number => (flags >> 11) & 15;

/** @throws DnsWireError for anything that is not one whole, well-formed message. */
export function decodeMessage(bytes: Uint8Array): Message {
  const b = asBuffer(bytes);
  if (b.length < HEADER_LENGTH) throw new DnsWireError(`a message of ${b.length} bytes has no header`);
  let at = HEADER_LENGTH;
  const questions: Question[] = [];
  for (let i = b.readUInt16BE(4); i > 0; i--) {
    const { name, next } = readName(b, at);
    if (next + 4 > b.length) throw new DnsWireError('the question is cut off');
    questions.push({ name, type: b.readUInt16BE(next), class: b.readUInt16BE(next + 2) });
    at = next + 4;
  }
  let edns: Edns | undefined;
  let extendedRcode = 0;
  const section = (count: number): ResourceRecord[] => {
    const records: ResourceRecord[] = [];
    for (let i = count; i > 0; i--) {
      const { name, next } = readName(b, at);
      if (next + 10 > b.length) throw new DnsWireError('a record is cut off');
      const type = b.readUInt16BE(next);
      const length = b.readUInt16BE(next + 8);
      const rdata = readRdata(b, next + 10, length, type);
      at = next + 10 + length;
      const cls = b.readUInt16BE(next + 2);
      const ttl = b.readUInt32BE(next + 4);
      if (type !== Type.OPT) records.push({ name, type, class: cls, ttl, rdata });
      else {
        if (edns !== undefined) throw new DnsWireError('a message has two OPT records');
        if (name !== ROOT) throw new DnsWireError('an OPT record does not belong to the root');
        extendedRcode = ttl >>> 24;
        edns = {
          udpSize: cls,
          version: (ttl >>> 16) & 255,
          dnssecOk: (ttl & 0x8000) !== 0,
          options: decodeOptions(rdata),
        };
      }
    }
    return records;
  };
  const answers = section(b.readUInt16BE(6));
  const authorities = section(b.readUInt16BE(8));
  const additionals = section(b.readUInt16BE(10));
  const word = b.readUInt16BE(2);
  const rcode = (extendedRcode << 4) | (word & 15);
  const message = { id: b.readUInt16BE(0), flags: word & 0xfff0, rcode, questions, answers, authorities, additionals };
  return edns === undefined ? message : { ...message, edns };
}

function decodeOptions(rdata: string): EdnsOptionValue[] {
  const options: EdnsOptionValue[] = [];
  for (let at = 0; at < rdata.length;) {
    const code = (rdata.charCodeAt(at) << 8) | rdata.charCodeAt(at + 1);
    const length = (rdata.charCodeAt(at + 2) << 8) | rdata.charCodeAt(at + 3);
    if (at + 4 > rdata.length || at + 4 + length > rdata.length) throw new DnsWireError('an EDNS option is cut off');
    options.push({ code, data: rdata.slice(at + 4, at + 4 + length) });
    at += 4 + length;
  }
  return options;
}

/**
 * Bytes of a message, names compressed. Over `maxSize` records are dropped from the end; TC says so when one of the
 * answer or authority section is missing (RFC 2181 §9: glue that does not fit is simply left out).
 * @throws DnsWireError when not even header, question and OPT fit.
 */
export function encodeMessage(message: Message, maxSize = 65535): Buffer {
  return new MessageWriter(maxSize).encode(message);
}

/** Where messages are put together; what is returned is a copy of its own size. */
const scratch = asBuffer(Buffer.allocUnsafeSlow(2 * 65536));

class MessageWriter {
  readonly #maxSize: number;
  #buffer = scratch;
  #at = HEADER_LENGTH;
  /** Offset of every name suffix already written, by its bytes. Only exact case is shared, so case survives. */
  #suffixes = new Map<string, number>();

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  encode(message: Message): Buffer {
    const edns = message.edns;
    const opt = edns === undefined ? '' : optRecord(edns, message.rcode);
    const limit = this.#maxSize - opt.length;
    for (const q of message.questions) {
      this.#name(q.name, true);
      this.#u16(q.type);
      this.#u16(q.class);
    }
    if (this.#at > limit) throw new DnsWireError(`header and question do not fit into ${this.#maxSize} bytes`);
    // After the first record that does not fit nothing more is written, so no pointer can lead into dropped bytes.
    let full = false;
    const counts = [message.answers, message.authorities, message.additionals].map((records) => {
      let written = 0;
      for (const record of records) {
        if (full) break;
        const start = this.#at;
        this.#record(record);
        if (this.#at > limit) {
          this.#at = start;
          full = true;
        } else written += 1;
      }
      return written;
    });
    const [answers = 0, authorities = 0, additionals = 0] = counts;
    const cut = answers < message.answers.length || authorities < message.authorities.length;
    if (opt !== '') this.#bytes(opt);
    const b = this.#buffer;
    b.writeUInt16BE(message.id, 0);
    b.writeUInt16BE((message.flags & 0xfff0) | (message.rcode & 15) | (cut ? Flag.TC : 0), 2);
    b.writeUInt16BE(message.questions.length, 4);
    b.writeUInt16BE(answers, 6);
    b.writeUInt16BE(authorities, 8);
    b.writeUInt16BE(additionals + (opt === '' ? 0 : 1), 10);
    return Buffer.from(b.subarray(0, this.#at));
  }

  #record(record: ResourceRecord): void {
    this.#name(record.name, true);
    this.#u16(record.type);
    this.#u16(record.class);
    this.#u16(record.ttl >>> 16);
    this.#u16(record.ttl & 0xffff);
    const lengthAt = this.#at;
    this.#u16(0);
    const layout = rdataLayout(record.type);
    if (layout === undefined) this.#bytes(record.rdata);
    else this.#fields(record.rdata, layout);
    const length = this.#at - lengthAt - 2;
    if (length > 65535) throw new DnsWireError('record data is longer than 65535 bytes');
    this.#buffer.writeUInt16BE(length, lengthAt);
  }

  #fields(rdata: string, layout: readonly (string | number)[]): void {
    let at = 0;
    for (const field of layout) {
      let end = at;
      if (field === 'name' || field === 'plain') {
        while (rdata.charCodeAt(end) > 0) end += 1 + rdata.charCodeAt(end);
        end += 1;
        this.#name(rdata.slice(at, end) as WireName, field === 'name');
      } else {
        end += typeof field === 'number' ? field : 1 + rdata.charCodeAt(at);
        this.#bytes(rdata.slice(at, end));
      }
      at = end;
    }
  }

  #name(name: WireName, compress: boolean): void {
    for (let rest = name; rest !== ROOT; rest = parentName(rest)) {
      const known = this.#suffixes.get(rest);
      if (compress && known !== undefined) {
        this.#u16(0xc000 | known);
        return;
      }
      if (this.#at < 0x4000 && known === undefined) this.#suffixes.set(rest, this.#at);
      this.#bytes(rest.slice(0, 1 + rest.charCodeAt(0)));
    }
    this.#bytes('\0');
  }

  #bytes(text: string): void {
    this.#reserve(text.length);
    this.#buffer.latin1Write(text, this.#at);
    this.#at += text.length;
  }

  #u16(value: number): void {
    this.#reserve(2);
    this.#buffer.writeUInt16BE(value, this.#at);
    this.#at += 2;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#buffer.length) return;
    const grown = asBuffer(Buffer.allocUnsafe(Math.max(this.#buffer.length * 4, this.#at + more)));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

/** The OPT record as it stands on the wire (RFC 6891). */
export function optRecord(edns: Edns, rcode: number): string {
  const u16 = (n: number) => String.fromCharCode((n >> 8) & 255, n & 255);
  const data = edns.options.map((o) => u16(o.code) + u16(o.data.length) + o.data).join('');
  const flags = edns.dnssecOk ? '\x80\0' : '\0\0';
  return `\0\0\x29${u16(edns.udpSize)}${String.fromCharCode(rcode >> 4, edns.version)}${flags}${u16(data.length)}${data}`;
}

export interface QuerySpec {
  /** A name in presentation form. */
  readonly name: string;
  /** `A`, `SRV`, `TYPE65`… */
  readonly type: string;
  readonly id?: number;
  readonly class?: number;
  /** Default true. */
  readonly recursionDesired?: boolean;
  readonly edns?: Edns;
}

/** A query as a client sends it. @example encodeQuery({ name: 'kubernetes.default.svc.cluster.local', type: 'A' }) */
export function encodeQuery(spec: QuerySpec): Buffer {
  const type = parseType(spec.type);
  if (type === undefined) throw new DnsWireError(`"${spec.type}" is no record type`);
  return encodeMessage({
    id: spec.id ?? Math.floor(Math.random() * 65536),
    flags: (spec.recursionDesired ?? true) ? Flag.RD : 0,
    rcode: 0,
    questions: [{ name: parseName(spec.name), type, class: spec.class ?? Class.IN }],
    answers: [],
    authorities: [],
    additionals: [],
    ...(spec.edns === undefined ? {} : { edns: spec.edns }),
  });
}
