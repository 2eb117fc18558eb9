// Records in zone-file text, for people, logs, configuration and tests.
import { formatAddress, packAddress } from './address.ts';
import { Class, className, parseType, Type, typeName } from './codes.ts';
import type { ResourceRecord } from './message.ts';
import { formatName, lowerName, parseName, ROOT } from './name.ts';
import type { WireName } from './name.ts';
import { nameAt, numberAt, rdataLayout, soaRdata, srvRdata } from './rdata.ts';
import { DnsWireError } from './wire-error.ts';

/** `svc1.ns.svc.cluster.local. 30 IN A 10.0.0.1` */
export function formatRecord(record: ResourceRecord): string {
  const head = `${formatName(record.name)} ${record.ttl} ${className(record.class)} ${typeName(record.type)}`;
  return `${head} ${formatRdata(record.type, record.rdata)}`;
}

/** Data of a record in presentation form; unknown types as RFC 3597 writes them. */
export function formatRdata(type: number, rdata: string): string {
  switch (type) {
    case Type.A:
    case Type.AAAA:
      return formatAddress(rdata);
    case Type.TXT:
    case Type.SPF:
    case Type.HINFO:
      return strings(rdata)
        .map((s) => `"${escapeString(s)}"`)
        .join(' ');
    case Type.CAA: {
      const tagLength = rdata.charCodeAt(1);
      const value = escapeString(rdata.slice(2 + tagLength));
      return `${rdata.charCodeAt(0)} ${rdata.slice(2, 2 + tagLength)} "${value}"`;
    }
    case Type.SOA: {
      const mname = nameAt(rdata, 0);
      const rname = nameAt(rdata, mname.length);
      const at = mname.length + rname.length;
      const numbers = [0, 4, 8, 12, 16].map((i) => numberAt(rdata, at + i, 4));
      return `${formatName(mname)} ${formatName(rname)} ${numbers.join(' ')}`;
    }
    default:
      break;
  }
  const layout = rdataLayout(type);
  if (layout === undefined) return `\\# ${rdata.length} ${Buffer.from(rdata, 'latin1').toString('hex')}`.trimEnd();
  const parts: string[] = [];
  let at = 0;
  for (const field of layout) {
    if (field === 'name' || field === 'plain') {
      const name = nameAt(rdata, at);
      parts.push(formatName(name));
      at += name.length;
    } else if (field === 'string') {
      const length = rdata.charCodeAt(at);
      parts.push(`"${escapeString(rdata.slice(at + 1, at + 1 + length))}"`);
      at += 1 + length;
    } else {
      for (const end = at + field; at < end; at += 2) parts.push(String(numberAt(rdata, at, 2)));
    }
  }
  return parts.join(' ');
}

function strings(rdata: string): string[] {
  const out: string[] = [];
  for (let at = 0; at < rdata.length; at += 1 + rdata.charCodeAt(at))
    out.push(rdata.slice(at + 1, at + 1 + rdata.charCodeAt(at)));
  return out;
}

const escapeString = (text: string) =>
  text
    .replaceAll(/["\\]/g, (c) => `\\${c}`)
    .replaceAll(/[^ -~]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, '0')}`);

/**
 * Reads one record: `NAME [TTL] [IN] TYPE DATA`. Names without a closing dot are taken as complete unless `origin` is given.
 * @throws DnsWireError that says what is wrong with the line.
 * @example parseRecord('www.example.org. 60 IN A 192.0.2.1')
 */
export function parseRecord(line: string, options: { ttl?: number; origin?: WireName } = {}): ResourceRecord {
  const words = line.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
  const bad = (why: string) => new DnsWireError(`record "${line}": ${why}`);
  const [owner, ...rest] = words;
  if (owner === undefined) throw bad('is empty');
  const name = (text: string | undefined): WireName => {
    if (text === undefined) throw bad('a name is missing');
    if (text === '@' && options.origin !== undefined) return options.origin;
    const { origin } = options;
    const complete = text.endsWith('.') || origin === undefined || origin === ROOT;
    return complete ? parseName(text) : parseName(`${text}.${formatName(origin)}`);
  };
  let ttl = options.ttl ?? 3600;
  let cls: number = Class.IN;
  let word = rest.shift();
  for (; word !== undefined; word = rest.shift()) {
    if (/^\d+$/.test(word)) ttl = Number(word);
    else if (word.toUpperCase() === 'IN') cls = Class.IN;
    else if (word.toUpperCase() === 'CH') cls = Class.CH;
    else break;
  }
  if (ttl > 0x7fffffff) throw bad(`TTL ${ttl} is too large`);
  const type = parseType(word ?? '');
  if (type === undefined) throw bad(`"${word ?? ''}" is no record type`);
  const number = (max: number): number => {
    const text = rest.shift();
    if (text === undefined || !/^\d+$/.test(text) || Number(text) > max)
      throw bad(`"${text ?? ''}" is no number up to ${max}`);
    return Number(text);
  };
  const finish = (rdata: string): ResourceRecord => {
    if (rest.length > 0) throw bad(`"${rest.join(' ')}" is too much`);
    return { name: name(owner), type, class: cls, ttl, rdata };
  };
  if (rest[0] === '\\#') {
    rest.shift();
    const length = number(65535);
    const bytes = Buffer.from(rest.splice(0).join(''), 'hex').toString('latin1');
    if (bytes.length !== length) throw bad(`data has ${bytes.length} bytes, not ${length}`);
    return finish(bytes);
  }
  switch (type) {
    case Type.A:
    case Type.AAAA: {
      const text = rest.shift() ?? '';
      const packed = packAddress(text);
      if (packed?.length !== (type === Type.A ? 4 : 16)) throw bad(`"${text}" is no address for ${typeName(type)}`);
      return finish(packed);
    }
    case Type.NS:
    case Type.CNAME:
    case Type.PTR:
    case Type.DNAME:
      return finish(name(rest.shift()));
    case Type.MX: {
      const preference = number(65535);
      return finish(srvRdata(0, 0, preference, ROOT).slice(4, 6) + name(rest.shift()));
    }
    case Type.SRV: {
      const [priority, weight, port] = [number(65535), number(65535), number(65535)];
      return finish(srvRdata(priority, weight, port, name(rest.shift())));
    }
    case Type.SOA: {
      const [mname, rname] = [name(rest.shift()), name(rest.shift())];
      const u32 = 0xffffffff;
      const [serial, refresh, retry, expire, minimum] = [
        number(u32),
        number(u32),
        number(u32),
        number(u32),
        number(u32),
      ];
      return finish(soaRdata({ mname, rname, serial, refresh, retry, expire, minimum }));
    }
    case Type.TXT:
    case Type.HINFO:
    case Type.SPF: {
      const texts = rest.splice(0).map(unquote);
      if (texts.length === 0) throw bad('text is missing');
      if (texts.some((t) => t.length > 255)) throw bad('a text is longer than 255 bytes');
      return finish(texts.map((t) => String.fromCharCode(t.length) + t).join(''));
    }
    case Type.CAA: {
      const flags = number(255);
      const tag = rest.shift() ?? '';
      return finish(String.fromCharCode(flags, tag.length) + tag + unquote(rest.shift() ?? ''));
    }
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

/** Same owner (without case), type, class and data: TTL does not count. */
export function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return a.type === b.type && a.class === b.class && a.rdata === b.rdata && lowerName(a.name) === lowerName(b.name);
}
