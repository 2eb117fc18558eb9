// Links, addresses, routes, neighbours and forwarding entries of one namespace, over one netlink socket.

import { closeSync, openSync } from 'node:fs';
import { ipToBytes, toIp } from '../../ip/index.ts';
import { netnsPath } from '../netns/netns.ts';
import type { NetlinkMessage } from '../netlink/message.ts';
import {
  MessageWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  NLM_F_REQUEST,
  parseAttributes,
} from '../netlink/message.ts';
import { NETLINK_ROUTE, NetlinkSocket } from '../netlink/socket.ts';
import { isErrno, KernelError } from '../sys/kernel-error.ts';
import {
  addressFamily,
  AF_BRIDGE,
  decodeAddress,
  decodeFdb,
  decodeLink,
  decodeNeighbor,
  decodeRoute,
  IFF_UP,
  IFLA,
  IFLA_INFO,
  NTF_SELF,
  NUD_PERMANENT,
  parseMac,
  routeDestination,
  TABLE_MAIN,
  VXLAN,
  writeAddress,
  writeLinkHeader,
  writeNeighbor,
  writeRoute,
  writeRouteQuery,
} from './codec.ts';
import type {
  Address,
  FdbEntry,
  Link,
  LinkChange,
  LinkSpec,
  Neighbor,
  Route,
  RouteFilter,
  RouteScope,
  RouteSpec,
  Rtnl,
  RtnlEvent,
  RtnlGroup,
  VethSpec,
  VxlanSpec,
} from './contract.ts';

const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  GETNSID: 90,
} as const;

/** include/uapi/linux/net_namespace.h */
const NETNSA = { NSID: 1, FD: 3 } as const;

const VETH_INFO_PEER = 1;
const RTEXT_FILTER_SKIP_STATS = 1 << 3;

/** RTNLGRP_*: multicast groups behind each name. */
const GROUPS: Readonly<Record<RtnlGroup, readonly number[]>> = {
  link: [1],
  neighbor: [3],
  address: [5, 9],
  route: [7, 11],
};

type Device = string | number;

/** Opens the namespace's rtnetlink. Close it when done: it holds a descriptor. */
export function openRtnl(netns?: string): Rtnl {
  return new NetlinkRtnl(netns);
}

function decodeEvent(message: NetlinkMessage): RtnlEvent | undefined {
  const { type, payload } = message;
  switch (type) {
    case RTM.NEWLINK:
    case RTM.DELLINK:
      // Bridges also report their ports under this type, with their own family.
      if (payload[0] !== 0) return undefined;
      return { kind: 'link', action: type === RTM.NEWLINK ? 'set' : 'delete', link: decodeLink(payload) };
    case RTM.NEWADDR:
    case RTM.DELADDR: {
      const address = decodeAddress(payload);
      return address && { kind: 'address', action: type === RTM.NEWADDR ? 'set' : 'delete', address };
    }
    case RTM.NEWROUTE:
    case RTM.DELROUTE: {
      const route = decodeRoute(payload);
      return route && { kind: 'route', action: type === RTM.NEWROUTE ? 'set' : 'delete', route };
    }
    case RTM.NEWNEIGH:
    case RTM.DELNEIGH: {
      const neighbor = decodeNeighbor(payload);
      return neighbor && { kind: 'neighbor', action: type === RTM.NEWNEIGH ? 'set' : 'delete', neighbor };
    }
    default:
      return undefined;
  }
}

class NetlinkRtnl implements Rtnl {
  readonly #netns: string | undefined;
  readonly #socket: NetlinkSocket;
  readonly #writer = new MessageWriter();
  readonly #monitors = new Set<NetlinkSocket>();

  constructor(netns: string | undefined) {
    this.#netns = netns;
    this.#socket = new NetlinkSocket(NETLINK_ROUTE, { netns });
  }

