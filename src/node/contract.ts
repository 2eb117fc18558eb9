// What the node agent asks of the composition root, and what it gives back. Types only.
import type { Client } from '../client/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';

export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly hostPort: number;
  readonly containerPort: number;
  /** '' = every address of the node. */
  readonly hostIp: string;
}

/** A pod as the pod network sees it; pods on the host network never get here. */
export interface PodToAttach {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** What a runtime that makes the pods' namespaces itself must know of them. */
  readonly sandbox?: SandboxSpec;
}

export interface SandboxSpec {
  readonly hostname: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly shareProcesses: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly hostNetwork: boolean;
  /** Some container of the pod is privileged. */
  readonly privileged: boolean;
  /** Folder of the pod's logs. */
  readonly logDir: string;
}

/** What the agent needs of a pod network; the pod network room fits this shape. */
export interface PodNetwork {
  /** The pods' namespaces are a container runtime's: it is asked for pods on the host network too. */
  readonly makesSandboxes?: boolean;
  /** True when pods can be attached (the node's pod CIDR is known, routes are in). The node is Ready from then on. */
  ready(): boolean;
  /** Why `ready()` is false, as a sentence; shown in the node's Ready condition. */
  problem?(): string | undefined;
  /** Do packets reach the pods of the other nodes? A condition of the Node says so; undefined: nobody can be asked. */
  peers?(): { readonly reachable: boolean; readonly reason: string; readonly message: string } | undefined;
  /** Calls when `peers()` has changed. */
  onPeersChange?(handler: () => void): Disposable;
  /** `netns` is a name (as in `ip netns`) or a path. Again for the same pod: repairs, same addresses. */
  attach(pod: PodToAttach): Promise<{ netns: string; ips: readonly string[] }>;
  /** Takes namespace and addresses away; never fails for what is already gone. */
  detach(uid: string): Promise<void>;
  /**
   * Is what `attach` made still there? `linkless`: attaching again mends it. `gone`: what still runs in the namespace can
   * be reached by nobody any more. Left out: the network cannot tell.
   */
  health?(uid: string): 'whole' | 'linkless' | 'gone';
  /** Calls with the uid of an attached pod that is not whole. */
  onLoss?(handler: (uid: string) => void): Disposable;
  /** Detaches every pod that is not in the set. */
  retain(uids: ReadonlySet<string>): Promise<void>;
}

export interface KubeletTls {
  certPem: string;
  keyPem: string;
  /** Who may call the agent's API: clients with a certificate of this authority. */
  clientCaPem: string;
}

export interface NodeAgentOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** InternalIPs of the node, the primary family first; asked again and again, for a host may get another address. */
  readonly nodeIps: () => readonly string[];
  readonly podNetwork: PodNetwork;
  /** The agent's own folder, e.g. `/var/lib/portico/<name>/nodes/<node>`. */
  readonly stateDir: string;
  readonly clusterName: string;
  /** ClusterIPs of the cluster DNS service. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** Left out: no HTTPS API, so no logs, exec and port-forward. */
  readonly kubeletTls?: KubeletTls;
  readonly listen?: { readonly host?: string; readonly port?: number };
  readonly log: Logger;
  readonly clock?: Clock;
  /** Labels of the Node besides hostname, os and arch. */
  readonly labels?: Readonly<Record<string, string>>;
  /** User entries of the image catalog (YAML), read again when it changes. */
  readonly imagesFile?: string;
  /** Where Portico itself lies; pods see it read-only at /opt/portico/program. */
  readonly programRoot?: string;
  /** Further paths of the host that no pod may see. */
  readonly maskPaths?: readonly string[];
  /** How often the node's Lease is renewed. @default 10000 */
  readonly heartbeatMs?: number | undefined;
  /** The socket of a container runtime (containerd) that runs the pods; left out: they run as process trees. */
  readonly criEndpoint?: string;
  /** With `criEndpoint`: control groups of the node's pods, a path; absent: where the runtime puts them. */
  readonly criCgroupParent?: string | undefined;
  /** How many pods the node takes. @default 110 */
  readonly maxPods?: number;
}

export interface NodeAgent {
  /** The port the HTTPS API listens on; undefined without one. */
  readonly port: number | undefined;
  /** Tells the agent that `podNetwork.ready()` may have changed. Without it the agent looks once a second. */
  networkChanged(): void;
  /** Another certificate for the HTTPS API, from the next connection on. */
  setServing(pair: { readonly certPem: string; readonly keyPem: string }): void;
  /** Ends the agent and every pod of the node: processes, files and networks go. */
  leave(): Promise<void>;
  /** Ends the agent; containers keep running and are taken over by the next agent on this state directory. */
  stop(): Promise<void>;
}
