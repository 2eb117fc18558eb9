// Which address and which device lead from this host to the others: found by the way to the API server, and followed
// when they change (a new DHCP lease, another cable).
import { isIP } from 'node:net';
import { lookup } from 'node:dns/promises';

import { openRtnl, type Rtnl } from '../linux/index.ts';

export interface HostAddress {
  ips(): readonly string[];
  readonly uplink: string | undefined;
  stop(): void;
}

export interface HostAddressOptions {
  /** As given by the user; then nothing is followed. */
  readonly given: readonly string[];
  /** What was known last, for as long as there is no way to the server. */
  readonly last: readonly string[];
  /** URL of the API server. */
  readonly server: string;
  readonly onChange: (ips: readonly string[]) => void;
  /** @default the process's own network namespace */
  readonly netns?: string;
}

/** Time for an address to be taken away and the next one to come. */
const SETTLE_MS = 500;

function deviceOf(rtnl: Rtnl, ip: string): string | undefined {
  const holder = rtnl.addresses().find((a) => a.address.slice(0, a.address.indexOf('/')) === ip);
  return rtnl.links().find((l) => l.index === holder?.device)?.name;
}

/** Undefined while no nameserver knows: a host that restarts must not need one. */
async function addressOf(host: string): Promise<string | undefined> {
  try {
    return (await lookup(host)).address;
  } catch {
    return undefined;
  }
}

export async function followHostAddress(options: HostAddressOptions): Promise<HostAddress> {
  const { hostname } = new URL(options.server);
  const host = hostname.replace(/^\[|\]$/g, '');
  const peer = isIP(host) === 0 ? await addressOf(host) : host;
  const rtnl = openRtnl(options.netns);
  const sourceNow = (): string | undefined => {
    if (peer === undefined) return undefined;
    try {
      const route = rtnl.routeTo(peer);
      // The server is on this very host: it is known by the server's own address.
      return route?.type === 'local' ? peer : route?.source;
    } catch {
      return undefined;
    }
  };
  let ips = options.given;
  if (ips.length === 0) {
    const source = sourceNow();
    ips = source === undefined ? options.last : [source];
  }
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const source = sourceNow();
    if (source === undefined || (ips.length === 1 && ips[0] === source)) return;
    ips = [source];
    options.onChange(ips);
  };
  const monitor =
    options.given.length > 0
      ? undefined
      : rtnl.monitor(['address', 'route'], () => {
          clearTimeout(timer);
          timer = setTimeout(look, SETTLE_MS);
        });
  return {
    ips: () => ips,
    uplink: deviceOf(rtnl, ips[0] ?? ''),
    stop() {
      clearTimeout(timer);
      monitor?.close();
      rtnl.close();
    },
  };
}
