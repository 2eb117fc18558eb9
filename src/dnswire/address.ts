// IP addresses as record data: text to bytes and back, and their names in the reverse zones.
import { isIP } from 'node:net';
import { joinLabels, nameLabels, parseName } from './name.ts';
import type { WireName } from './name.ts';

const IN_ADDR = parseName('in-addr.arpa');
const IP6 = parseName('ip6.arpa');

/** 4 or 16 bytes as a byte string; undefined when the text is no IP address (zone ids are refused). */
export function packAddress(text: string): string | undefined {
  switch (isIP(text)) {
    case 4:
      return String.fromCharCode(...text.split('.').map(Number));
    case 6:
      return text.includes('%') ? undefined : packIpv6(text);
    default:
      return undefined;
  }
}

function packIpv6(text: string): string {
  let rest = text;
  let tail = '';
  const dotted = text.lastIndexOf(':') + 1;
  if (text.includes('.', dotted)) {
    tail = String.fromCharCode(...text.slice(dotted).split('.').map(Number));
    // Keep a `::` in front of the dotted part, drop a single closing colon.
    rest = text.slice(0, dotted);
    if (!rest.endsWith('::')) rest = rest.slice(0, -1);
  }
  const words = (part: string) =>
    part === ''
      ? ''
      : part
          .split(':')
          .map((word) => Number.parseInt(word, 16))
          .map((word) => String.fromCharCode(word >> 8, word & 255))
          .join('');
  const gap = rest.indexOf('::');
  if (gap < 0) return words(rest) + tail;
  const head = words(rest.slice(0, gap));
  const end = words(rest.slice(gap + 2)) + tail;
  return head + '\0'.repeat(16 - head.length - end.length) + end;
}

/** Canonical text (RFC 5952) of 4 or 16 bytes. */
export function formatAddress(bytes: string): string {
  if (bytes.length === 4) return Array.from(bytes, (c) => c.charCodeAt(0)).join('.');
  const words = Array.from({ length: 8 }, (_, i) => (bytes.charCodeAt(2 * i) << 8) | bytes.charCodeAt(2 * i + 1));
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && words[at + length] === 0) length += 1;
    if (length > best.length) best = { at, length };
  }
  const hex = (part: number[]) => part.map((word) => word.toString(16)).join(':');
  // RFC 5952 §5: an IPv4-mapped address keeps its dotted end.
  if (bytes.startsWith('\0\0\0\0\0\0\0\0\0\0\xff\xff')) return `::ffff:${formatAddress(bytes.slice(12))}`;
  if (best.at < 0) return hex(words);
  return `${hex(words.slice(0, best.at))}::${hex(words.slice(best.at + best.length))}`;
}

/** `4.3.2.10.in-addr.arpa.` or the 32 nibbles under `ip6.arpa.` for packed bytes. */
export function reverseName(bytes: string): WireName {
  const labels: string[] = [];
  for (let i = bytes.length - 1; i >= 0; i--) {
    const byte = bytes.charCodeAt(i);
    if (bytes.length === 4) labels.push(String(byte));
    else labels.push((byte & 15).toString(16), (byte >> 4).toString(16));
  }
  return joinLabels(labels, bytes.length === 4 ? IN_ADDR : IP6);
}

/** The packed address that a complete reverse name stands for. */
export function addressOfReverseName(name: WireName): string | undefined {
  const labels = nameLabels(name);
  if (labels.at(-1) !== 'arpa') return undefined;
  const family = labels.at(-2);
  const parts = labels.slice(0, -2).toReversed();
  if (family === 'in-addr' && parts.length === 4) return packAddress(parts.join('.'));
  if (family !== 'ip6' || parts.length !== 32 || parts.some((p) => !/^[0-9a-f]$/.test(p))) return undefined;
  return packAddress((parts.join('').match(/.{4}/g) ?? []).join(':'));
}
