// What the plugin asks of a pod network; the pod network room fits this shape. Types only.

export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort: number;
  readonly containerPort: number;
  /** '' = every address of the node. */
  readonly hostIp: string;
}

export interface ToAttach {
  /** Names the attachment; the same for ADD, CHECK and DEL of one container. */
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly hostPorts: readonly HostPort[];
  readonly into: { readonly netns: string; readonly device: string };
}

export interface AttachedContainer {
  readonly ips: readonly string[];
  readonly hostLink: string;
  readonly hostMac: string;
  readonly podMac: string;
  readonly mtu: number;
  readonly gateways: readonly string[];
}

export interface CniNetwork {
  ready(): boolean;
  problem(): string | undefined;
  attach(container: ToAttach): Promise<AttachedContainer>;
  check(uid: string): readonly string[];
  detach(uid: string): Promise<void>;
  attachments(): ReadonlyMap<string, { readonly ips: readonly string[] }>;
}
