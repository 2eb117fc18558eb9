// The pod network of one node as a value: what stands, or should stand, in its kernel. Devices by name, addresses in
// canonical text, so that two states compare by their keys.
export interface VxlanLink {
  readonly name: string;
  readonly vni: number;
  readonly port: number;
  readonly local: string;
  readonly device: string;
  readonly mac: string;
  readonly mtu: number;
}

export interface DeviceAddress {
  readonly device: string;
  /** With prefix length. */
  readonly address: string;
}

export interface Route {
  readonly destination: string;
  readonly type: 'unicast' | 'unreachable';
  readonly via?: string;
  readonly device?: string;
  readonly onlink?: boolean;
  readonly source?: string;
}

export interface Neighbor {
  readonly device: string;
  readonly address: string;
  readonly mac: string;
}

/** Bridge forwarding entry of the VXLAN device: inner hardware address → outer address. */
export interface ForwardingEntry {
  readonly device: string;
  readonly mac: string;
  readonly destination: string;
}

/** The node's side of a pod's veth pair. */
export interface PodLink {
  readonly name: string;
  readonly mtu: number;
}

export interface NetworkState {
  readonly vxlan: VxlanLink | undefined;
  readonly podLinks: readonly PodLink[];
  readonly addresses: readonly DeviceAddress[];
  readonly neighbors: readonly Neighbor[];
  readonly forwarding: readonly ForwardingEntry[];
  readonly routes: readonly Route[];
}

export const EMPTY_STATE: NetworkState = {
  vxlan: undefined,
  podLinks: [],
  addresses: [],
  neighbors: [],
  forwarding: [],
  routes: [],
};
