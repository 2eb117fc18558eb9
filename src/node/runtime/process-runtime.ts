// Containers as process trees: a supervisor shell each, an overlay of the host's root, namespaces from util-linux.
// Holds nothing that would be lost with the agent: a new runtime on the same folder goes on where this one stopped.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { errorText, UserError } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import { attachToContainer } from './attach.ts';
import type { CgroupTree } from './cgroup-tree.ts';
import { ContainerDir, type ContainerRecord } from './container-dir.ts';
import {
  closeEntry,
  closeStdin,
  containerOf,
  createEntry,
  setProgress,
  type ContainerEntry,
} from './container-entry.ts';
import { isInNetns, launchContainer, type Launcher } from './container-launch.ts';
import { drainOutput, readOutput } from './container-output.ts';
import type { Container, ContainerRuntime, ContainerSpec } from './contract.ts';
import type { ExecRequest, ExecSession } from './exec-contract.ts';
import { startExec } from './exec-process.ts';
import { exitReason, logTail, readTail } from './exit-report.ts';
import { FifoPool } from './fifo-pool.ts';
import { readHostMounts, programMounts } from './host-mounts.ts';
import { ensureMaskLayer, type LayerDirs } from './mask-layer.ts';
import { isRunning } from './process-identity.ts';
import { findTools } from './tools.ts';
import { ensureTmpfs } from './tmpfs.ts';

export interface ProcessRuntimeOptions {
  /** The runtime's own folder; becomes a tmpfs. */
  readonly runDir: string;
  /** Paths of the host that containers must not see, besides the usual ones. */
  readonly hide: readonly string[];
  readonly programRoot: string;
  /** Source text of the web program, plain JavaScript. */
  readonly web: string;
  readonly cgroups: CgroupTree;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Name of the process that holds a shared process tree; no container can be called so. */
const TREE = '_tree';
/** Exit status of a container whose end nobody saw: as after SIGKILL. */
const UNKNOWN_EXIT = 137;

export class ProcessRuntime implements ContainerRuntime {
  readonly #options: ProcessRuntimeOptions;
  readonly #podsDir: string;
  readonly #layers: LayerDirs;
  readonly #entries = new Map<string, ContainerEntry>();
  readonly #exitHandlers = new Set<(c: Container) => void>();
  #launcher: Launcher | undefined;
  #closed = false;

  constructor(options: ProcessRuntimeOptions) {
    if (!/^[\w@%+=./-]+$/.test(options.runDir)) {
      throw new UserError(
        `state directory ${options.runDir}: use letters, digits and ./_+=@%- only, mounts cannot name others`,
      );
    }
    this.#options = options;
    const at = (name: string) => path.join(options.runDir, name);
    this.#podsDir = at('pods');
    this.#layers = { mask: at('mask'), stage: at('stage'), scratch: at('scratch'), marker: at('layers-complete') };
  }

