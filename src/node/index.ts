// The door of the node agent.
export { startNodeAgent } from './agent.ts';
export type { HostPort, KubeletTls, NodeAgent, NodeAgentOptions, PodNetwork, PodToAttach } from './contract.ts';
export { PAUSE_IMAGE } from './cri/names.ts';
export { leaveHost } from './leave-host.ts';