  #where(): string {
    return this.#netns === undefined ? '' : ` in ${this.#netns}`;
  }

  #request(type: number, flags: number, body: (w: MessageWriter) => void, what: string): void {
    const w = this.#writer;
    w.clear();
    const sequence = this.#socket.nextSequence();
    const start = w.begin(type, NLM_F_REQUEST | NLM_F_ACK | flags, sequence);
    body(w);
    w.end(start);
    this.#socket.request(w, sequence, `${what}${this.#where()}`);
  }

  #query<T>(
    type: number,
    flags: number,
    body: (w: MessageWriter) => void,
    decode: (payload: Buffer) => T | undefined,
    what: string,
  ): T[] {
    const build = (sequence: number): MessageWriter => {
      this.#writer.clear();
      // Even a plain get is acknowledged, so that its end is certain.
      const start = this.#writer.begin(type, NLM_F_REQUEST | NLM_F_ACK | flags, sequence);
      body(this.#writer);
      this.#writer.end(start);
      return this.#writer;
    };
    return this.#socket.query(build, (message) => decode(message.payload), `${what}${this.#where()}`);
  }

  /** True when done, false when the kernel says that there is no such thing. */
  #remove(type: number, body: (w: MessageWriter) => void, what: string, absent: readonly string[]): boolean {
    try {
      this.#request(type, 0, body, what);
      return true;
    } catch (error) {
      if (isErrno(error, ...absent)) return false;
      throw error;
    }
  }

  #index(device: Device, what: string): number {
    if (typeof device === 'number') return device;
    const link = this.link(device);
    if (link === undefined) throw new KernelError(19, `${what}: no device ${device}${this.#where()}`);
    return link.index;
  }

  // links

  links(): Link[] {
    const body = (w: MessageWriter) => {
      writeLinkHeader(w, {});
      w.attrU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    };
    return this.#query(RTM.GETLINK, NLM_F_DUMP, body, decodeLink, 'list links');
  }

  link(device: Device): Link | undefined {
    const body = (w: MessageWriter) => {
      writeLinkHeader(w, typeof device === 'number' ? { index: device } : {});
      if (typeof device === 'string') w.attrText(IFLA.IFNAME, device);
      w.attrU32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    };
    try {
      return this.#query(RTM.GETLINK, 0, body, decodeLink, `read link ${device}`)[0];
    } catch (error) {
      if (isErrno(error, 'ENODEV')) return undefined;
      throw error;
    }
  }

  addLink(spec: LinkSpec): void {
    const what = `add ${spec.kind} link ${spec.name}`;
    const master = spec.master === undefined ? undefined : this.#index(spec.master, what);
    const lower = spec.kind === 'vxlan' && spec.device !== undefined ? this.#index(spec.device, what) : undefined;
    const peerNetns =
      spec.kind === 'veth' && spec.peer.netns !== undefined ? openSync(netnsPath(spec.peer.netns), 'r') : undefined;
    try {
      const body = (w: MessageWriter) => {
        writeLinkHeader(w, spec.up ? { flags: IFF_UP, change: IFF_UP } : {});
        w.attrText(IFLA.IFNAME, spec.name);
        if (spec.mac !== undefined) w.attr(IFLA.ADDRESS, parseMac(spec.mac));
        if (spec.mtu !== undefined) w.attrU32(IFLA.MTU, spec.mtu);
        if (master !== undefined) w.attrU32(IFLA.MASTER, master);
        const info = w.nest(IFLA.LINKINFO);
        w.attrText(IFLA_INFO.KIND, spec.kind);
        if (spec.kind === 'veth') writeVethPeer(w, spec.peer, peerNetns);
        if (spec.kind === 'vxlan') writeVxlan(w, spec, lower);
        w.endNest(info);
      };
      this.#request(RTM.NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body, what);
    } finally {
      if (peerNetns !== undefined) closeSync(peerNetns);
    }
    try {
      // The kernel ignores an alias in the request that creates a link, and cannot raise a veth peer there.
      if (spec.alias !== undefined) this.setLink(spec.name, { alias: spec.alias });
      if (spec.kind === 'veth' && spec.peer.up) this.#raisePeer(spec.peer);
    } catch (error) {
      this.deleteLink(spec.name);
      throw error;
    }
  }

  #raisePeer(peer: VethSpec['peer']): void {
    if (peer.netns === undefined) {
      this.setLink(peer.name, { up: true });
      return;
    }
    const there = new NetlinkRtnl(peer.netns);
    try {
      there.setLink(peer.name, { up: true });
    } finally {
      there.close();
    }
  }

  setLink(device: Device, change: LinkChange): void {
    const what = `change link ${device}`;
    const index = this.#index(device, what);
    const master = typeof change.master === 'string' ? this.#index(change.master, what) : change.master;
    const netns = change.netns === undefined ? undefined : openSync(netnsPath(change.netns), 'r');
    try {
      const body = (w: MessageWriter) => {
        const up = change.up === undefined ? {} : { flags: change.up ? IFF_UP : 0, change: IFF_UP };
        writeLinkHeader(w, { index, ...up });
        if (change.name !== undefined) w.attrText(IFLA.IFNAME, change.name);
        if (change.mac !== undefined) w.attr(IFLA.ADDRESS, parseMac(change.mac));
        if (change.mtu !== undefined) w.attrU32(IFLA.MTU, change.mtu);
        if (master !== undefined) w.attrU32(IFLA.MASTER, master ?? 0);
        if (change.alias !== undefined) w.attrText(IFLA.IFALIAS, change.alias);
        if (netns !== undefined) w.attrU32(IFLA.NET_NS_FD, netns);
      };
      this.#request(RTM.SETLINK, 0, body, what);
    } finally {
      if (netns !== undefined) closeSync(netns);
    }
  }

  deleteLink(device: Device): boolean {
    const body = (w: MessageWriter) => {
      writeLinkHeader(w, typeof device === 'number' ? { index: device } : {});
      if (typeof device === 'string') w.attrText(IFLA.IFNAME, device);
    };
    return this.#remove(RTM.DELLINK, body, `delete link ${device}`, ['ENODEV']);
  }

  // addresses

  addresses(filter: { readonly device?: Device; readonly family?: 4 | 6 } = {}): Address[] {
    const index = filter.device === undefined ? undefined : this.#index(filter.device, 'list addresses');
    const body = (w: MessageWriter) => w.u32(addressFamily(filter.family)).u32(0);
    const all = this.#query(RTM.GETADDR, NLM_F_DUMP, body, decodeAddress, 'list addresses');
    return index === undefined ? all : all.filter((address) => address.device === index);
  }

  addAddress(
    device: Device,
    address: string,
    options: { readonly scope?: RouteScope; readonly noDad?: boolean } = {},
  ): void {
    const what = `add address ${address} to ${device}`;
    const index = this.#index(device, what);
    const body = (w: MessageWriter) => writeAddress(w, { index, address, ...options });
    this.#request(RTM.NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body, what);
  }

  deleteAddress(device: Device, address: string): boolean {
    const what = `delete address ${address} of ${device}`;
    const index = this.#index(device, what);
    return this.#remove(RTM.DELADDR, (w) => writeAddress(w, { index, address }), what, ['EADDRNOTAVAIL']);
  }

  // routes

  routes(filter: RouteFilter = {}): Route[] {
    const table = filter.table ?? TABLE_MAIN;
    const index = filter.device === undefined ? undefined : this.#index(filter.device, 'list routes');
    const body = (w: MessageWriter) => w.u32(addressFamily(filter.family)).u32(0).u32(0);
    const keep = (payload: Buffer): Route | undefined => {
      const route = decodeRoute(payload);
      if (route === undefined || (table !== 'all' && route.table !== table)) return undefined;
      if (filter.protocol !== undefined && route.protocol !== filter.protocol) return undefined;
      return index === undefined || route.device === index ? route : undefined;
    };
    return this.#query(RTM.GETROUTE, NLM_F_DUMP, body, keep, 'list routes');
  }

  #writeRoute(type: number, flags: number, route: RouteSpec, what: string): void {
    const index = route.device === undefined ? undefined : this.#index(route.device, what);
    const deletion = type === RTM.DELROUTE;
    this.#request(type, flags, (w) => writeRoute(w, route, { index, deletion }), what);
  }

  addRoute(route: RouteSpec): void {
    this.#writeRoute(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route, `add route ${describeRoute(route)}`);
  }

  replaceRoute(route: RouteSpec): void {
    this.#writeRoute(RTM.NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route, `replace route ${describeRoute(route)}`);
  }

  deleteRoute(route: RouteSpec): boolean {
    try {
      this.#writeRoute(RTM.DELROUTE, 0, route, `delete route ${describeRoute(route)}`);
      return true;
    } catch (error) {
      if (isErrno(error, 'ESRCH', 'ENODEV')) return false;
      throw error;
    }
  }

  netnsNumber(netns: string): number | undefined {
    const fd = openSync(netnsPath(netns), 'r');
    try {
      const body = (w: MessageWriter) => w.u32(0).attrU32(NETNSA.FD, fd);
      const decode = (payload: Buffer) => parseAttributes(payload.subarray(4)).get(NETNSA.NSID)?.readInt32LE();
      const [number] = this.#query(RTM.GETNSID, 0, body, decode, `ask for the number of ${netns}`);
      return number === undefined || number < 0 ? undefined : number;
    } finally {
      closeSync(fd);
    }
  }

  routeTo(address: string): Route | undefined {
    const decode = (payload: Buffer) => decodeRoute(payload, { cloned: true });
    try {
      return this.#query(
        RTM.GETROUTE,
        0,
        (w) => writeRouteQuery(w, address),
        decode,
        `find the route to ${address}`,
      )[0];
    } catch (error) {
      if (isErrno(error, 'ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL')) return undefined;
      throw error;
    }
  }

  // neighbours and forwarding entries

  neighbors(filter: { readonly device?: Device; readonly family?: 4 | 6 } = {}): Neighbor[] {
    const index = filter.device === undefined ? undefined : this.#index(filter.device, 'list neighbours');
    const body = (w: MessageWriter) => w.u32(addressFamily(filter.family)).u32(0).u32(0);
    const all = this.#query(RTM.GETNEIGH, NLM_F_DUMP, body, decodeNeighbor, 'list neighbours');
    return index === undefined ? all : all.filter((entry) => entry.device === index);
  }

  replaceNeighbor(entry: { readonly device: Device; readonly address: string; readonly mac: string }): void {
    const what = `replace neighbour ${entry.address} on ${entry.device}`;
    const index = this.#index(entry.device, what);
    const { address, mac } = entry;
    const family = addressFamily(toIp(address).family);
    const body = (w: MessageWriter) =>
      writeNeighbor(w, { family, index, state: NUD_PERMANENT, flags: 0, address, mac });
    this.#request(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, what);
  }

  deleteNeighbor(entry: { readonly device: Device; readonly address: string }): boolean {
    const what = `delete neighbour ${entry.address} on ${entry.device}`;
    const index = this.#index(entry.device, what);
    const family = addressFamily(toIp(entry.address).family);
    const body = (w: MessageWriter) => writeNeighbor(w, { family, index, state: 0, flags: 0, address: entry.address });
    return this.#remove(RTM.DELNEIGH, body, what, ['ENOENT']);
  }

  fdb(filter: { readonly device?: Device } = {}): FdbEntry[] {
    const index = filter.device === undefined ? undefined : this.#index(filter.device, 'list forwarding entries');
    const body = (w: MessageWriter) => w.u32(AF_BRIDGE).u32(0).u32(0);
    const all = this.#query(RTM.GETNEIGH, NLM_F_DUMP, body, decodeFdb, 'list forwarding entries');
    return index === undefined ? all : all.filter((entry) => entry.device === index);
  }

  replaceFdb(entry: { readonly device: Device; readonly mac: string; readonly destination: string }): void {
    const what = `replace forwarding entry ${entry.mac} on ${entry.device}`;
    const index = this.#index(entry.device, what);
    const fields = { family: AF_BRIDGE, index, state: NUD_PERMANENT, flags: NTF_SELF };
    const body = (w: MessageWriter) => writeNeighbor(w, { ...fields, address: entry.destination, mac: entry.mac });
    this.#request(RTM.NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, body, what);
  }

  deleteFdb(entry: { readonly device: Device; readonly mac: string; readonly destination: string }): boolean {
    const what = `delete forwarding entry ${entry.mac} on ${entry.device}`;
    const index = this.#index(entry.device, what);
    const fields = { family: AF_BRIDGE, index, state: NUD_PERMANENT, flags: NTF_SELF };
    const body = (w: MessageWriter) => writeNeighbor(w, { ...fields, address: entry.destination, mac: entry.mac });
    return this.#remove(RTM.DELNEIGH, body, what, ['ENOENT']);
  }

  // events

  monitor(groups: readonly RtnlGroup[], onEvent: (event: RtnlEvent) => void): { close(): void } {
    const numbers = groups.flatMap((group) => GROUPS[group]);
    const socket = new NetlinkSocket(NETLINK_ROUTE, { netns: this.#netns, groups: numbers, receiveBuffer: 1 << 20 });
    this.#monitors.add(socket);
    socket.listen(
      (message) => {
        const event = decodeEvent(message);
        if (event !== undefined) onEvent(event);
      },
      () => onEvent({ kind: 'overflow' }),
    );
    return {
      close: () => {
        this.#monitors.delete(socket);
        socket.close();
      },
    };
  }

  close(): void {
    for (const socket of this.#monitors) socket.close();
    this.#monitors.clear();
    this.#socket.close();
  }
}

function describeRoute(route: RouteSpec): string {
  const { family } = routeDestination(route);
  const type = route.type === undefined || route.type === 'unicast' ? '' : `${route.type} `;
  const via = route.via === undefined ? '' : ` via ${route.via}`;
  const device = route.device === undefined ? '' : ` dev ${route.device}`;
  return `${type}${route.destination}${route.destination === 'default' && family === 6 ? ' (IPv6)' : ''}${via}${device}`;
}

function writeVethPeer(w: MessageWriter, peer: VethSpec['peer'], netns: number | undefined): void {
  const linkData = w.nest(IFLA_INFO.DATA);
  const nested = w.nest(VETH_INFO_PEER);
  writeLinkHeader(w, {});
  w.attrText(IFLA.IFNAME, peer.name);
  if (peer.mac !== undefined) w.attr(IFLA.ADDRESS, parseMac(peer.mac));
  if (peer.mtu !== undefined) w.attrU32(IFLA.MTU, peer.mtu);
  if (netns !== undefined) w.attrU32(IFLA.NET_NS_FD, netns);
  w.endNest(nested);
  w.endNest(linkData);
}

function writeVxlan(w: MessageWriter, spec: VxlanSpec, lower: number | undefined): void {
  const linkData = w.nest(IFLA_INFO.DATA);
  w.attrU32(VXLAN.ID, spec.vni)
    .attrU16be(VXLAN.PORT, spec.port)
    .attrU8(VXLAN.LEARNING, spec.learning ? 1 : 0);
  if (lower !== undefined) w.attrU32(VXLAN.LINK, lower);
  if (spec.local !== undefined) {
    const local = ipToBytes(spec.local);
    w.attr(local.length === 4 ? VXLAN.LOCAL : VXLAN.LOCAL6, local);
  }
  // As iproute2 does: the outer checksum of IPv4 is made and verified.
  w.attrU8(VXLAN.UDP_CSUM, 1);
  w.endNest(linkData);
}
