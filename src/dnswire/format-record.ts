// Records as zone-file text, for people, logs and tests.
import { formatAddress } from './address.ts';
import { className, Type, typeName } from './codes.ts';
import type { ResourceRecord } from './message.ts';
import { formatName, lowerName } from './name.ts';
import { nameAt, numberAt, rdataLayout } from './rdata.ts';

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

/** Same owner (without case), type, class and data: TTL does not count. */
export function sameRecord(a: ResourceRecord, b: ResourceRecord): boolean {
  return a.type === b.type && a.class === b.class && a.rdata === b.rdata && lowerName(a.name) === lowerName(b.name);
}
