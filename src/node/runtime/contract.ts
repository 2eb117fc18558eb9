// What the agent asks of a container runtime, whatever it is made of. Types only.
import type { ExecRequest, ExecSession } from './exec-contract.ts';

export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** A directory or file of the node that appears in the container. `target` is a path inside the container. */
export interface ContainerMount {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

export interface ContainerSpec {
  readonly pod: PodIdentity;
  readonly name: string;
  /** 0 for the first start, +1 a restart. */
  readonly attempt: number;
  readonly argv: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  readonly workingDir?: string;
  readonly mounts: readonly ContainerMount[];
  /** Written into the container's root: /etc/resolv.conf, /etc/hosts, … */
  readonly files: Readonly<Record<string, string>>;
  readonly hostname: string;
  /** The pod's network namespace, name or path; undefined: the node's own. */
  readonly netns?: string;
  readonly user: ContainerUser;
  readonly privileged: boolean;
  /** May a program gain privileges, e.g. by a set-uid bit? */
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  readonly readOnlyRoot: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  readonly terminationMessagePath: string;
  /** A container that fails without a message gets the end of its log as one. */
  readonly messageFromLog: boolean;
  readonly limits: ResourceLimits;
  /** 0…1000: how readily the kernel ends it when memory runs out. */
  readonly oomScoreAdj: number;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Share one process tree with the pod's other containers. */
  readonly shareProcesses: boolean;
  /** Id of a container whose process tree this one joins (a debug container's target). */
  readonly joinProcessesOf?: string;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  /** Folder for `<attempt>.log`. */
  readonly logDir: string;
  /** What the image's program wants to see of Portico itself. */
  readonly needs: { readonly node: boolean; readonly program: boolean; readonly host?: boolean };
  /** What the catalog made of the image; kept with the container. */
  readonly imageRef: string;
  /** Hash of the container's part of the pod spec; a change means: restart. */
  readonly specHash: string;
  /** For runtimes with images of their own: the image, and what the pod says in place of its ENTRYPOINT and CMD. */
  readonly image?: ContainerImage;
  /** The pod names no user: the image may. */
  readonly userOfImage?: boolean;
}

export interface ContainerImage {
  readonly name: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** How long it took to fetch; undefined when it was there. */
  readonly pulledMs?: number;
}

export interface ResourceLimits {
  readonly cpuMillis?: number;
  readonly cpuRequestMillis?: number;
  readonly memoryBytes?: number;
}

export type ContainerState = 'starting' | 'running' | 'exited';

/** A container as it is now. A new value at every change. */
export interface Container {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly imageRef: string;
  readonly specHash: string;
  /** Process id of the container's first process, as the node sees it. */
  readonly pid?: number;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  /** `Completed`, `Error`, `OOMKilled`, `StartError`, `ContainerStatusUnknown`. */
  readonly reason?: string;
  readonly message?: string;
  readonly logFile: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  /** Whose container it is: the first part of its id in the pod's status. @default 'process' */
  readonly runtimeName?: string;
}

export interface ContainerRuntime {
  /** Has images of its own, which bring their environment; without: programs of the node. */
  readonly hasImages?: boolean;
  /** Takes over what earlier agents left. Call once, before anything else. */
  open(): Promise<void>;
  /** All containers the runtime knows, exited ones until they are removed. */
  containers(podUid: string): readonly Container[];
  container(id: string): Container | undefined;
  /** Pods that left anything in the runtime. */
  podUids(): ReadonlySet<string>;
  /** Resolves when the program runs (state running) or could not be started (state exited, reason StartError). */
  start(spec: ContainerSpec): Promise<Container>;
  /** Sends to the container's first process; false when it is gone. */
  signal(id: string, signal: NodeJS.Signals): boolean;
  /** Forgets an exited container and frees its files; its log stays. */
  remove(id: string): void;
  /** Removes all that is left of a pod; its containers must have exited. */
  removePod(uid: string): Promise<void>;
  /** Folder in memory for the pod's secrets and shared memory; gone with the pod. */
  podDir(uid: string): string;
  onExit(handler: (container: Container) => void): Disposable;
  exec(id: string, request: ExecRequest): Promise<ExecSession>;
  /** Joins the container's own input and output. */
  attach(id: string, request: ExecRequest): Promise<ExecSession>;
  /** Calls back when lines were added to the container's log, and when the container has ended. */
  onLog(id: string, handler: () => void): Disposable;
  /** Ends a container at once and waits for its end. */
  kill(id: string): Promise<void>;
  /** CPU time and memory of a container, where cgroups tell. */
  usage(id: string): { cpuNanos?: number; memoryBytes?: number };
  /** Lets go of everything without ending a container. */
  close(): Promise<void>;
}
