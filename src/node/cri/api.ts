// The messages and methods of the container runtime interface, runtime.v1, that the agent uses. Field numbers are the
// interface's (k8s.io/cri-api, api.proto); fields left out here are not needed, and skipped when they come.
import {
  field as f,
  messageType,
  type Decoded,
  type Encodable,
  type GrpcMethod,
  type MessageType,
} from '../../grpc/index.ts';

const int64Value = messageType({ value: f.int53(1) });
const uint64Value = messageType({ value: f.int53(1) });

export const namespaceMode = { POD: 0, CONTAINER: 1, NODE: 2, TARGET: 3 } as const;
const namespaceOption = messageType({
  network: f.int32(1),
  pid: f.int32(2),
  ipc: f.int32(3),
  targetId: f.string(4),
});

/** 0 is the runtime's default profile, 1 none. */
const securityProfile = messageType({ profileType: f.int32(1), localhostRef: f.string(2) });
export const UNCONFINED = 1;

// --- sandboxes -----------------------------------------------------------------------------------------------------

const podSandboxMetadata = messageType({
  name: f.string(1),
  uid: f.string(2),
  namespace: f.string(3),
  attempt: f.uint32(4),
});

const podSandboxConfig = messageType({
  metadata: f.message(1, podSandboxMetadata),
  hostname: f.string(2),
  logDirectory: f.string(3),
  dnsConfig: f.message(
    4,
    messageType({ servers: f.list(f.string(1)), searches: f.list(f.string(2)), options: f.list(f.string(3)) }),
  ),
  labels: f.map(6, f.string),
  annotations: f.map(7, f.string),
  linux: f.message(
    8,
    messageType({
      cgroupParent: f.string(1),
      securityContext: f.message(
        2,
        messageType({
          namespaceOptions: f.message(1, namespaceOption),
          privileged: f.bool(6),
          seccomp: f.message(9, securityProfile),
        }),
      ),
      sysctls: f.map(3, f.string),
    }),
  ),
});
export type PodSandboxConfig = Encodable<typeof podSandboxConfig>;

const podSandboxStatus = messageType({
  id: f.string(1),
  metadata: f.message(2, podSandboxMetadata),
  state: f.int32(3),
  createdAt: f.int64(4),
  network: f.message(
    5,
    messageType({ ip: f.string(1), additionalIps: f.list(f.message(2, messageType({ ip: f.string(1) }))) }),
  ),
  labels: f.map(7, f.string),
});

const podSandbox = messageType({
  id: f.string(1),
  metadata: f.message(2, podSandboxMetadata),
  state: f.int32(3),
  createdAt: f.int64(4),
  labels: f.map(5, f.string),
});
export type PodSandboxItem = Decoded<typeof podSandbox>;
export const SANDBOX_READY = 0;

// --- containers ----------------------------------------------------------------------------------------------------

const imageSpec = messageType({
  image: f.string(1),
  annotations: f.map(2, f.string),
  userSpecifiedImage: f.string(18),
});
const containerMetadata = messageType({ name: f.string(1), attempt: f.uint32(2) });

const containerConfig = messageType({
  metadata: f.message(1, containerMetadata),
  image: f.message(2, imageSpec),
  command: f.list(f.string(3)),
  args: f.list(f.string(4)),
  workingDir: f.string(5),
  envs: f.list(f.message(6, messageType({ key: f.string(1), value: f.string(2) }))),
  mounts: f.list(
    f.message(
      7,
      messageType({ containerPath: f.string(1), hostPath: f.string(2), readonly: f.bool(3), propagation: f.int32(5) }),
    ),
  ),
  labels: f.map(9, f.string),
  annotations: f.map(10, f.string),
  logPath: f.string(11),
  stdin: f.bool(12),
  stdinOnce: f.bool(13),
  tty: f.bool(14),
  linux: f.message(
    15,
    messageType({
      resources: f.message(
        1,
        messageType({
          cpuPeriod: f.int53(1),
          cpuQuota: f.int53(2),
          cpuShares: f.int53(3),
          memoryLimitInBytes: f.int53(4),
          oomScoreAdj: f.int53(5),
        }),
      ),
      securityContext: f.message(
        2,
        messageType({
          capabilities: f.message(
            1,
            messageType({ addCapabilities: f.list(f.string(1)), dropCapabilities: f.list(f.string(2)) }),
          ),
          privileged: f.bool(2),
          namespaceOptions: f.message(3, namespaceOption),
          runAsUser: f.message(5, int64Value),
          readonlyRootfs: f.bool(7),
          supplementalGroups: f.list(f.int53(8)),
          noNewPrivs: f.bool(11),
          runAsGroup: f.message(12, int64Value),
          maskedPaths: f.list(f.string(13)),
          readonlyPaths: f.list(f.string(14)),
          seccomp: f.message(15, securityProfile),
        }),
      ),
    }),
  ),
});
export type ContainerConfig = Encodable<typeof containerConfig>;

export const containerState = { CREATED: 0, RUNNING: 1, EXITED: 2, UNKNOWN: 3 } as const;
const container = messageType({
  id: f.string(1),
  podSandboxId: f.string(2),
  metadata: f.message(3, containerMetadata),
  imageRef: f.string(5),
  state: f.int32(6),
  createdAt: f.int64(7),
  labels: f.map(8, f.string),
  annotations: f.map(9, f.string),
});
export type ContainerItem = Decoded<typeof container>;

