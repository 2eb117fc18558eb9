export type {
  ApiRequest,
  ApiResponse,
  ApiServer,
  ApiServerOptions,
  ListenAddress,
  Listening,
  NodeAgentTls,
  ServingTls,
  User,
  WatchStep,
} from './contract.ts';
export { createApiServer } from './create-api-server.ts';
