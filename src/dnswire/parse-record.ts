// Records read from zone-file text (RFC 1035 §5), one record a time.
import { packAddress } from './address.ts';
import { Class, parseType, Type, typeName } from './codes.ts';
import type { ResourceRecord } from './message.ts';
import { parseName, ROOT } from './name.ts';
import type { WireName } from './name.ts';
import { soaRdata, srvRdata } from './rdata.ts';
import { DnsWireError } from './wire-error.ts';

export interface RecordDefaults {
  /** Default 3600. */
  readonly ttl?: number;
  /** Added to names without a closing dot; absent: those are complete. */
  readonly origin?: WireName;
}

/**
 * Reads one record: `NAME [TTL] [IN] TYPE DATA`; parentheses may stand anywhere.
 * @throws DnsWireError that says what is wrong with the line.
 * @example parseRecord('www.example.org. 60 IN A 192.0.2.1')
 */
export function parseRecord(line: string, defaults: RecordDefaults = {}): ResourceRecord {
  const words = line.match(/"(?:[^"\\]|\\.)*"|[^\s"()]+/g) ?? [];
  const [owner, ...rest] = words;
  if (owner === undefined) throw new DnsWireError('record "": is empty');
  return recordOfWords(owner, rest, line, defaults);
}

/** @param shown the text for messages */
export function recordOfWords(
  owner: string,
  words: readonly string[],
  shown: string,
  defaults: RecordDefaults,
): ResourceRecord {
  const bad = (why: string) => new DnsWireError(`record "${shown}": ${why}`);
  const left = [...words];
  let ttl = defaults.ttl ?? 3600;
  let cls: number = Class.IN;
  let word = left.shift();
  for (; word !== undefined; word = left.shift()) {
    const seconds = parseTtl(word);
    if (seconds !== undefined) ttl = seconds;
    else if (word.toUpperCase() === 'IN') cls = Class.IN;
    else if (word.toUpperCase() === 'CH') cls = Class.CH;
    else break;
  }
  if (ttl > 0x7fffffff) throw bad(`TTL ${ttl} is too large`);
  const type = parseType(word ?? '');
  if (type === undefined) throw bad(`"${word ?? ''}" is no record type`);
  const data = new DataReader(left, defaults.origin, bad);
  const rdata = left[0] === '\\#' ? data.generic() : rdataOf(type, data, bad);
  data.end();
  return { name: absoluteName(owner, defaults.origin), type, class: cls, ttl, rdata };
}

/** Seconds of `300`, `1h30m`, `2w`; undefined for what is no time. */
export function parseTtl(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+[smhdw])+$/i.test(text)) return undefined;
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  let sum = 0;
  for (const [, count = '', unit = ''] of text.toLowerCase().matchAll(/(\d+)([smhdw])/g))
    sum += Number(count) * (units[unit] ?? 0);
  return sum;
}

/** `@` is the origin; a name without a closing dot is below it. */
export function absoluteName(text: string, origin: WireName | undefined): WireName {
  if (text === '@' && origin !== undefined) return origin;
  const name = parseName(text);
  const complete = origin === undefined || origin === ROOT || /(?<!\\)(?:\\\\)*\.$/.test(text);
  if (complete) return name;
  const out = name.slice(0, -1) + origin;
  if (out.length > 255) throw new DnsWireError(`name ${text} is longer than 255 bytes with its origin`);
  return out as WireName;
}

/** Takes the words of record data one after the other. */
class DataReader {
  readonly #words: string[];
  readonly #origin: WireName | undefined;
  readonly #bad: (why: string) => DnsWireError;

