// What the node agent and the composition root see of the pod network.
import type { Client } from '../client/index.ts';
import type { Logger } from '../log/index.ts';

export interface PodRef {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A port of the node that leads to a port of the pod. */
export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort: number;
  readonly containerPort: number;
  /** '' = every address of the node. */
  readonly hostIp: string;
}

export interface PodToAttach extends PodRef {
  readonly hostPorts?: readonly HostPort[];
  /** A namespace that somebody else made and will remove (a path), and the device's name in it. Left out: one of ours. */
  readonly into?: { readonly netns: string; readonly device: string };
}

/** What a pod has got, as a container runtime wants to hear it. */
export interface Attached {
  readonly netns: string;
  readonly ips: string[];
  /** The node's end of the link, and the hardware addresses of both ends. */
  readonly hostLink: string;
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtu: number;
  /** Gateways by family, as far as the pod has addresses of it. */
  readonly gateways: readonly string[];
}

export interface Attachment {
  /** Name of the pod's network namespace, as in `ip netns`. */
  readonly netns: string;
  /** The pod's addresses, in the order of the node's pod CIDRs. */
  readonly ips: readonly string[];
  /** Set when the namespace is somebody else's: the device's name in it. */
  readonly device?: string;
}

/** Made for a condition of the Node. */
export interface PeersState {
  readonly reachable: boolean;
  /** One word. */
  readonly reason: string;
  /** What, where, and what to do. */
  readonly message: string;
}

/** `linkless`: attaching again mends it. `gone`: what still runs in the namespace can be reached by nobody any more. */
export type AttachmentHealth = 'whole' | 'linkless' | 'gone';

export interface PodNetwork {
  /** True when pods can be attached: the node has a pod CIDR and the routes of the first plan are in. */
  ready(): boolean;
  /** Why `ready()` is false, as a sentence; undefined when it is true. */
  problem(): string | undefined;
  /** Calls when `ready()` or `problem()` has changed. */
  onReadyChange(handler: () => void): Disposable;
  /**
   * Do packets reach the pods of the other nodes? Undefined where nobody can be asked: there is no other node, or no
   * overlay, without which the ends of the pod network have no addresses.
   */
  peers(): PeersState | undefined;
  /** Calls when `peers()` has changed. */
  onPeersChange(handler: () => void): Disposable;
  /** Gives the pod its namespace and addresses. Again for the same pod: repairs what is missing, same addresses. */
  attach(pod: PodToAttach): Promise<Attached>;
  /** Is what `attach` made still there? */
  health(uid: string): AttachmentHealth;
  /** Calls with the uid of an attached pod that is not whole. */
  onLoss(handler: (uid: string) => void): Disposable;
  /** Takes everything away; never fails for what is already gone. */
  detach(uid: string): Promise<void>;
  /** What the kernel lacks of a pod's attachment, a sentence each; empty when all is there. */
  check(uid: string): readonly string[];
  /** Detaches every pod that is not in the set; pods in namespaces of others are left alone. */
  retain(uids: ReadonlySet<string>): Promise<void>;
  /** Attached pods by uid. */
  attachments(): ReadonlyMap<string, Attachment & PodRef>;
  /** Ends, and takes every route, neighbour, device and rule of ours from the kernel: the node leaves the cluster. */
  leave(): Promise<void>;
  /** Ends watching; what is in the kernel stays and goes on carrying traffic. */
  stop(): void;
}

/** `auto`: by routes to nodes on the same link, inside VXLAN to the others. */
export const NETWORK_MODES = ['native', 'vxlan', 'auto'] as const;

export type NetworkMode = (typeof NETWORK_MODES)[number];

export interface PodNetworkOptions {
  readonly client: Client;
  readonly nodeName: string;
  readonly clusterName: string;
  readonly network: NetworkMode;
  /** Pod CIDRs of the whole cluster. */
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  /** The device that leads to the other nodes. */
  readonly uplink: string;
  /** A folder for the record of attachments; survives restarts of the agent, need not survive a reboot. */
  readonly stateDir: string;
  readonly log: Logger;
  /**
   * Give packets of pods that leave the cluster the node's address.
   * @default false
   */
  readonly masquerade?: boolean;
  /** How often other nodes are asked whether packets pass: see `startPeerCheck`. */
  readonly peerCheck?: { readonly everyMs?: number; readonly againMs?: number; readonly waitMs?: number };
  /** @default 4789 */
  readonly vxlanPort?: number;
  /** @default 1 */
  readonly vxlanVni?: number;
}
