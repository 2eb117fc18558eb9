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