  constructor(words: string[], origin: WireName | undefined, bad: (why: string) => DnsWireError) {
    this.#words = words;
    this.#origin = origin;
    this.#bad = bad;
  }

  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw this.#bad(`${what} is missing`);
    return word;
  }

  name(): WireName {
    return absoluteName(this.word('a name'), this.#origin);
  }

  number(max: number): number {
    const text = this.#words.shift() ?? '';
    if (!/^\d+$/.test(text) || Number(text) > max) throw this.#bad(`"${text}" is no number up to ${max}`);
    return Number(text);
  }

  /** A number, or a time with units. */
  seconds(): number {
    const text = this.#words.shift() ?? '';
    const value = parseTtl(text);
    if (value === undefined || value > 0xffffffff) throw this.#bad(`"${text}" is no number up to 4294967295`);
    return value;
  }

  text(): string {
    const text = unquote(this.word('text'));
    if (text.length > 255) throw this.#bad('a text is longer than 255 bytes');
    return String.fromCharCode(text.length) + text;
  }

  texts(): string {
    let out = this.text();
    while (this.#words.length > 0) out += this.text();
    return out;
  }

  /** What is left, without the gaps between words. */
  rest(encoding: 'hex' | 'base64'): string {
    const text = this.#words.splice(0).join('');
    const bytes = Buffer.from(text, encoding);
    const isWhole = encoding === 'hex' ? bytes.length * 2 === text.length : /^[A-Za-z0-9+/]+=*$/.test(text);
    if (text === '' || !isWhole) throw this.#bad(`"${text}" is no ${encoding} data`);
    return bytes.toString('latin1');
  }

  /** `\# LENGTH HEX` (RFC 3597). */
  generic(): string {
    this.#words.shift();
    const length = this.number(65535);
    const bytes = Buffer.from(this.#words.splice(0).join(''), 'hex').toString('latin1');
    if (bytes.length !== length) throw this.#bad(`data has ${bytes.length} bytes, not ${length}`);
    return bytes;
  }

  end(): void {
    if (this.#words.length > 0) throw this.#bad(`"${this.#words.join(' ')}" is too much`);
  }
}

const u8 = (n: number): string => String.fromCharCode(n);
const u16 = (n: number): string => String.fromCharCode(n >> 8, n & 255);

function rdataOf(type: number, data: DataReader, bad: (why: string) => DnsWireError): string {
  switch (type) {
    case Type.A:
    case Type.AAAA: {
      const text = data.word('an address');
      const packed = packAddress(text);
      if (packed?.length !== (type === Type.A ? 4 : 16)) throw bad(`"${text}" is no address for ${typeName(type)}`);
      return packed;
    }
    case Type.NS:
    case Type.CNAME:
    case Type.PTR:
    case Type.DNAME:
      return data.name();
    case Type.MX:
    case Type.AFSDB:
    case Type.KX:
      return u16(data.number(65535)) + data.name();
    case Type.RP:
      return data.name() + data.name();
    case Type.SRV:
      return srvRdata(data.number(65535), data.number(65535), data.number(65535), data.name());
    case Type.NAPTR: {
      const numbers = u16(data.number(65535)) + u16(data.number(65535));
      return numbers + data.text() + data.text() + data.text() + data.name();
    }
    case Type.SOA: {
      const [mname, rname, serial] = [data.name(), data.name(), data.number(0xffffffff)];
      const [refresh, retry, expire, minimum] = [data.seconds(), data.seconds(), data.seconds(), data.seconds()];
      return soaRdata({ mname, rname, serial, refresh, retry, expire, minimum });
    }
    case Type.TXT:
    case Type.HINFO:
    case Type.SPF:
      return data.texts();
    case Type.CAA: {
      const flags = data.number(255);
      const tag = data.word('a tag');
      return u8(flags) + u8(tag.length) + tag + unquote(data.word('a value'));
    }
    case Type.DS:
      return u16(data.number(65535)) + u8(data.number(255)) + u8(data.number(255)) + data.rest('hex');
    case Type.SSHFP:
      return u8(data.number(255)) + u8(data.number(255)) + data.rest('hex');
    case Type.TLSA:
      return u8(data.number(255)) + u8(data.number(255)) + u8(data.number(255)) + data.rest('hex');
    case Type.DNSKEY:
      return u16(data.number(65535)) + u8(data.number(255)) + u8(data.number(255)) + data.rest('base64');
    default:
      throw bad(`write the data of ${typeName(type)} as \\# LENGTH HEX`);
  }
}

function unquote(text: string): string {
  const inner = text.startsWith('"') ? text.slice(1, -1) : text;
  const bytes = Buffer.from(inner, 'utf8').toString('latin1');
  return bytes.replaceAll(/\\(\d{3}|.)/g, (_, c: string) =>
    c.length === 3 ? String.fromCharCode(Number(c) & 255) : c,
  );
}
