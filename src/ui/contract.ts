// What the server sends and the page shows, as values. Types only: both sides share this file.
import type { Place, Verdict, Walk } from '../trace/contract.ts';

export type { Change, Hop, Leg, Walk } from '../trace/contract.ts';

export interface NodeView {
  readonly key: string;
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
  readonly ready: boolean;
  /** Why it is not ready, or that it takes no new pods; '' when all is well. */
  readonly note: string;
}

export interface PodView {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** '' while no node was chosen. */
  readonly node: string;
  readonly addresses: readonly string[];
  /** The status column of `kubectl get pods`. */
  readonly status: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  /** Whether a trace can start here. */
  readonly running: boolean;
  readonly hostNetwork: boolean;
  /** The Deployment, StatefulSet… that it belongs to; its own name when to none. */
  readonly workload: string;
}

export interface PortView {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  readonly nodePort?: number;
}

export interface ServiceView {
  /** `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** Virtual addresses; none for a headless service. */
  readonly addresses: readonly string[];
  readonly ports: readonly PortView[];
}

export interface EndpointView {
  readonly address: string;
  /** `namespace/name` of the pod behind the address. */
  readonly pod?: string;
  readonly node?: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

export interface SliceView {
  /** `namespace/name` of the EndpointSlice. */
  readonly key: string;
  /** `namespace/name` of its Service. */
  readonly service: string;
  readonly ports: readonly string[];
  readonly endpoints: readonly EndpointView[];
}

/** Everything the picture is drawn from, by key. */
export interface Topology {
  readonly nodes: Readonly<Record<string, NodeView>>;
  readonly pods: Readonly<Record<string, PodView>>;
  readonly services: Readonly<Record<string, ServiceView>>;
  readonly slices: Readonly<Record<string, SliceView>>;
}

export interface Part<T> {
  readonly set: readonly T[];
  readonly gone: readonly string[];
}

/** What turns one topology into the next. The first one a page gets starts from nothing. */
export interface TopologyChange {
  readonly nodes?: Part<NodeView>;
  readonly pods?: Part<PodView>;
  readonly services?: Part<ServiceView>;
  readonly slices?: Part<SliceView>;
}

export interface ClusterFacts {
  readonly cluster: string;
  readonly clusterDomain: string;
  readonly namespace: string;
  /** Whether a client outside the cluster can be traced from here. */
  readonly external: boolean;
}

export interface TraceOrder {
  readonly from: string;
  readonly to: string;
  readonly namespace?: string;
  readonly protocol?: 'tcp' | 'udp';
  /** Connections to make, one after the other. */
  readonly count?: number;
  /** How long to wait for an answer. */
  readonly timeoutSeconds?: number;
}

/** The report that `portico trace --json` prints. */
export interface TraceReportView {
  readonly from: Place;
  readonly to: string;
  readonly dns?: {
    readonly questions: readonly {
      readonly name: string;
      readonly type: 'A' | 'AAAA';
      readonly server: string;
      readonly answer?: { readonly rcode: string; readonly addresses: readonly string[] };
    }[];
    readonly walk: Walk;
  };
  readonly walks: readonly Walk[];
  readonly verdict: Verdict;
  readonly notes: readonly string[];
}

export interface TraceAnswer {
  /** Its capture is at `/api/trace/ID.pcapng`. */
  readonly id: string;
  readonly report: TraceReportView;
}

/** Connections since the watching began, by endpoint `address:port`. */
export interface ShareSample {
  /** Seconds since the watching began. */
  readonly at: number;
  readonly counts: Readonly<Record<string, number>>;
  /** True once events were lost: the counts are too low from then on. */
  readonly lossy: boolean;
}

/** What one node's kernel holds about a Service, in the words of its tool. */
export interface NodeRules {
  readonly node: string;
  readonly mode: 'iptables' | 'nftables' | 'none';
  readonly lines: readonly string[];
}

export interface ServicePage {
  readonly service: {
    readonly namespace: string;
    readonly name: string;
    readonly type: string;
    readonly addresses: readonly string[];
    readonly ports: readonly string[];
  };
  readonly endpoints: readonly (EndpointView & {
    readonly port: string;
    readonly why?: string;
    readonly connections: number;
  })[];
  readonly dns: readonly {
    readonly name: string;
    readonly expected: readonly string[];
    readonly answer: string;
    readonly ok: boolean;
  }[];
  readonly rules: readonly {
    readonly node: string;
    readonly mode: 'iptables' | 'nftables' | 'none';
    readonly address: string;
    readonly expected: string;
    readonly found: string;
    readonly ok: boolean;
    readonly problems: readonly string[];
    readonly command: string;
    readonly connections: Readonly<Record<string, number>>;
  }[];
  readonly held: readonly NodeRules[];
  readonly events: readonly string[];
  readonly notes: readonly string[];
  readonly drift: boolean;
}

/** A pod or a node across all layers. */
export interface ObjectPage {
  readonly kind: 'pod' | 'node';
  readonly name: string;
  /** What the object says of itself, a line each. */
  readonly facts: readonly string[];
  readonly network: readonly {
    readonly layer: string;
    readonly where: string;
    readonly what: string;
    readonly expected: string;
    readonly found: string;
    readonly ok: boolean;
    readonly command: string;
  }[];
  /** Of a node: rules of Services that differ. */
  readonly rules: ServicePage['rules'];
  /** Of a pod: the Services that lead to it. */
  readonly services: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly problems: readonly string[];
    readonly connections: number;
  }[];
  readonly dns: ServicePage['dns'];
  readonly counters: readonly string[];
  readonly events: readonly string[];
  readonly notes: readonly string[];
  readonly drift: boolean;
}
