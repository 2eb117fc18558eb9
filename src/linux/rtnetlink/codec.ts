// Bytes of rtnetlink messages to and from values (include/uapi/linux/{rtnetlink,if_link,if_addr,neighbour}.h). Pure.

import { formatIp, ipFromBytes, ipToBytes, parseIp, toCidr } from '../../ip/index.ts';
import type { Cidr } from '../../ip/index.ts';
import type { MessageWriter } from '../netlink/message.ts';
import { attributeText, parseAttributes } from '../netlink/message.ts';
import type {
  Address,
  FdbEntry,
  Link,
  Neighbor,
  Route,
  RouteScope,
  RouteSpec,
  RouteType,
  VxlanFacts,
} from './contract.ts';

export const AF_BRIDGE = 7;
const FAMILY = { 4: 2, 6: 10 } as const;
const FAMILY_OF = new Map<number, 4 | 6>([
  [2, 4],
  [10, 6],
]);

/** AF_INET, AF_INET6 or AF_UNSPEC. */
export function addressFamily(family: 4 | 6 | undefined): number {
  return family === undefined ? 0 : FAMILY[family];
}

export function parseMac(text: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new RangeError(`"${text}" is not a MAC address such as 0e:00:0a:f4:01:00`);
  }
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(':');
}

function addressText(bytes: Buffer | undefined): string | undefined {
  return bytes === undefined || (bytes.length !== 4 && bytes.length !== 16) ? undefined : formatIp(ipFromBytes(bytes));
}

// links

export const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const OPERATIONAL = ['unknown', 'not-present', 'down', 'lower-layer-down', 'testing', 'dormant', 'up'];

export const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  OPERSTATE: 16,
  LINKINFO: 18,
  IFALIAS: 20,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  LINK_NETNSID: 37,
} as const;
export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;
export const VXLAN = {
  ID: 1,
  LINK: 3,
  LOCAL: 4,
  LEARNING: 7,
  PORT: 15,
  LOCAL6: 17,
  UDP_CSUM: 18,
  UDP_ZERO_CSUM6_TX: 19,
  UDP_ZERO_CSUM6_RX: 20,
} as const;

export function writeLinkHeader(w: MessageWriter, header: { index?: number; flags?: number; change?: number }): void {
  w.u32(0)
    .u32(header.index ?? 0)
    .u32(header.flags ?? 0)
    .u32(header.change ?? 0);
}

function decodeVxlan(bytes: Buffer): VxlanFacts {
  const a = parseAttributes(bytes);
  return {
    vni: a.get(VXLAN.ID)?.readUInt32LE() ?? 0,
    port: a.get(VXLAN.PORT)?.readUInt16BE() ?? 0,
    local: addressText(a.get(VXLAN.LOCAL) ?? a.get(VXLAN.LOCAL6)),
    device: a.get(VXLAN.LINK)?.readUInt32LE(),
    learning: a.get(VXLAN.LEARNING)?.[0] === 1,
  };
}

/** ifinfomsg and its attributes. */
export function decodeLink(payload: Buffer): Link {
  const flags = payload.readUInt32LE(8);
  const a = parseAttributes(payload.subarray(16));
  const info = parseAttributes(a.get(IFLA.LINKINFO) ?? Buffer.alloc(0));
  const kind = attributeText(info.get(IFLA_INFO.KIND));
  const mac = a.get(IFLA.ADDRESS);
  const vxlan = info.get(IFLA_INFO.DATA);
  return {
    index: payload.readInt32LE(4),
    name: attributeText(a.get(IFLA.IFNAME)) ?? '',
    kind,
    mac: mac?.length === 6 ? formatMac(mac) : undefined,
    mtu: a.get(IFLA.MTU)?.readUInt32LE() ?? 0,
    up: (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    operationalState: OPERATIONAL[a.get(IFLA.OPERSTATE)?.[0] ?? 0] ?? 'unknown',
    master: a.get(IFLA.MASTER)?.readUInt32LE(),
    lower: a.get(IFLA.LINK)?.readUInt32LE() || undefined,
    lowerNetns: a.get(IFLA.LINK_NETNSID)?.readInt32LE(),
    alias: attributeText(a.get(IFLA.IFALIAS)),
    vxlan: kind === 'vxlan' && vxlan !== undefined ? decodeVxlan(vxlan) : undefined,
  };
}

// addresses

const IFA = { ADDRESS: 1, LOCAL: 2, FLAGS: 8 } as const;
const IFA_F_NODAD = 0x02;
const IFA_F_TENTATIVE = 0x40;
const SCOPES: Readonly<Record<RouteScope, number>> = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 };
const SCOPE_NAMES = new Map(Object.entries(SCOPES).map(([name, value]) => [value, name as RouteScope]));

