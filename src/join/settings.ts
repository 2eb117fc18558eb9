// What every node agent of a cluster must agree on, kept by the server in a ConfigMap. Pure.
export interface ClusterSettings {
  readonly clusterName: string;
  readonly clusterDomain: string;
  readonly clusterDns: readonly string[];
  readonly podCidrs: readonly string[];
  readonly serviceCidrs: readonly string[];
  readonly network: string;
  readonly proxyMode: string;
  /** How often a node says that it lives: a quarter of the silence after which it counts as gone. */
  readonly heartbeatMs: number;
}
