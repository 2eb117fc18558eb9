// Distinguished names and subject alternative names: the two places where a certificate says whom it is for.
// Kubernetes reads CN as the user and each O as a group.
import { isIPv4, isIPv6 } from 'node:net';
import { context, formatOid, oid, readAll, sequence, set, utf8String } from './der.ts';
import type { Bytes } from './der.ts';

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

export interface Subject {
  readonly cn: string;
  readonly orgs?: readonly string[];
}

/** A Name with every organization first and the common name last. */
export function buildName(subject: Subject): Buffer {
  const attribute = (type: string, text: string) => set(sequence(oid(type), utf8String(text)));
  return sequence(
    ...(subject.orgs ?? []).map((org) => attribute(ORGANIZATION, org)),
    attribute(COMMON_NAME, subject.cn),
  );
}

/** Reads CN and O of a Name's content; other attributes are ignored. */
export function parseName(content: Bytes): { cn: string; orgs: string[] } {
  let cn = '';
  const orgs: string[] = [];
  for (const rdn of readAll(content)) {
    for (const attribute of readAll(rdn.content)) {
      const [type, text] = readAll(attribute.content);
      if (type === undefined || text === undefined) continue;
      const dotted = formatOid(type.content);
      const decoded = Buffer.from(text.content).toString('utf8');
      if (dotted === COMMON_NAME) cn = decoded;
      else if (dotted === ORGANIZATION) orgs.push(decoded);
    }
  }
  return { cn, orgs };
}

export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
}

const DNS_NAME = 2;
const IP_ADDRESS = 7;

/** GeneralNames for the subjectAltName extension (RFC 5280 4.2.1.6). */
export function buildAlternativeNames(names: AlternativeNames): Buffer {
  return sequence(
    ...names.dnsNames.map((name) => context(DNS_NAME, false, Buffer.from(name, 'ascii'))),
    ...names.ips.map((ip) => context(IP_ADDRESS, false, ipBytes(ip))),
  );
}

export function parseAlternativeNames(der: Bytes): { dnsNames: string[]; ips: string[] } {
  const dnsNames: string[] = [];
  const ips: string[] = [];
  for (const names of readAll(der)) {
    for (const name of readAll(names.content)) {
      if (name.tag === (0x80 | DNS_NAME)) dnsNames.push(Buffer.from(name.content).toString('ascii'));
      else if (name.tag === (0x80 | IP_ADDRESS)) ips.push(ipText(name.content));
    }
  }
  return { dnsNames, ips };
}

function ipBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%'))
    throw new Error(`"${text}" is not an IP address; a certificate cannot name it`);
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = (high?: string, low?: string) => (Number(high) * 256 + Number(low)).toString(16);
  const plain = dotted ? `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}` : text;
  const [head = '', tail] = plain.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = Buffer.alloc(16);
  [...before, ...zeros, ...after].forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2));
  return bytes;
}

function ipText(bytes: Bytes): string {
  if (bytes.length === 4) return [...bytes].join('.');
  const buffer = Buffer.from(bytes);
  return Array.from({ length: 8 }, (_, i) => buffer.readUInt16BE(i * 2).toString(16)).join(':');
}