const containerStatus = messageType({
  id: f.string(1),
  metadata: f.message(2, containerMetadata),
  state: f.int32(3),
  createdAt: f.int64(4),
  startedAt: f.int64(5),
  finishedAt: f.int64(6),
  exitCode: f.int32(7),
  imageRef: f.string(9),
  reason: f.string(10),
  message: f.string(11),
  labels: f.map(12, f.string),
  annotations: f.map(13, f.string),
  logPath: f.string(15),
});
export type CriContainerStatus = Decoded<typeof containerStatus>;

const containerStats = messageType({
  attributes: f.message(1, messageType({ id: f.string(1) })),
  cpu: f.message(2, messageType({ usageCoreNanoSeconds: f.message(2, uint64Value) })),
  memory: f.message(3, messageType({ workingSetBytes: f.message(2, uint64Value) })),
});

// --- images --------------------------------------------------------------------------------------------------------

const image = messageType({
  id: f.string(1),
  repoTags: f.list(f.string(2)),
  repoDigests: f.list(f.string(3)),
  uid: f.message(5, int64Value),
  username: f.string(6),
});
export type CriImage = Decoded<typeof image>;

const authConfig = messageType({
  username: f.string(1),
  password: f.string(2),
  auth: f.string(3),
  serverAddress: f.string(4),
  identityToken: f.string(5),
  registryToken: f.string(6),
});
export type RegistryAuth = Encodable<typeof authConfig>;

// --- methods -------------------------------------------------------------------------------------------------------

const nothing = messageType({});
const sandboxId = messageType({ podSandboxId: f.string(1) });
const containerId = messageType({ containerId: f.string(1) });
const labelFilter = (number: number) => messageType({ labelSelector: f.map(number, f.string) });

function method<Request, Response>(
  service: 'RuntimeService' | 'ImageService',
  name: string,
  request: MessageType<unknown, Request>,
  response: MessageType<Response, never>,
): GrpcMethod<Request, Response> {
  return { path: `/runtime.v1.${service}/${name}`, request, response };
}

const runtime = <Request, Response>(
  name: string,
  request: MessageType<unknown, Request>,
  response: MessageType<Response, never>,
) => method('RuntimeService', name, request, response);

const streamUrl = messageType({ url: f.string(1) });

export const cri = {
  version: runtime(
    'Version',
    messageType({ version: f.string(1) }),
    messageType({ runtimeName: f.string(2), runtimeVersion: f.string(3), runtimeApiVersion: f.string(4) }),
  ),
  runPodSandbox: runtime(
    'RunPodSandbox',
    messageType({ config: f.message(1, podSandboxConfig), runtimeHandler: f.string(2) }),
    sandboxId,
  ),
  stopPodSandbox: runtime('StopPodSandbox', sandboxId, nothing),
  removePodSandbox: runtime('RemovePodSandbox', sandboxId, nothing),
  podSandboxStatus: runtime(
    'PodSandboxStatus',
    messageType({ podSandboxId: f.string(1), verbose: f.bool(2) }),
    messageType({ status: f.message(1, podSandboxStatus), info: f.map(2, f.string) }),
  ),
  listPodSandbox: runtime(
    'ListPodSandbox',
    messageType({ filter: f.message(1, labelFilter(3)) }),
    messageType({ items: f.list(f.message(1, podSandbox)) }),
  ),
  createContainer: runtime(
    'CreateContainer',
    messageType({
      podSandboxId: f.string(1),
      config: f.message(2, containerConfig),
      sandboxConfig: f.message(3, podSandboxConfig),
    }),
    containerId,
  ),
  startContainer: runtime('StartContainer', containerId, nothing),
  stopContainer: runtime('StopContainer', messageType({ containerId: f.string(1), timeout: f.int53(2) }), nothing),
  removeContainer: runtime('RemoveContainer', containerId, nothing),
  listContainers: runtime(
    'ListContainers',
    messageType({ filter: f.message(1, labelFilter(4)) }),
    messageType({ containers: f.list(f.message(1, container)) }),
  ),
  containerStatus: runtime(
    'ContainerStatus',
    messageType({ containerId: f.string(1), verbose: f.bool(2) }),
    messageType({ status: f.message(1, containerStatus), info: f.map(2, f.string) }),
  ),
  reopenContainerLog: runtime('ReopenContainerLog', containerId, nothing),
  execSync: runtime(
    'ExecSync',
    messageType({ containerId: f.string(1), cmd: f.list(f.string(2)), timeout: f.int53(3) }),
    messageType({ stdout: f.bytes(1), stderr: f.bytes(2), exitCode: f.int32(3) }),
  ),
  exec: runtime(
    'Exec',
    messageType({
      containerId: f.string(1),
      cmd: f.list(f.string(2)),
      tty: f.bool(3),
      stdin: f.bool(4),
      stdout: f.bool(5),
      stderr: f.bool(6),
    }),
    streamUrl,
  ),
  attach: runtime(
    'Attach',
    messageType({
      containerId: f.string(1),
      stdin: f.bool(2),
      tty: f.bool(3),
      stdout: f.bool(4),
      stderr: f.bool(5),
    }),
    streamUrl,
  ),
  listContainerStats: runtime(
    'ListContainerStats',
    messageType({ filter: f.message(1, labelFilter(3)) }),
    messageType({ stats: f.list(f.message(1, containerStats)) }),
  ),
  imageStatus: method(
    'ImageService',
    'ImageStatus',
    messageType({ image: f.message(1, imageSpec) }),
    messageType({ image: f.message(1, image) }),
  ),
  pullImage: method(
    'ImageService',
    'PullImage',
    messageType({ image: f.message(1, imageSpec), auth: f.message(2, authConfig) }),
    messageType({ imageRef: f.string(1) }),
  ),
} as const;
