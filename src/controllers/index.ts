// The door of the controllers room.
export { startControllers } from './start-controllers.ts';
export type { ControllersOptions, StartControllers } from './start-controllers.ts';
export type { ControllerContext, Running } from './runtime/context.ts';
export { createSharedInformers } from './runtime/shared-informers.ts';
export type { SharedInformers } from './runtime/shared-informers.ts';
export { startDeploymentController } from './deployment/deployment-controller.ts';
export { startEndpointSliceController } from './endpointslice/endpointslice-controller.ts';
export type { EndpointSliceOptions } from './endpointslice/endpointslice-controller.ts';
export { startGarbageCollector } from './garbage-collector/garbage-collector.ts';
export { startNamespaceController } from './namespace/namespace-controller.ts';
export { startNodeIpamController } from './node-ipam/node-ipam-controller.ts';
export type { NodeIpamOptions } from './node-ipam/node-ipam-controller.ts';
export { startNodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
export type { NodeLifecycleOptions } from './node-lifecycle/node-lifecycle-controller.ts';
export { startReplicaSetController, startReplicationControllerController } from './replicaset/replicaset-controller.ts';
export { startServiceAccountController } from './service-account/service-account-controller.ts';
export type { ServiceAccountOptions } from './service-account/service-account-controller.ts';
