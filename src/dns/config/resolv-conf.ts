// The nameservers of an /etc/resolv.conf.
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
