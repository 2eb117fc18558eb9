// Containers in a runtime that speaks the container runtime interface (containerd). The runtime holds all state: a new
// agent finds its sandboxes and containers again by their labels.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, watch, writeFileSync, chmodSync } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '../../clock/index.ts';
import { errorText, UserError } from '../../errors/index.ts';
import { createGrpcClient, GrpcError, type GrpcClient } from '../../grpc/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PodNetwork } from '../contract.ts';
import type { Container, ContainerRuntime, ContainerSpec } from '../runtime/contract.ts';
import type { ExecRequest, ExecSession } from '../runtime/exec-contract.ts';
import { ensureTmpfs } from '../runtime/tmpfs.ts';
import { findProgram } from '../runtime/tools.ts';
import { containerState, cri, type ContainerItem } from './api.ts';
import { containerConfig, podCgroup, type OwnFile } from './config.ts';
import { containerOfStatus, lostContainer } from './container-state.ts';
import { CriSandboxes } from './cri-sandboxes.ts';
import { watchExits } from './exit-hints.ts';
import { LABEL, type ContainerRecord } from './names.ts';
import { openRemoteSession } from './remote-session.ts';

export interface CriRuntimeOptions {
  /** `unix:///run/containerd/containerd.sock`, or the path alone. */
  readonly endpoint: string;
  /** `cluster/node`, by which ours are told from others'. */
  readonly node: string;
  readonly podNetwork: PodNetwork;
  /** The agent's own folder in memory. */
  readonly runDir: string;
  /** What of the host a container is shown, by what its image needs. */
  readonly hostFiles?: (needs: ContainerSpec['needs']) => readonly OwnFile[];
  /** Control groups of the node's pods, a path below each hierarchy's root; absent: where the runtime puts them. */
  readonly cgroupParent?: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const CALL_TIMEOUT_MS = 30_000;
const START_TIMEOUT_MS = 20_000;
const START_LOOK_MS = 50;
/** As kubelet's pod lifecycle event generator. */
const RELIST_MS = 1000;
/** After the runtime has told of an end it needs a moment to know of it itself. */
const HINT_DELAYS_MS = [5, 50, 200];
const STATS_EVERY = 10;
/** StopContainer without an end in sight: the agent decides when to kill. */
const PATIENT_S = 365 * 86_400;
/** What the image or the runtime cannot know; the rest of the files is the image's own. */
const FILES = ['/etc/hosts', '/etc/resolv.conf'];
const MAX_LOG_BYTES = 10 << 20;
const LOG_FILES = 5;

/** @throws UserError when it is no unix socket */
export function endpointPath(endpoint: string): string {
  const file = endpoint.replace(/^unix:\/\//, '');
  if (!file.startsWith('/')) throw new UserError(`--cri-endpoint ${endpoint}: give a unix socket, unix:///PATH`);
  return file;
}

interface Entry {
  container: Container;
  readonly logHandlers: Set<() => void>;
}

export class CriRuntime implements ContainerRuntime {
  readonly hasImages = true;
  readonly sandboxes: CriSandboxes;
  readonly grpc: GrpcClient;
  readonly #o: CriRuntimeOptions;
  readonly #podsDir: string;
  readonly #entries = new Map<string, Entry>();
  readonly #usage = new Map<string, { cpuNanos?: number; memoryBytes?: number }>();
  readonly #exitHandlers = new Set<(c: Container) => void>();
  readonly #removing = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #name = 'cri';
  #version = '';
  #timer: Timer;
  #relisting: Promise<void> | undefined;
  #turn = 0;
  #complained = '';

  constructor(o: CriRuntimeOptions) {
    this.#o = o;
    this.#podsDir = path.join(o.runDir, 'pods');
    this.grpc = createGrpcClient({ unixPath: endpointPath(o.endpoint) });
    const { node, podNetwork: base, cgroupParent, log } = o;
    this.sandboxes = new CriSandboxes({ grpc: this.grpc, node, base, cgroupParent, log });
  }

  /** As the Node object says it: `containerd://1.6.20`. */
  get version(): string {
    return `${this.#name}://${this.#version}`;
  }

  async open(): Promise<void> {
    const { endpoint, runDir } = this.#o;
    try {
      const version = await this.#firstAnswer();
      this.#name = version.runtimeName;
      this.#version = version.runtimeVersion;
    } catch (cause) {
      this.grpc.close();
      if (cause instanceof GrpcError && cause.code === 'UNAVAILABLE') {
        throw new UserError(
          `no container runtime answers on ${endpoint} (${cause.details}): start it, or name its socket with --cri-endpoint`,
          { cause },
        );
      }
      throw new UserError(`the container runtime on ${endpoint} does not speak runtime.v1: ${errorText(cause)}`, {
        cause,
      });
    }
    const mount = findProgram('mount');
    if (mount === undefined) throw new UserError("the program 'mount' is missing: install the package mount");
    ensureTmpfs(runDir, mount);
    mkdirSync(this.#podsDir, { recursive: true, mode: 0o700 });
    await this.sandboxes.refresh();
    for (const item of await this.#list()) {
      // Created and never started: the agent that did so was killed in between.
      if (item.state === containerState.CREATED) await this.#call(cri.removeContainer, { containerId: item.id });
      else await this.#adopt(item.id);
    }
    void watchExits(this.grpc, this.#closing.signal, () => {
      for (const ms of HINT_DELAYS_MS) this.#o.clock.after(ms, () => void this.#relist());
    });
    this.#schedule();
  }

  /** Agent and runtime may be started together, in any order. */
  async #firstAnswer() {
    const { endpoint, log, clock } = this.#o;
    const end = clock.monotonic() + START_TIMEOUT_MS;
    for (let said = false; ; said = true) {
      try {
        return await this.grpc.unary(cri.version, {}, { timeoutMs: CALL_TIMEOUT_MS });
      } catch (error) {
        if (!(error instanceof GrpcError) || error.code !== 'UNAVAILABLE' || clock.monotonic() > end) throw error;
        if (!said) log.info('waiting for the container runtime', { endpoint });
        await this.#pause(START_LOOK_MS);
      }
    }
  }

  containers(podUid: string): readonly Container[] {
    return [...this.#entries.values()].map((e) => e.container).filter((c) => c.pod.uid === podUid);
  }

  container(id: string): Container | undefined {
    return this.#entries.get(id)?.container;
  }

  podUids(): ReadonlySet<string> {
    return new Set([...this.sandboxes.podUids(), ...readdirSync(this.#podsDir)]);
  }

  podDir(uid: string): string {
    const dir = path.join(this.#podsDir, uid);
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    return dir;
  }

  async start(spec: ContainerSpec): Promise<Container> {
    const podSandboxId = this.sandboxes.readySandbox(spec.pod.uid);
    if (podSandboxId === undefined) throw new Error('the pod has no sandbox that is ready');
    mkdirSync(spec.logDir, { recursive: true, mode: 0o755 });
    const { record, files } = this.#ownFiles(spec);
    const config = containerConfig({ node: this.#o.node, spec, record, files });
    const sandboxConfig = {
      metadata: { ...spec.pod },
      logDirectory: path.dirname(spec.logDir),
      linux: podCgroup(this.#o.cgroupParent, spec.pod.uid),
    };
    const { containerId } = await this.#call(cri.createContainer, { podSandboxId, config, sandboxConfig });
    try {
      await this.#call(cri.startContainer, { containerId });
    } catch (error) {
      const container = await this.#adopt(containerId);
      if (container?.state === 'exited') return container;
      await this.#call(cri.removeContainer, { containerId });
      throw error;
    }
    const container = await this.#adopt(containerId);
    if (container === undefined) throw new Error(`container ${containerId} is gone right after its start`);
    return container;
  }

  /** What the agent writes for one container, shown in it by mounts. */
  #ownFiles(spec: ContainerSpec): { record: ContainerRecord; files: OwnFile[] } {
    const dir = path.join(this.podDir(spec.pod.uid), 'containers', `${spec.name}.${spec.attempt}`);
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    const put = (name: string, content: string, mode: number): string => {
      const file = path.join(dir, name);
      writeFileSync(file, content);
      chmodSync(file, mode);
      return file;
    };
    const terminationMessage = put('termination-log', '', 0o666);
    const mounted = new Set(spec.mounts.map((m) => m.target));
    const files = FILES.filter((target) => !mounted.has(target)).map((target) => ({
      source: put(path.basename(target), spec.files[target] ?? '', 0o644),
      target,
    }));
    const record = {
      attempt: spec.attempt,
      specHash: spec.specHash,
      logFile: path.join(spec.logDir, `${spec.attempt}.log`),
      stdin: spec.stdin,
      tty: spec.tty,
      messageFromLog: spec.messageFromLog,
      terminationMessage,
    };
    const shown = this.#o.hostFiles?.(spec.needs) ?? [];
    return { record, files: [...shown, ...files, { source: terminationMessage, target: spec.terminationMessagePath }] };
  }

  /** The interface knows two signals: the image's own stop signal, and the end of patience. */
  signal(id: string, signal: NodeJS.Signals): boolean {
    const container = this.container(id);
    if (container === undefined || container.state === 'exited') return false;
    const timeout = signal === 'SIGKILL' ? 0 : PATIENT_S;
    this.grpc.unary(cri.stopContainer, { containerId: id, timeout }, { signal: this.#closing.signal }).then(
      () => this.#relist(),
      (error: unknown) => {
        if (!this.#closing.signal.aborted)
          this.#o.log.warn('a container could not be stopped', { id, error: errorText(error) });
      },
    );
    return true;
  }

  async kill(id: string): Promise<void> {
    const container = this.container(id);
    if (container === undefined || container.state === 'exited') return;
    await this.#call(cri.stopContainer, { containerId: id, timeout: 0 });
    while (this.container(id)?.state === 'running' && !this.#closing.signal.aborted) {
      await this.#relist();
      if (this.container(id)?.state === 'running') await this.#pause(20);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#o.clock.after(ms, resolve));
  }

  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.container.state !== 'exited') return;
    const { pod, name, attempt } = entry.container;
    this.#entries.delete(id);
    this.#usage.delete(id);
    const removal = this.#call(cri.removeContainer, { containerId: id }).catch((error: unknown) => {
      this.#o.log.warn('a container could not be removed', { id, error: errorText(error) });
    });
    this.#removing.add(removal);
    void removal.then(() => this.#removing.delete(removal));
    rmSync(path.join(this.#podsDir, pod.uid, 'containers', `${name}.${attempt}`), { recursive: true, force: true });
  }

  async removePod(uid: string): Promise<void> {
    await Promise.all(this.#removing);
    await this.sandboxes.remove(uid);
    for (const c of this.containers(uid)) this.#entries.delete(c.id);
    rmSync(path.join(this.#podsDir, uid), { recursive: true, force: true });
  }

  onExit(handler: (container: Container) => void): Disposable {
    this.#exitHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#exitHandlers.delete(handler) };
  }

  async exec(id: string, request: ExecRequest): Promise<ExecSession> {
    this.#requireRunning(id);
    const { argv: cmd, stdin, tty } = request;
    const wish = { containerId: id, cmd, stdin, tty, stdout: true, stderr: !tty };
    const { url } = await this.#call(cri.exec, wish);
    return openRemoteSession(url, request);
  }

  async attach(id: string, request: ExecRequest): Promise<ExecSession> {
    const { tty, stdin: hasStdin } = this.#requireRunning(id);
    const stdin = request.stdin && hasStdin;
    const { url } = await this.#call(cri.attach, { containerId: id, stdin, tty, stdout: true, stderr: !tty });
    const session = await openRemoteSession(url, { ...request, stdin, tty });
    // How the container ended is told by the pod's status, not by whoever looked on.
    return { ...session, done: session.done.then(() => ({ exitCode: 0 })) };
  }

  #requireRunning(id: string): Container {
    const container = this.container(id);
    if (container?.state !== 'running') throw new Error('the container is not running');
    return container;
  }

  onLog(id: string, handler: () => void): Disposable {
    const entry = this.#entries.get(id);
    if (entry === undefined) return { [Symbol.dispose]: () => undefined };
    entry.logHandlers.add(handler);
    // The folder, not the file: a rotation puts a new file in its place.
    const dir = path.dirname(entry.container.logFile);
    const watcher = watch(dir, handler).on('error', () => undefined);
    return {
      [Symbol.dispose]: () => {
        entry.logHandlers.delete(handler);
        watcher.close();
      },
    };
  }

  usage(id: string): { cpuNanos?: number; memoryBytes?: number } {
    return this.#usage.get(id) ?? {};
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#o.clock.clear(this.#timer);
    await Promise.allSettled([...this.#removing, this.#relisting]);
    this.grpc.close();
    this.#entries.clear();
  }

  #call: GrpcClient['unary'] = (method, request) => this.grpc.unary(method, request, { timeoutMs: CALL_TIMEOUT_MS });

  async #list(): Promise<readonly ContainerItem[]> {
    const filter = { labelSelector: { [LABEL.node]: this.#o.node } };
    return (await this.#call(cri.listContainers, { filter })).containers;
  }

  /** Reads a container's status and holds it from now on. */
  async #adopt(id: string): Promise<Container | undefined> {
    const { status } = await this.#call(cri.containerStatus, { containerId: id });
    const container = status === undefined ? undefined : containerOfStatus(status, this.#name);
    if (container !== undefined) this.#entries.set(id, { container, logHandlers: new Set() });
    return container;
  }

  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = this.#o.clock.after(RELIST_MS, () => void this.#relist().then(() => this.#schedule()));
  }

  /** Compares what is held with what the runtime has; one at a time. */
  #relist(): Promise<void> {
    this.#relisting ??= this.#lookAtAll()
      .then(
        () => (this.#complained = ''),
        (error: unknown) => this.#complain(error),
      )
      .then(() => (this.#relisting = undefined));
    return this.#relisting ?? Promise.resolve();
  }

  #complain(error: unknown): void {
    const text = errorText(error);
    if (text === this.#complained || this.#closing.signal.aborted) return;
    this.#complained = text;
    this.#o.log.error('the container runtime cannot be asked', { error: text });
  }

  async #lookAtAll(): Promise<void> {
    const before = [...this.#entries.values()].filter((e) => e.container.state !== 'exited');
    await this.sandboxes.refresh();
    const listed = new Map((await this.#list()).map((item) => [item.id, item.state]));
    for (const entry of before) {
      const { id } = entry.container;
      if (this.#entries.get(id) !== entry || listed.get(id) === containerState.RUNNING) continue;
      const ended = await this.#endOf(entry.container, listed.has(id));
      if (ended.state !== 'exited' || entry.container.state === 'exited') continue;
      entry.container = ended;
      for (const handler of entry.logHandlers) handler();
      for (const handler of this.#exitHandlers) handler(ended);
    }
    if (this.#turn++ % STATS_EVERY === 0) await this.#readStats();
  }

  async #endOf(container: Container, isListed: boolean): Promise<Container> {
    if (!isListed) return lostContainer(container, this.#o.clock.now());
    try {
      const { status } = await this.#call(cri.containerStatus, { containerId: container.id });
      return (status && containerOfStatus(status, this.#name)) ?? container;
    } catch (error) {
      if (error instanceof GrpcError && error.code === 'NOT_FOUND')
        return lostContainer(container, this.#o.clock.now());
      throw error;
    }
  }

  async #readStats(): Promise<void> {
    const filter = { labelSelector: { [LABEL.node]: this.#o.node } };
    const { stats } = await this.#call(cri.listContainerStats, { filter });
    for (const { attributes, cpu, memory } of stats) {
      const cpuNanos = cpu?.usageCoreNanoSeconds?.value;
      const memoryBytes = memory?.workingSetBytes?.value;
      this.#usage.set(attributes?.id ?? '', {
        ...(cpuNanos === undefined ? {} : { cpuNanos }),
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
      });
    }
    for (const { container } of this.#entries.values()) {
      if (container.state === 'running') await this.#rotateLog(container);
    }
  }

  /** The runtime writes the log, the agent keeps it short, as kubelet does. */
  async #rotateLog({ id, logFile }: Container): Promise<void> {
    const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= MAX_LOG_BYTES) return;
    rmSync(`${logFile}.${LOG_FILES - 1}`, { force: true });
    for (let n = LOG_FILES - 2; n >= 0; n--) {
      const from = n === 0 ? logFile : `${logFile}.${n}`;
      if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, `${logFile}.${n + 1}`);
    }
    await this.#call(cri.reopenContainerLog, { containerId: id });
  }
}