export function writeAddress(
  w: MessageWriter,
  entry: { readonly index: number; readonly address: string; readonly scope?: RouteScope; readonly noDad?: boolean },
): void {
  const cidr = toCidr(entry.address);
  const bytes = ipToBytes({ family: cidr.family, value: cidr.address });
  w.u8(FAMILY[cidr.family])
    .u8(cidr.prefix)
    .u8(0)
    .u8(SCOPES[entry.scope ?? 'global'])
    .u32(entry.index)
    .attr(IFA.LOCAL, bytes)
    .attr(IFA.ADDRESS, bytes);
  if (entry.noDad) w.attrU32(IFA.FLAGS, IFA_F_NODAD);
}

export function decodeAddress(payload: Buffer): Address | undefined {
  const family = FAMILY_OF.get(payload[0] ?? 0);
  const a = parseAttributes(payload.subarray(8));
  // On point-to-point links ADDRESS is the peer; LOCAL is ours. IPv6 usually has only ADDRESS.
  const own = addressText(a.get(IFA.LOCAL) ?? a.get(IFA.ADDRESS));
  if (family === undefined || own === undefined) return undefined;
  return {
    device: payload.readUInt32LE(4),
    address: `${own}/${payload[1]}`,
    family,
    scope: SCOPE_NAMES.get(payload[3] ?? 0) ?? 'global',
    tentative: ((a.get(IFA.FLAGS)?.readUInt32LE() ?? payload[2] ?? 0) & IFA_F_TENTATIVE) !== 0,
  };
}

// routes

const RTA = {
  DST: 1,
  OIF: 4,
  GATEWAY: 5,
  PRIORITY: 6,
  PREFSRC: 7,
  METRICS: 8,
  MULTIPATH: 9,
  TABLE: 15,
  VIA: 18,
} as const;
const RTAX_MTU = 2;
const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;
export const TABLE_MAIN = 254;
const TYPES: Readonly<Record<RouteType, number>> = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
};
const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, value]) => [value, name as RouteType]));

/** The prefix a route is for; `default` takes its family from the spec. */
export function routeDestination(route: RouteSpec): Cidr {
  if (route.destination === 'default') {
    const family = route.family ?? (route.via === undefined ? 4 : (parseIp(route.via)?.family ?? 4));
    return { family, network: 0n, prefix: 0, address: 0n };
  }
  if (route.destination.includes('/')) return toCidr(route.destination);
  return toCidr(`${route.destination}/${route.destination.includes(':') ? 128 : 32}`);
}

function defaultScope(route: RouteSpec, family: 4 | 6): RouteScope {
  if (family === 6) return 'global';
  const type = route.type ?? 'unicast';
  if (type === 'local') return 'host';
  if (type === 'broadcast' || type === 'multicast') return 'link';
  return type === 'unicast' && route.via === undefined ? 'link' : 'global';
}

/** rtmsg and its attributes. For a deletion, what the spec leaves out matches anything. */
export function writeRoute(
  w: MessageWriter,
  route: RouteSpec,
  options: { readonly index: number | undefined; readonly deletion: boolean },
): void {
  const destination = routeDestination(route);
  const table = route.table ?? TABLE_MAIN;
  const scope = route.scope ?? (options.deletion ? 'nowhere' : defaultScope(route, destination.family));
  const type = route.type ?? (options.deletion ? undefined : 'unicast');
  w.u8(FAMILY[destination.family]).u8(destination.prefix).u8(0).u8(0);
  w.u8(table < 256 ? table : 0)
    .u8(route.protocol ?? (options.deletion ? 0 : 4))
    .u8(SCOPES[scope])
    .u8(type === undefined ? 0 : TYPES[type])
    .u32(route.onlink ? RTNH_F_ONLINK : 0);
  if (destination.prefix > 0) w.attr(RTA.DST, ipToBytes({ family: destination.family, value: destination.network }));
  w.attrU32(RTA.TABLE, table);
  if (options.index !== undefined) w.attrU32(RTA.OIF, options.index);
  if (route.via !== undefined) writeGateway(w, route.via, destination.family);
  if (route.source !== undefined) w.attr(RTA.PREFSRC, ipToBytes(route.source));
  if (route.metric !== undefined) w.attrU32(RTA.PRIORITY, route.metric);
  if (route.mtu !== undefined && !options.deletion) {
    const metrics = w.nest(RTA.METRICS);
    w.attrU32(RTAX_MTU, route.mtu);
    w.endNest(metrics);
  }
}

