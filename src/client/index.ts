// The door of the client room.
export type {
  Client,
  ClientConfig,
  DeleteOptions,
  Informer,
  InformerChange,
  InformerOptions,
  Key,
  ListOptions,
  ListResult,
  PatchOptions,
  PatchType,
  ResourceClient,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './contract.ts';
export { ConnectionError, isConnectionError } from './connection-error.ts';
export { createBackoff } from './backoff.ts';
export type { Backoff } from './backoff.ts';
export { createClient } from './create-client.ts';
export type { AnswerReport, HttpTransportOptions } from './http-transport.ts';
export { followServers, serverUrls } from './follow-servers.ts';
export { createEventRecorder } from './event-recorder.ts';
export type { EventRecorder, EventRecorderOptions, EventSubject, EventType } from './event-recorder.ts';
export { createInformer } from './informer.ts';
export { createInProcessClient } from './in-process.ts';
export type { InProcessHandle, InProcessRequest, InProcessResponse, InProcessUser } from './in-process.ts';
export { createWorkQueue } from './work-queue.ts';
export type { WorkQueue, WorkQueueOptions } from './work-queue.ts';
export { indexBy } from './index-by.ts';
export type { Index } from './index-by.ts';
export { inClusterConfig } from './in-cluster-config.ts';
export type { InClusterOptions } from './in-cluster-config.ts';
export { loadKubeconfig, SERVERS_EXTENSION } from './kubeconfig.ts';
export type { KubeconfigOptions } from './kubeconfig.ts';
export { keyOf, objectKey, splitKey } from './object-key.ts';
export { runLeaderElection } from './leader-election.ts';
export type { LeaderElection, LeaderElectionOptions } from './leader-election.ts';
export { tokenFromFile } from './token-file.ts';
export { createFakeClient } from './fake/fake-client.ts';
export type { FakeAction, FakeClient } from './fake/fake-client.ts';
