export type {
  ApiRequest,
  ApiResponse,
  ApiServer,
  ApiServerOptions,
  ListenAddress,
  Listening,
  NodeAgentTls,
  RequestLimits,
  ServingTls,
  User,
  WatchStep,
} from './contract.ts';
export { createApiServer } from './create-api-server.ts';
export { portKubernetesState } from './objects/kubernetes-state.ts';
export { storedValueText } from './objects/stored-value.ts';
