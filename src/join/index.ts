export type { BootstrapToken } from './bootstrap-token.ts';
export { createToken, deleteToken, listTokens } from './bootstrap-token.ts';
export { drainNode, setSchedulable } from './drain-node.ts';
export { removeNode } from './remove-node.ts';
export type { JoinedHost, JoinOptions } from './join-cluster.ts';
export { joinCluster } from './join-cluster.ts';
export { hostFiles } from './host-files.ts';
export type { ClusterSettings } from './settings.ts';
