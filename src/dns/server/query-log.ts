// A line for each query, in CoreDNS's format, so that existing parsers of its log work.
import { className, Flag, formatName, rcodeName, typeName } from '../../dnswire/index.ts';
import type { QueryLogEntry } from './responder.ts';

/** `[10.0.0.1]:40212 - 7 "A IN name. udp 54 false 512" NOERROR qr,aa,rd 70 0.000123s` */
export function formatQueryLog(entry: QueryLogEntry): string {
  const { query } = entry;
  const { address, port } = query.client;
  const from = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const size = query.edns?.udpSize ?? 512;
  const dnssecOk = query.edns?.dnssecOk ?? false;
  const question = `${typeName(query.type)} ${className(query.class)} ${formatName(query.name)}`;
  const asked = `"${question} ${query.transport} ${entry.requestSize} ${dnssecOk} ${size}"`;
  const flags = Object.entries(Flag)
    .filter(([, bit]) => (entry.flags & bit) !== 0)
    .map(([name]) => name.toLowerCase())
    .join(',');
  const seconds = (entry.durationMs / 1000).toFixed(9);
  return `${from} - ${entry.id} ${asked} ${rcodeName(entry.rcode)} ${flags} ${entry.responseSize} ${seconds}s`;
}
