export type { Attachment, NetworkMode, PodNetwork, PodNetworkOptions, PodRef } from './contract.ts';
export { hostLinkName, podNetnsName, ROUTE_PROTOCOL, shortPodId, VXLAN_DEVICE } from './names.ts';
export { startPodNetwork } from './pod-network.ts';
