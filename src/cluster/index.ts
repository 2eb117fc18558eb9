// The door of the cluster room.
export { findDeadRemains } from './dead-clusters.ts';
export { downCluster, removeRemains } from './down.ts';
export { layFabric } from './fabric.ts';
export type { FabricPlan } from './fabric.ts';
export { DEFAULT_STATE_ROOT, statePaths } from './paths.ts';
export type { StatePaths } from './paths.ts';
export { preflight } from './preflight.ts';
export { identify, writeRecord } from './process-record.ts';
export { addressPlan, DEFAULT_SPEC, FIRST_API_PORT, namespaceNames, nodeNames } from './spec.ts';
export type { ClusterSpec, NetworkMode, ProxyMode } from './spec.ts';
export { clusterStatus } from './status.ts';
export type { ClusterStatus } from './status.ts';
export { failureMessage, readSpec, runSupervisor } from './supervisor.ts';
export type { SupervisorMessage } from './supervisor.ts';
export { upCluster } from './up.ts';
