// The edge that reads back what one network namespace holds: devices, addresses, routes, neighbours, forwarding entries
// and counters, with devices by name.
import { readFileSync } from 'node:fs';
import { inNetns, openRtnl } from '../linux/index.ts';
import type { Link } from '../linux/index.ts';

export interface HeldRoute {
  readonly destination: string;
  readonly type: string;
  readonly via?: string;
  readonly device?: string;
  readonly onlink: boolean;
  readonly protocol: number;
  readonly metric: number;
}

export interface HeldNeighbor {
  readonly device: string;
  readonly address: string;
  readonly mac?: string;
  readonly state: string;
}

export interface HeldForwarding {
  readonly device: string;
  readonly mac: string;
  readonly destination: string;
}

/** What `/proc/net/dev` counts of a device since it was made. */
export interface DeviceCounters {
  readonly receivedPackets: number;
  readonly receivedDrops: number;
  readonly sentPackets: number;
  readonly sentDrops: number;
}

export interface HeldNetwork {
  readonly links: readonly Link[];
  readonly addresses: readonly { readonly device: string; readonly address: string }[];
  readonly routes: readonly HeldRoute[];
  readonly neighbors: readonly HeldNeighbor[];
  readonly forwarding: readonly HeldForwarding[];
  readonly counters: Readonly<Record<string, DeviceCounters>>;
}

export function readNetwork(netns: string): HeldNetwork {
  const rtnl = openRtnl(netns);
  try {
    const links = rtnl.links();
    const names = new Map(links.map((link) => [link.index, link.name]));
    const nameOf = (index: number) => names.get(index) ?? `if${index}`;
    const tunnels = links.filter((link) => link.kind === 'vxlan');
    return {
      links,
      addresses: rtnl.addresses().map(({ device, address }) => ({ device: nameOf(device), address })),
      routes: rtnl.routes().map(({ destination, type, via, device, onlink, protocol, metric }) => ({
        destination,
        type,
        onlink,
        protocol,
        metric: metric ?? 0,
        ...(via === undefined ? {} : { via }),
        ...(device === undefined ? {} : { device: nameOf(device) }),
      })),
      neighbors: rtnl.neighbors().map(({ device, address, mac, state }) => {
        return { device: nameOf(device), address, state, ...(mac === undefined ? {} : { mac }) };
      }),
      forwarding: tunnels.flatMap((tunnel) =>
        rtnl.fdb({ device: tunnel.index }).flatMap(({ mac, destination }) => {
          return destination === undefined ? [] : [{ device: tunnel.name, mac, destination }];
        }),
      ),
      counters: parseDeviceCounters(inNetns(netns, () => readFileSync('/proc/thread-self/net/dev', 'utf8'))),
    };
  } finally {
    rtnl.close();
  }
}

/** `/proc/net/dev`: two header lines, then a device a line with eight counters a direction. */
export function parseDeviceCounters(text: string): Record<string, DeviceCounters> {
  const result: Record<string, DeviceCounters> = {};
  for (const line of text.split('\n').slice(2)) {
    const [, name, rest] = /^\s*(\S+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) continue;
    const numbers = rest.trim().split(/\s+/).map(Number);
    const at = (i: number) => numbers[i] ?? 0;
    result[name] = { receivedPackets: at(1), receivedDrops: at(3), sentPackets: at(9), sentDrops: at(11) };
  }
  return result;
}
