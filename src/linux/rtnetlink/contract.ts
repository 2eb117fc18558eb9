// Types of the rtnetlink room: links, addresses, routes, neighbours, forwarding entries, and the verbs on them.

export type LinkKind = 'veth' | 'bridge' | 'vxlan' | 'dummy' | 'ipvlan' | 'macvlan' | (string & {});

/** A network device as the kernel reports it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** `veth`, `bridge`, `vxlan`…; undefined for hardware and loopback. */
  readonly kind: LinkKind | undefined;
  readonly mac: string | undefined;
  readonly mtu: number;
  /** IFF_UP: the administrator's wish. */
  readonly up: boolean;
  readonly loopback: boolean;
  /** `up`, `down`, `lower-layer-down`, `unknown`…: what the device says. */
  readonly operationalState: string;
  /** Index of the bridge or bond the link belongs to. */
  readonly master: number | undefined;
  /** Index of the peer of a veth pair (in the peer's namespace), or of the lower device. */
  readonly lower: number | undefined;
  /** Of the namespace that `lower` is in, by the number that ours knows it by (see `netnsNumber`); undefined: ours. */
  readonly lowerNetns: number | undefined;
  readonly alias: string | undefined;
  readonly vxlan: VxlanFacts | undefined;
}

export interface VxlanFacts {
  readonly vni: number;
  readonly port: number;
  readonly local: string | undefined;
  readonly device: number | undefined;
  readonly learning: boolean;
}

interface NewLink {
  readonly name: string;
  /** `aa:bb:cc:dd:ee:ff`; chosen by the kernel when left out. */
  readonly mac?: string;
  readonly mtu?: number;
  /** @default {false} */
  readonly up?: boolean;
  /** Name or index of a bridge to join. */
  readonly master?: string | number;
  readonly alias?: string;
}

export interface VethSpec extends NewLink {
  readonly kind: 'veth';
  /** The other end; made directly inside `netns` when given. */
  readonly peer: {
    readonly name: string;
    readonly netns?: string;
    readonly mac?: string;
    readonly mtu?: number;
    readonly up?: boolean;
  };
}

export interface VxlanSpec extends NewLink {
  readonly kind: 'vxlan';
  /** VXLAN network identifier, 24 bits. */
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  /** Outer source address. */
  readonly local?: string;
  /** Lower device; the kernel then bounds the MTU to lower − 50 (IPv6: − 70). */
  readonly device?: string | number;
  /** Learn remote addresses from traffic. @default {false} */
  readonly learning?: boolean;
}

export interface PlainLinkSpec extends NewLink {
  readonly kind: 'bridge' | 'dummy';
}

export type LinkSpec = VethSpec | VxlanSpec | PlainLinkSpec;

export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  /** null leaves the bridge. */
  readonly master?: string | number | null;
  readonly alias?: string;
  readonly name?: string;
  /** Moves the link into a namespace. */
  readonly netns?: string;
}

export interface Address {
  readonly device: number;
  /** With prefix length: `10.0.0.1/24`. */
  readonly address: string;
  readonly family: 4 | 6;
  readonly scope: RouteScope;
  /** Not yet proven unique (IPv6); such an address cannot be used. */
  readonly tentative: boolean;
}

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';
export type RouteScope = 'global' | 'site' | 'link' | 'host' | 'nowhere';

export interface Route {
  /** `10.0.0.0/24`; the default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: string;
  readonly family: 4 | 6;
  readonly type: RouteType;
  readonly table: number;
  readonly protocol: number;
  readonly scope: RouteScope;
  readonly via: string | undefined;
  readonly device: number | undefined;
  readonly onlink: boolean;
  readonly source: string | undefined;
  readonly metric: number | undefined;
  readonly mtu: number | undefined;
}

export interface RouteSpec {
  /** A prefix, a single address, or `default` (then `family` or `via` says which). */
  readonly destination: string;
  readonly family?: 4 | 6;
  /** @default {'unicast'} */
  readonly type?: RouteType;
  readonly via?: string;
  readonly device?: string | number;
  /** Believe that `via` is reachable on `device` although no address says so. */
  readonly onlink?: boolean;
  /** Source address for packets of this machine. */
  readonly source?: string;
  readonly mtu?: number;
  /** Default as `ip route`: link without `via`, host for local routes, else global. */
  readonly scope?: RouteScope;
  /** Who made the route: 3 boot, 4 static, or a number of one's own. @default {4} */
  readonly protocol?: number;
  readonly metric?: number;
  /** @default {254} the main table */
  readonly table?: number;
}

