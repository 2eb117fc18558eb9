// Domain names. The working form is the wire form without compression, held as a string of bytes (one char a byte):
// immutable, comparable with ===, a ready Map key, and cut into parents by plain slicing.
import { DnsWireError } from './wire-error.ts';

declare const wireName: unique symbol;
/** Length-prefixed labels with the closing zero: `\x03www\x07example\0`. */
export type WireName = string & { readonly [wireName]: true };

export const ROOT = '\0' as WireName;
export const MAX_NAME_LENGTH = 255;
const MAX_LABEL_LENGTH = 63;

/**
 * Reads a name in presentation form; a missing closing dot is added. Backslash escapes as in zone files.
 * @throws DnsWireError for an empty label, a label over 63 bytes or a name over 255.
 * @example formatName(parseName('Kubernetes.default')) // 'Kubernetes.default.'
 */
export function parseName(text: string): WireName {
  if (text === '.' || text === '') return ROOT;
  // The common case has no escape, so no label can hold a dot.
  const labels = text.includes('\\') ? splitEscaped(text) : (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  return joinLabels(labels, ROOT, text);
}

function splitEscaped(text: string): string[] {
  const labels: string[] = [];
  let label = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '.') {
      labels.push(label);
      label = '';
    } else if (c === '\\') {
      const decimal = /^\d{3}/.exec(text.slice(i + 1))?.[0];
      if (decimal !== undefined) {
        if (Number(decimal) > 255) throw new DnsWireError(`name ${text}: \\${decimal} is not a byte`);
        label += String.fromCharCode(Number(decimal));
        i += 3;
      } else {
        i += 1;
        if (i >= text.length) throw new DnsWireError(`name ${text} ends in a lone backslash`);
        label += text.charAt(i);
      }
    } else label += c;
  }
  if (label !== '') labels.push(label);
  return labels;
}

/** The labels (raw bytes, leftmost first) in front of `suffix`. `shown` names the culprit in errors. */
export function joinLabels(labels: readonly string[], suffix: WireName, shown?: string): WireName {
  let out = '';
  for (const label of labels) {
    if (label.length === 0) throw new DnsWireError(`name ${shown ?? labels.join('.')} has an empty label`);
    if (label.length > MAX_LABEL_LENGTH)
      throw new DnsWireError(`name ${shown ?? labels.join('.')} has a label over ${MAX_LABEL_LENGTH} bytes`);
    for (let i = 0; i < label.length; i++)
      if (label.charCodeAt(i) > 255)
        throw new DnsWireError(`name ${shown ?? labels.join('.')}: write non-ASCII labels in punycode (xn--…)`);
    out += String.fromCharCode(label.length) + label;
  }
  out += suffix;
  if (out.length > MAX_NAME_LENGTH)
    throw new DnsWireError(`name ${shown ?? labels.join('.')} is longer than ${MAX_NAME_LENGTH} bytes`);
  return out as WireName;
}

/** Presentation form with the closing dot; bytes that are not plain get a `\DDD` or `\.` escape. */
export function formatName(name: WireName): string {
  if (name === ROOT) return '.';
  return nameLabels(name)
    .map((label) => `${escapeLabel(label)}.`)
    .join('');
}

const PLAIN = /^[A-Za-z0-9_*/-]+$/;
function escapeLabel(label: string): string {
  if (PLAIN.test(label)) return label;
  let out = '';
  for (let i = 0; i < label.length; i++) {
    const code = label.charCodeAt(i);
    const c = label.charAt(i);
    if ('.\\"();@$'.includes(c)) out += `\\${c}`;
    else if (code <= 32 || code >= 127) out += `\\${String(code).padStart(3, '0')}`;
    else out += c;
  }
  return out;
}

/** The labels as raw bytes, leftmost first. */
export function nameLabels(name: WireName): string[] {
  const labels: string[] = [];
  for (let at = 0; ;) {
    const length = name.charCodeAt(at);
    if (!(length > 0)) return labels;
    labels.push(name.slice(at + 1, at + 1 + length));
    at += 1 + length;
  }
}

/** ASCII lower case only: DNS compares bytes 65–90 without case and nothing else (RFC 4343). */
export function lowerName(name: WireName): WireName {
  // Length bytes are at most 63, so they cannot be mistaken for letters.
  if (!/[A-Z]/.test(name)) return name;
  return name.replaceAll(/[A-Z]+/g, (run) => run.toLowerCase()) as WireName;
}

/** The name without its leftmost label; the parent of the root is the root. */
export function parentName(name: WireName): WireName {
  const length = name.charCodeAt(0);
  return length > 0 ? (name.slice(1 + length) as WireName) : ROOT;
}

/** True when `name` is `zone` or below it. Both in lower case. */
export function isBelow(name: WireName, zone: WireName): boolean {
  if (!name.endsWith(zone)) return false;
  // endsWith may have matched in the middle of a label: walk the label starts.
  const start = name.length - zone.length;
  let at = 0;
  while (at < start) at += 1 + name.charCodeAt(at);
  return at === start;
}

/** The longest of `zones` that holds `name` (all lower case). */
export function closestZone(name: WireName, zones: ReadonlySet<WireName>): WireName | undefined {
  for (let at: WireName = name; ; at = parentName(at)) {
    if (zones.has(at)) return at;
    if (at === ROOT) return undefined;
  }
}

export function countLabels(name: WireName): number {
  let count = 0;
  for (let at = 0; name.charCodeAt(at) > 0; at += 1 + name.charCodeAt(at)) count += 1;
  return count;
}

/**
 * Reads a name at `offset`, following compression pointers. `next` is the offset behind it.
 * @throws DnsWireError for a name that leaves the message, loops, or is too long.
 */
export function readName(message: Uint8Array, offset: number): { name: WireName; next: number } {
  const bytes = asBuffer(message);
  let name = '';
  let at = offset;
  let next = -1;
  // A pointer must go to an earlier place than the last jump started from, so no loop is possible.
  let lowest = offset;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw new DnsWireError('a name runs past the end of the message');
    if (length === 0) break;
    if (length < 64) {
      if (at + 1 + length > bytes.length) throw new DnsWireError('a label runs past the end of the message');
      name += bytes.latin1Slice(at, at + 1 + length);
      if (name.length >= MAX_NAME_LENGTH) throw new DnsWireError('a name is longer than 255 bytes');
      at += 1 + length;
    } else if (length >= 192) {
      const low = bytes[at + 1];
      if (low === undefined) throw new DnsWireError('a compression pointer is cut off');
      const target = ((length & 0x3f) << 8) | low;
      if (next < 0) next = at + 2;
      if (target >= lowest) throw new DnsWireError('a compression pointer does not point backwards');
      lowest = target;
      at = target;
    } else throw new DnsWireError('a label has a reserved type');
  }
  return { name: `${name}\0` as WireName, next: next < 0 ? at + 1 : next };
}

interface Latin1Buffer extends Buffer {
  // Present on every Node Buffer and half as costly as toString('latin1', …); missing from the published types.
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Latin1Buffer {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer as Latin1Buffer;
}