  async open(): Promise<void> {
    const { runDir, hide, web, programRoot } = this.#options;
    const tools = findTools();
    ensureTmpfs(runDir, tools.mount);
    mkdirSync(this.#podsDir, { recursive: true, mode: 0o700 });
    const opaque = ensureMaskLayer(this.#layers, { tools, hide, web });
    const stage = path.join(runDir, 'root');
    mkdirSync(stage, { recursive: true });
    const mounts = readHostMounts();
    this.#launcher = {
      tools,
      fifos: new FifoPool(path.join(runDir, 'fifos'), tools.mkfifo),
      root: {
        stage,
        stageLayer: this.#layers.stage,
        mask: this.#layers.mask,
        opaque,
        programMounts: programMounts(mounts),
        hostMounts: new Set(mounts.map((m) => m.target).filter((t) => t !== '/')),
        nodeBinary: process.execPath,
        programRoot,
      },
    };
    this.#adopt();
  }

  containers(podUid: string): readonly Container[] {
    return this.#entriesOf(podUid).flatMap((e) => (e.record.name === TREE ? [] : [e.container]));
  }

  #entriesOf(podUid: string): ContainerEntry[] {
    return [...this.#entries.values()].filter((e) => e.record.pod.uid === podUid);
  }

  container(id: string): Container | undefined {
    return this.#entries.get(id)?.container;
  }

  podUids(): ReadonlySet<string> {
    return new Set(readdirSync(this.#podsDir));
  }

  podDir(uid: string): string {
    const dir = path.join(this.#podsDir, uid);
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    return dir;
  }

  async start(spec: ContainerSpec): Promise<Container> {
    const { clock, cgroups, log } = this.#options;
    const dir = new ContainerDir(this.podDir(spec.pod.uid), spec.name, spec.attempt);
    const id = createHash('sha256').update(`${spec.pod.uid}/${spec.name}/${spec.attempt}/${clock.now()}`).digest('hex');
    const now = clock.now();
    const procs = cgroups.create(spec.pod.uid, id, spec.limits, log);
    const record: ContainerRecord = {
      id,
      pod: spec.pod,
      name: spec.name,
      attempt: spec.attempt,
      imageRef: spec.imageRef,
      specHash: spec.specHash,
      createdAtMs: now,
      logFile: path.join(spec.logDir, `${spec.attempt}.log`),
      stdin: spec.stdin,
      tty: spec.tty,
      terminationMessage: path.join(dir.upper, spec.terminationMessagePath),
      messageFromLog: spec.messageFromLog,
      cgroups: procs,
      process: {
        argv: [],
        env: spec.env,
        user: spec.user,
        privileged: spec.privileged,
        allowPrivilegeEscalation: spec.allowPrivilegeEscalation,
        capabilities: spec.capabilities,
        ...(spec.workingDir === undefined ? {} : { workingDir: spec.workingDir }),
      },
    };
    dir.create(record);
    const entry = createEntry(record, dir, 'starting', {});
    this.#entries.set(id, entry);
    try {
      await this.#launch(entry, spec, procs);
    } catch (e) {
      this.#fail(entry, errorText(e));
    }
    return entry.container;
  }

  signal(id: string, signal: NodeJS.Signals): boolean {
    const entry = this.#entries.get(id);
    const pid = entry?.container.pid;
    if (entry === undefined || pid === undefined || entry.container.state === 'exited') return false;
    return trySignal(pid, signal);
  }

  /** Ends a container at once and waits for its end. */
  async kill(id: string): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      const handler = this.onExit((c) => {
        if (c.id !== id) return;
        handler[Symbol.dispose]();
        resolve();
      });
    });
    if (this.signal(id, 'SIGKILL')) await ended;
  }

  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.container.state !== 'exited') return;
    this.#entries.delete(id);
    for (const reader of entry.readers) reader.close();
    entry.dir.release();
    this.#options.cgroups.remove(entry.record.pod.uid, id);
    entry.dir.remove();
  }

