export type {
  Attached,
  Attachment,
  HostPort,
  NetworkMode,
  PodNetwork,
  PodNetworkOptions,
  PodRef,
  PodToAttach,
} from './contract.ts';
export { NETWORK_MODES } from './contract.ts';
export { hostLinkName, podNetnsName, ROUTE_PROTOCOL, shortPodId, VXLAN_DEVICE } from './names.ts';
export { startPodNetwork } from './pod-network.ts';
export { recordedNamespaces, removePodNetwork } from './remove-network.ts';
