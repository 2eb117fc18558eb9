// Record data: which types hold names (and so take part in compression), and building data from values.
import { asBuffer, readName } from './name.ts';
import type { WireName } from './name.ts';
import { Type } from './codes.ts';
import { DnsWireError } from './wire-error.ts';

/** `name`: compressed on the wire (RFC 1035 types). `plain`: a name that must not be compressed when sent
 * (RFC 3597 §4), though old servers do it. `string`: a character-string. A number: that many bytes. */
export type Field = 'name' | 'plain' | 'string' | number;

const LAYOUTS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [Type.NS, ['name']],
  [Type.CNAME, ['name']],
  [Type.PTR, ['name']],
  [Type.DNAME, ['plain']],
  [Type.SOA, ['name', 'name', 20]],
  [Type.MX, [2, 'name']],
  [Type.SRV, [6, 'plain']],
  [Type.RP, ['plain', 'plain']],
  [Type.AFSDB, [2, 'plain']],
  [Type.KX, [2, 'plain']],
  [Type.NAPTR, [4, 'string', 'string', 'string', 'plain']],
]);

/** The fields of a type that holds names; undefined when its data is opaque bytes. */
export const rdataLayout = (type: number): readonly Field[] | undefined => LAYOUTS.get(type);

const FIXED_LENGTH: ReadonlyMap<number, number> = new Map([
  [Type.A, 4],
  [Type.AAAA, 16],
]);

/** Data as a byte string with every name written out. @throws DnsWireError when it does not fit its type. */
export function readRdata(message: Uint8Array, offset: number, length: number, type: number): string {
  const bytes = asBuffer(message);
  const end = offset + length;
  if (end > bytes.length) throw new DnsWireError('record data runs past the end of the message');
  const fixed = FIXED_LENGTH.get(type);
  if (fixed !== undefined && length !== fixed)
    throw new DnsWireError(`an address record has ${length} bytes of data, not ${fixed}`);
  const layout = rdataLayout(type);
  if (layout === undefined) return bytes.latin1Slice(offset, end);
  let out = '';
  let at = offset;
  for (const field of layout) {
    if (field === 'name' || field === 'plain') {
      const { name, next } = readName(message, at);
      out += name;
      at = next;
    } else {
      const size = field === 'string' ? 1 + (bytes[at] ?? 0) : field;
      if (at + size > end) throw new DnsWireError('record data is too short for its type');
      out += bytes.latin1Slice(at, at + size);
      at += size;
    }
  }
  if (at !== end) throw new DnsWireError('record data has the wrong length for its type');
  return out;
}

const u16 = (n: number) => String.fromCharCode((n >> 8) & 255, n & 255);
const u32 = (n: number) => u16(n >>> 16) + u16(n & 0xffff);

export function srvRdata(priority: number, weight: number, port: number, target: WireName): string {
  return u16(priority) + u16(weight) + u16(port) + target;
}

export interface Soa {
  mname: WireName;
  rname: WireName;
  serial: number;
  refresh: number;
  retry: number;
  expire: number;
  minimum: number;
}

export function soaRdata(soa: Soa): string {
  const numbers = [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum];
  return soa.mname + soa.rname + numbers.map(u32).join('');
}

/** One or more character-strings, each of at most 255 bytes. */
export function txtRdata(...texts: readonly string[]): string {
  return texts
    .map((text) => {
      const bytes = Buffer.from(text, 'utf8').toString('latin1');
      if (bytes.length > 255) throw new DnsWireError('a TXT string is longer than 255 bytes');
      return String.fromCharCode(bytes.length) + bytes;
    })
    .join('');
}

/** MINIMUM of a SOA: its last four bytes. */
export function soaMinimum(rdata: string): number {
  return numberAt(rdata, rdata.length - 4, 4);
}

export function numberAt(bytes: string, offset: number, length: number): number {
  let n = 0;
  for (let i = 0; i < length; i++) n = n * 256 + bytes.charCodeAt(offset + i);
  return n;
}

/** The name that starts at `offset` of data without compression. */
export function nameAt(rdata: string, offset: number): WireName {
  let at = offset;
  while (rdata.charCodeAt(at) > 0) at += 1 + rdata.charCodeAt(at);
  return rdata.slice(offset, at + 1) as WireName;
}