  async removePod(uid: string): Promise<void> {
    const tree = this.#tree(uid);
    if (tree?.state === 'running') await this.kill(tree.id);
    for (const e of this.#entriesOf(uid)) this.remove(e.record.id);
    this.#options.cgroups.removePod(uid);
    rmSync(path.join(this.#podsDir, uid), { recursive: true, force: true });
  }

  onExit(handler: (container: Container) => void): Disposable {
    this.#exitHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#exitHandlers.delete(handler) };
  }

  exec(id: string, request: ExecRequest): Promise<ExecSession> {
    const entry = this.#entries.get(id);
    const pid = entry?.container.pid;
    if (entry === undefined || pid === undefined || entry.container.state !== 'running') {
      return Promise.reject(new Error('the container is not running'));
    }
    return startExec({
      ...this.#opened(),
      pid,
      record: entry.record,
      request,
    });
  }

  attach(id: string, request: ExecRequest): Promise<ExecSession> {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.container.state !== 'running') {
      return Promise.reject(new Error('the container is not running'));
    }
    return Promise.resolve(attachToContainer(this, entry, { request, onStdinEnd: () => closeStdin(entry) }));
  }

  onLog(id: string, handler: () => void): Disposable {
    const handlers = this.#entries.get(id)?.logHandlers;
    handlers?.add(handler);
    return { [Symbol.dispose]: () => void handlers?.delete(handler) };
  }

  usage(id: string): { cpuNanos?: number; memoryBytes?: number } {
    const entry = this.#entries.get(id);
    return entry === undefined ? {} : this.#options.cgroups.usage(entry.record.pod.uid, id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const entry of this.#entries.values()) closeEntry(entry);
    this.#entries.clear();
    return Promise.resolve();
  }

  #opened(): Launcher {
    if (this.#launcher === undefined) throw new Error('the runtime is not open yet');
    return this.#launcher;
  }

  async #launch(entry: ContainerEntry, spec: ContainerSpec, cgroupProcs: readonly string[]): Promise<void> {
    const { clock } = this.#options;
    const place = {
      podDir: this.podDir(spec.pod.uid),
      cgroupProcs,
      siblingPid: this.containers(spec.pod.uid).find((c) => c.state === 'running' && c.pid !== undefined)?.pid,
      processesOf: await this.#processesToJoin(spec),
    };
    const listen = () => this.#listen(entry);
    const pid = await launchContainer(this.#opened(), entry, spec, place, { clock, listen });
    if (entry.container.state === 'exited') return;
    setProgress(entry, { startedAtMs: clock.now() });
    entry.container = containerOf(entry.record, 'running', entry.progress, pid);
  }

  /** The process whose tree the container becomes part of; undefined: it gets a tree of its own. */
  async #processesToJoin(spec: ContainerSpec): Promise<number | undefined> {
    if (spec.hostPid || spec.name === TREE) return undefined;
    if (spec.joinProcessesOf !== undefined) {
      const target = this.#entries.get(spec.joinProcessesOf)?.container.pid;
      if (target === undefined) throw new Error('the target container is not running');
      return target;
    }
    if (!spec.shareProcesses) return undefined;
    const known = this.#tree(spec.pod.uid);
    if (known?.pid !== undefined && isInNetns(known.pid, spec.netns)) return known.pid;
    // It is from a sandbox that was lost.
    if (known?.state === 'running') await this.kill(known.id);
    // The root of the shared tree: sleeps, and takes in orphans as process 1 must.
    const root = await this.start({
      ...spec,
      mounts: [],
      name: TREE,
      attempt: (known?.attempt ?? -1) + 1,
      argv: ['/bin/sh', '-c', 'while :; do sleep 86400 & wait $!; done'],
      stdin: false,
      tty: false,
      limits: {},
    });
    if (root.pid === undefined) throw new Error(`the shared process tree could not be started: ${root.message}`);
    return root.pid;
  }

  #tree(podUid: string): Container | undefined {
    const roots = [...this.#entries.values()].filter((e) => e.record.pod.uid === podUid && e.record.name === TREE);
    return roots.map((e) => e.container).find((c) => c.state === 'running') ?? roots.at(-1)?.container;
  }

  #listen(entry: ContainerEntry): void {
    const { clock, cgroups } = this.#options;
    const { pod, id } = entry.record;
    readOutput(entry, clock, {
      onSupervisorGone: () => {
        if (this.#closed) return;
        // In a process tree of its own nothing outlives the first process; elsewhere descendants may.
        for (const pid of cgroups.processes(pod.uid, id)) trySignal(pid, 'SIGKILL');
      },
      onEnd: () => {
        if (!this.#closed) this.#exited(entry);
      },
    });
  }

  #exited(entry: ContainerEntry): void {
    if (entry.container.state === 'exited') return;
    const { dir, record } = entry;
    entry.log?.close();
    entry.log = undefined;
    closeStdin(entry);
    const status = dir.readExit();
    const oom = this.#options.cgroups.oomKilled(record.pod.uid, record.id);
    const own = readTail(record.terminationMessage);
    const message = own === '' && record.messageFromLog && status !== 0 ? logTail(record.logFile) : own;
    setProgress(entry, {
      ...entry.progress,
      finishedAtMs: this.#options.clock.now(),
      exitCode: status ?? UNKNOWN_EXIT,
      reason: status === undefined ? 'ContainerStatusUnknown' : exitReason(status, oom),
      ...(message === '' ? {} : { message }),
    });
    dir.release();
    dir.removeLayer();
    entry.container = containerOf(record, 'exited', entry.progress, undefined);
    for (const handler of entry.logHandlers) handler();
    for (const handler of this.#exitHandlers) handler(entry.container);
  }

  #fail(entry: ContainerEntry, message: string): void {
    closeEntry(entry);
    const pid = entry.dir.readPid();
    if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
    entry.dir.release();
    const now = this.#options.clock.now();
    setProgress(entry, { startedAtMs: now, finishedAtMs: now, exitCode: 128, reason: 'StartError', message });
    entry.container = containerOf(entry.record, 'exited', entry.progress, undefined);
  }

  #adopt(): void {
    for (const uid of readdirSync(this.#podsDir)) {
      let names: string[];
      try {
        names = readdirSync(path.join(this.#podsDir, uid, 'containers'));
      } catch {
        continue;
      }
      for (const name of names) {
        const dot = name.lastIndexOf('.');
        const dir = new ContainerDir(path.join(this.#podsDir, uid), name.slice(0, dot), Number(name.slice(dot + 1)));
        const record = dir.readRecord();
        if (record === undefined) dir.remove();
        else this.#adoptContainer(record, dir);
      }
    }
  }

  #adoptContainer(record: ContainerRecord, dir: ContainerDir): void {
    const progress = dir.readProgress();
    const entry = createEntry(record, dir, 'exited', progress);
    this.#entries.set(record.id, entry);
    if (progress.finishedAtMs !== undefined) {
      dir.release();
      return;
    }
    const pid = dir.readPid();
    entry.container = containerOf(record, 'running', progress, pid);
    this.#listen(entry);
    // The end may have come before we listened: then no pipe will tell.
    const ended = dir.readExit() !== undefined || !dir.hasSupervisor();
    if (!ended) return;
    drainOutput(entry);
    this.#exited(entry);
  }
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
