// The table beside the picture: a row a hop, in the words of the command. Pure.
import type { Hop, Leg, Walk } from '../../contract.ts';
import { changeText, hopsOf } from './journey.ts';

export interface HopRow {
  readonly index: number;
  readonly leg: Leg['name'];
  /** Whether it is the first row of its leg. */
  readonly first: boolean;
  readonly place: string;
  readonly device: string;
  readonly direction: 'in' | 'out';
  readonly time: string;
  readonly source: string;
  readonly destination: string;
  readonly more: string;
  readonly changes: readonly string[];
  readonly rules: readonly string[];
  readonly hop: Hop;
}

/** @example joinHostPort('::1', 80) // '[::1]:80' */
const joinHostPort = (host: string, port: number) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

export function hopRows(walk: Walk): HopRow[] {
  const hops = hopsOf(walk);
  return hops.map(({ leg, hop }, index): HopRow => {
    const { packet } = hop;
    return {
      index,
      leg,
      first: hops[index - 1]?.leg !== leg,
      place: hop.place.name,
      device: hop.device,
      direction: hop.direction,
      time: formatMicroseconds(hop.atUs),
      source: joinHostPort(packet.source, packet.sourcePort),
      destination: joinHostPort(packet.destination, packet.destinationPort),
      more: [
        packet.protocol,
        ...(packet.flags === '' ? [] : [`[${packet.flags}]`]),
        `ttl ${packet.ttl}`,
        ...(hop.mtu === undefined ? [] : [`mtu ${hop.mtu}`]),
        ...(packet.icmp === undefined ? [] : [packet.icmp.text]),
      ].join(' '),
      changes: hop.changes.map(changeText),
      rules: hop.rules.map((rule) => `${rule.table} ${rule.chain}: ${rule.text ?? `${rule.verdict} (policy)`}`),
      hop,
    };
  });
}

export function formatMicroseconds(us: number): string {
  if (us < 1000) return `${us.toFixed(us < 100 ? 1 : 0)} µs`;
  return us < 1_000_000 ? `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms` : `${(us / 1_000_000).toFixed(2)} s`;
}
