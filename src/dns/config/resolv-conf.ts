// An /etc/resolv.conf: the nameservers, for forwarding, and the path that a resolver walks, for explanations.
import { isIP } from 'node:net';
import type { UpstreamAddress } from '../plugins/forward/exchange.ts';

/** Servers in their order; lines that are not understood are skipped, as the C library does. */
export function parseResolvConf(text: string): UpstreamAddress[] {
  const servers: UpstreamAddress[] = [];
  for (const line of text.split('\n')) {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1]?.replace(/%.*$/, '');
    if (address !== undefined && isIP(address) !== 0) servers.push({ address, port: 53 });
  }
  return servers;
}

export interface SearchPath {
  readonly search: readonly string[];
  /** Names with so many dots are tried as they are first. */
  readonly ndots: number;
}

/** The last of several `search` and `domain` lines counts, as in resolv.conf(5). */
export function parseSearchPath(text: string): SearchPath {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (key === 'search' || key === 'domain') search = values.filter((v) => v !== '');
    const said = key === 'options' ? values.findLast((v) => /^ndots:\d+$/.test(v)) : undefined;
    if (said !== undefined) ndots = Math.min(15, Number(said.slice('ndots:'.length)));
  }
  return { search, ndots };
}
