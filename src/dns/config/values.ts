// Single values as they are written in configurations of both formats.
import { isBelow, lowerName, parseName } from '../../dnswire/index.ts';
import type { WireName } from '../../dnswire/index.ts';
import type { UpstreamAddress } from '../plugins/forward/exchange.ts';
import { isIP } from 'node:net';
import { DnsConfigError, REVERSE_ZONES } from './config.ts';
import { reverseZonesOf } from './reverse-zones.ts';

/** A zone name, or a network that stands for its reverse zones. */
export function zonesOf(text: string, where: string): WireName[] {
  if (text.includes('/')) {
    const zones = reverseZonesOf(text);
    if (zones === undefined) throw new DnsConfigError(`${where}: "${text}" is neither a zone nor a network`);
    return zones;
  }
  try {
    return [lowerName(parseName(text))];
  } catch (error) {
    throw new DnsConfigError(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

export const isReverse = (zone: WireName): boolean => REVERSE_ZONES.some((reverse) => isBelow(zone, reverse));

/** `10.0.0.1`, `10.0.0.1:5353`, `[fd00::1]:53`, `dns://…`, `tls://9.9.9.9`, or the path of a resolv.conf. */
export function upstreamOf(
  text: string,
  where: string,
  tls: { name?: string; files?: UpstreamAddress['tlsFiles'] } = {},
): UpstreamAddress | { file: string } {
  if (text.startsWith('/')) return { file: text };
  const [, scheme = 'dns', rest = ''] = /^(?:([a-z0-9]+):\/\/)?(.*)$/.exec(text) ?? [];
  if (scheme !== 'dns' && scheme !== 'tls')
    throw new DnsConfigError(`${where}: upstream "${text}": only dns:// and tls:// are possible`);
  // `tls://9.9.9.9%dns.quad9.net:853`: a name for this upstream alone.
  const [, own] = scheme === 'tls' ? (/%([a-z0-9.-]+)/i.exec(rest) ?? []) : [];
  if (own !== undefined) return upstreamOf(text.replace(`%${own}`, ''), where, { ...tls, name: own });
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(rest);
  const plain = /^([^:]+)(?::(\d+))?$/.exec(rest);
  const address = bracketed?.[1] ?? (isIP(rest) === 6 ? rest : plain?.[1]) ?? '';
  const port = Number(bracketed?.[2] ?? (isIP(rest) === 6 ? undefined : plain?.[2]) ?? (scheme === 'tls' ? 853 : 53));
  if (isIP(address) === 0 || port < 1 || port > 65535)
    throw new DnsConfigError(`${where}: upstream "${text}" is no address[:port] and no /path/to/resolv.conf`);
  if (scheme === 'dns') return { address, port };
  const secure = { address, port, tlsName: tls.name ?? '' };
  return tls.files === undefined ? secure : { ...secure, tlsFiles: tls.files };
}

/** `30`, `30s`, `500ms`, `1m30s`, `1h` in milliseconds; a bare number counts seconds. */
export function durationMs(text: string, where: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text)
    throw new DnsConfigError(`${where}: "${text}" is no duration such as 5s or 500ms`);
  return parts.reduce((sum, [, number = '', unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
}

export function integerOf(text: string | undefined, where: string, min: number, max: number): number {
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value < min || value > max)
    throw new DnsConfigError(`${where}: "${text ?? ''}" is no number from ${min} to ${max}`);
  return value;
}