export interface Neighbor {
  readonly device: number;
  readonly address: string;
  readonly mac: string | undefined;
  /** `permanent`, `reachable`, `stale`, `failed`… */
  readonly state: string;
}

export interface FdbEntry {
  readonly device: number;
  readonly mac: string;
  /** Outer address of the tunnel that leads to the MAC. */
  readonly destination: string | undefined;
  readonly permanent: boolean;
}

export type RtnlGroup = 'link' | 'address' | 'route' | 'neighbor';

export type RtnlEvent =
  | { readonly kind: 'link'; readonly action: 'set' | 'delete'; readonly link: Link }
  | { readonly kind: 'address'; readonly action: 'set' | 'delete'; readonly address: Address }
  | { readonly kind: 'route'; readonly action: 'set' | 'delete'; readonly route: Route }
  | { readonly kind: 'neighbor'; readonly action: 'set' | 'delete'; readonly neighbor: Neighbor }
  /** Events were lost: list anew. */
  | { readonly kind: 'overflow' };

/** One namespace's links, addresses and routes. Every call is synchronous; failures are `KernelError`. */
export interface Rtnl {
  links(): Link[];
  link(device: string | number): Link | undefined;
  /** The number that this namespace knows another one by; undefined when it knows none. `links` makes them known. */
  netnsNumber(netns: string): number | undefined;
  addLink(spec: LinkSpec): void;
  setLink(device: string | number, change: LinkChange): void;
  /** False when there was none. Deleting one end of a veth pair deletes both. */
  deleteLink(device: string | number): boolean;
  addresses(filter?: { readonly device?: string | number; readonly family?: 4 | 6 }): Address[];
  /** Adds or renews. */
  addAddress(
    device: string | number,
    address: string,
    options?: { readonly scope?: RouteScope; readonly noDad?: boolean },
  ): void;
  deleteAddress(device: string | number, address: string): boolean;
  routes(filter?: RouteFilter): Route[];
  /** EEXIST when the same destination and metric is there. */
  addRoute(route: RouteSpec): void;
  replaceRoute(route: RouteSpec): void;
  /** Deletes the first route that has what the spec says; false when there was none. */
  deleteRoute(route: RouteSpec): boolean;
  /** The route a packet to this address takes; undefined when there is none. */
  routeTo(address: string): Route | undefined;
  neighbors(filter?: { readonly device?: string | number; readonly family?: 4 | 6 }): Neighbor[];
  /** A permanent entry: the kernel never asks and never forgets. */
  replaceNeighbor(entry: { readonly device: string | number; readonly address: string; readonly mac: string }): void;
  deleteNeighbor(entry: { readonly device: string | number; readonly address: string }): boolean;
  fdb(filter?: { readonly device?: string | number }): FdbEntry[];
  /** A permanent entry of a tunnel: frames to `mac` go to `destination`. */
  replaceFdb(entry: { readonly device: string | number; readonly mac: string; readonly destination: string }): void;
  deleteFdb(entry: { readonly device: string | number; readonly mac: string; readonly destination: string }): boolean;
  /** Events until `close`; does not keep the process alive. */
  monitor(groups: readonly RtnlGroup[], onEvent: (event: RtnlEvent) => void): { close(): void };
  close(): void;
}

export interface RouteFilter {
  readonly family?: 4 | 6;
  /** @default {254} the main table; 'all' for every table */
  readonly table?: number | 'all';
  readonly protocol?: number;
  readonly device?: string | number;
}