function writeGateway(w: MessageWriter, via: string, family: 4 | 6): void {
  const gateway = ipToBytes(via);
  if ((gateway.length === 4) === (family === 4)) {
    w.attr(RTA.GATEWAY, gateway);
    return;
  }
  // An IPv4 route over an IPv6 next hop.
  const value = Buffer.alloc(2 + gateway.length);
  value.writeUInt16LE(FAMILY[gateway.length === 4 ? 4 : 6]);
  value.set(gateway, 2);
  w.attr(RTA.VIA, value);
}

/** Request for the route of one address. */
export function writeRouteQuery(w: MessageWriter, address: string): void {
  const bytes = ipToBytes(address);
  w.u8(bytes.length === 4 ? FAMILY[4] : FAMILY[6])
    .u8(bytes.length * 8)
    .u8(0)
    .u8(0)
    .u32(0)
    .u32(0)
    .attr(RTA.DST, bytes);
}

/** Undefined for what is no route of the table: other families and cached clones. */
export function decodeRoute(payload: Buffer, options: { readonly cloned?: boolean } = {}): Route | undefined {
  const family = FAMILY_OF.get(payload[0] ?? 0);
  const flags = payload.readUInt32LE(8);
  if (family === undefined || ((flags & RTM_F_CLONED) !== 0 && !options.cloned)) return undefined;
  const a = parseAttributes(payload.subarray(12));
  const metrics = parseAttributes(a.get(RTA.METRICS) ?? Buffer.alloc(0));
  const destination = addressText(a.get(RTA.DST)) ?? (family === 4 ? '0.0.0.0' : '::');
  return {
    destination: `${destination}/${payload[1]}`,
    family,
    type: TYPE_NAMES.get(payload[7] ?? 0) ?? 'unicast',
    table: a.get(RTA.TABLE)?.readUInt32LE() ?? payload[4] ?? 0,
    protocol: payload[5] ?? 0,
    scope: SCOPE_NAMES.get(payload[6] ?? 0) ?? 'global',
    via: addressText(a.get(RTA.GATEWAY) ?? a.get(RTA.VIA)?.subarray(2)),
    device: a.get(RTA.OIF)?.readUInt32LE(),
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    source: addressText(a.get(RTA.PREFSRC)),
    metric: a.get(RTA.PRIORITY)?.readUInt32LE(),
    mtu: metrics.get(RTAX_MTU)?.readUInt32LE(),
  };
}

// neighbours and forwarding entries

const NDA = { DST: 1, LLADDR: 2 } as const;
export const NUD_PERMANENT = 0x80;
const NUD_NOARP = 0x40;
export const NTF_SELF = 2;
const STATES: readonly (readonly [number, string])[] = [
  [NUD_PERMANENT, 'permanent'],
  [NUD_NOARP, 'noarp'],
  [0x02, 'reachable'],
  [0x04, 'stale'],
  [0x08, 'delay'],
  [0x10, 'probe'],
  [0x01, 'incomplete'],
  [0x20, 'failed'],
];

export function writeNeighbor(
  w: MessageWriter,
  entry: {
    readonly family: number;
    readonly index: number;
    readonly state: number;
    readonly flags: number;
    readonly address?: string;
    readonly mac?: string;
  },
): void {
  w.u32(entry.family).u32(entry.index).u16(entry.state).u8(entry.flags).u8(0);
  if (entry.address !== undefined) w.attr(NDA.DST, ipToBytes(entry.address));
  if (entry.mac !== undefined) w.attr(NDA.LLADDR, parseMac(entry.mac));
}

export function decodeNeighbor(payload: Buffer): Neighbor | undefined {
  if (!FAMILY_OF.has(payload[0] ?? 0)) return undefined;
  const a = parseAttributes(payload.subarray(12));
  const address = addressText(a.get(NDA.DST));
  const mac = a.get(NDA.LLADDR);
  const state = payload.readUInt16LE(8);
  if (address === undefined) return undefined;
  return {
    device: payload.readInt32LE(4),
    address,
    mac: mac?.length === 6 ? formatMac(mac) : undefined,
    state: STATES.find(([bit]) => (state & bit) !== 0)?.[1] ?? 'none',
  };
}

export function decodeFdb(payload: Buffer): FdbEntry | undefined {
  if (payload[0] !== AF_BRIDGE) return undefined;
  const a = parseAttributes(payload.subarray(12));
  const mac = a.get(NDA.LLADDR);
  if (mac?.length !== 6) return undefined;
  return {
    device: payload.readInt32LE(4),
    mac: formatMac(mac),
    destination: addressText(a.get(NDA.DST)),
    permanent: (payload.readUInt16LE(8) & NUD_PERMANENT) !== 0,
  };
}
