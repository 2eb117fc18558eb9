// Containers as process trees: a supervisor shell each, an overlay of the host's root, namespaces from util-linux.
// Holds nothing that would be lost with the agent: a new runtime on the same folder goes on where this one stopped.
import { createHash } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { errorText, UserError } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import { ContainerDir, type ContainerProgress, type ContainerRecord } from './container-dir.ts';
import type { Container, ContainerRuntime, ContainerSpec } from './contract.ts';
import { attachToContainer } from './attach.ts';
import type { CgroupTree } from './cgroup-tree.ts';
import type { ExecRequest, ExecSession } from './exec-contract.ts';
import { startExec } from './exec-process.ts';
import { exitReason, logTail, readTail } from './exit-report.ts';
import { FifoPool } from './fifo-pool.ts';
import { readHostMounts, programMounts } from './host-mounts.ts';
import { LogFile } from './log-file.ts';
import type { LogStream } from './log-format.ts';
import { ensureMaskLayer, type LayerDirs } from './mask-layer.ts';
import { prepareRoot, type RootContext } from './prepare-root.ts';
import { isRunning } from './process-identity.ts';
import { drainPipe, openPipe, readPipe, type PipeReader } from './pipe-reader.ts';
import { namespaceWords, startScript, terminalWords, type Tools } from './start-script.ts';
import { findProgram, findTools } from './tools.ts';
import { startSupervisor } from './supervisor.ts';
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
const DRAIN_TIMEOUT_MS = 2000;
/** Exit status of a container whose end nobody saw: as after SIGKILL. */
const UNKNOWN_EXIT = 137;

interface Entry {
  container: Container;
  readonly record: ContainerRecord;
  readonly dir: ContainerDir;
  progress: ContainerProgress;
  readers: PipeReader[];
  log: LogFile | undefined;
  /** Keeps a container's input open until its one client has ended it. */
  stdinKeeper?: number | undefined;
  readonly logHandlers: Set<() => void>;
  readonly outputHandlers: Set<(stream: LogStream, chunk: Buffer) => void>;
}

export class ProcessRuntime implements ContainerRuntime {
  readonly #options: ProcessRuntimeOptions;
  readonly #podsDir: string;
  readonly #layers: LayerDirs;
  readonly #entries = new Map<string, Entry>();
  readonly #exitHandlers = new Set<(c: Container) => void>();
  #tools: Tools | undefined;
  #fifos: FifoPool | undefined;
  #root: RootContext | undefined;
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
    this.#tools = tools;
    this.#fifos = new FifoPool(path.join(runDir, 'fifos'), tools.mkfifo);
    this.#root = {
      stage,
      stageLayer: this.#layers.stage,
      mask: this.#layers.mask,
      opaque,
      programMounts: programMounts(mounts),
      hostMounts: new Set(mounts.map((m) => m.target).filter((t) => t !== '/')),
      nodeBinary: process.execPath,
      programRoot,
    };
    this.#adopt();
  }

  containers(podUid: string): readonly Container[] {
    return this.#entriesOf(podUid).flatMap((e) => (e.record.name === TREE ? [] : [e.container]));
  }

  #entriesOf(podUid: string): Entry[] {
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
    const entry: Entry = {
      record,
      dir,
      progress: {},
      readers: [],
      log: undefined,
      logHandlers: new Set(),
      outputHandlers: new Set(),
      container: containerOf(record, 'starting', {}, undefined),
    };
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
      tools: this.#need(this.#tools),
      fifos: this.#need(this.#fifos),
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
    for (const entry of this.#entries.values()) {
      for (const reader of entry.readers) reader.close();
      entry.log?.close();
      closeStdin(entry);
    }
    this.#entries.clear();
    return Promise.resolve();
  }

  #need<T>(value: T | undefined): T {
    if (value === undefined) throw new Error('the runtime is not open yet');
    return value;
  }

  /** Makes the container's files and starts its supervisor. Resolves when the program runs. */
  async #launch(entry: Entry, spec: ContainerSpec, cgroupProcs: readonly string[]): Promise<void> {
    const { dir } = entry;
    const tools = this.#need(this.#tools);
    const fifos = this.#need(this.#fifos);
    const root = this.#need(this.#root);
    const pipes = [dir.stdout, dir.stderr, dir.acknowledge, dir.lifeLine];
    const hasInput = spec.stdin || spec.tty;
    for (const file of hasInput ? [...pipes, dir.stdin] : pipes) fifos.take(file);
    writeFileSync(dir.mountTable, prepareRoot(root, spec, { dir, podDir: this.podDir(spec.pod.uid) }), { mode: 0o600 });
    const script = startScript(tools, spec.tty ? { ...spec, argv: inTerminal(spec.argv) } : spec, {
      stdin: hasInput ? dir.stdin : '/dev/null',
      stdout: dir.stdout,
      stderr: dir.stderr,
      mountTable: dir.mountTable,
      stage: root.stage,
      cgroupProcs,
    });
    writeFileSync(dir.script, script, { mode: 0o600 });
    const sibling = this.containers(spec.pod.uid).find((c) => c.state === 'running' && c.pid !== undefined);
    const processesOf = await this.#processesToJoin(spec);
    const words = [
      ...namespaceWords(tools, {
        ...(spec.netns === undefined ? {} : { netnsPath: netnsPath(spec.netns) }),
        ...(sibling?.pid === undefined ? {} : { joinIpcOf: sibling.pid }),
        ...(processesOf === undefined ? {} : { joinPidOf: processesOf }),
        hostIpc: spec.hostIpc,
        hostPid: spec.hostPid,
      }),
      tools.sh,
      dir.script,
    ];
    this.#listen(entry);
    if (spec.stdin && spec.stdinOnce && !spec.tty) entry.stdinKeeper = openSync(dir.stdin, constants.O_RDWR);
    const text = await startSupervisor(words, dir, this.#options.clock);
    const pid = dir.readPid();
    if (text !== 'ok' || pid === undefined) {
      throw new Error(text === '' ? 'the container ended before it began' : text);
    }
    if (entry.container.state === 'exited') return;
    this.#setProgress(entry, { startedAtMs: this.#options.clock.now() });
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

  /** Reads output and waits for the end. Must come before the supervisor starts: its pipes want a reader. */
  #listen(entry: Entry): void {
    const { clock } = this.#options;
    const { dir, record } = entry;
    const log = new LogFile(record.logFile, { now: () => clock.now() });
    entry.log = log;
    const write = (stream: LogStream) => (chunk: Buffer) => {
      log.write(stream, chunk);
      for (const handler of entry.outputHandlers) handler(stream, chunk);
      for (const handler of entry.logHandlers) handler();
    };
    const out = readPipe(openPipe(dir.stdout), write('stdout'));
    const err = readPipe(openPipe(dir.stderr), write('stderr'));
    const life = readPipe(openPipe(dir.lifeLine), () => undefined);
    entry.readers = [out, err, life];
    void life.ended.then(async () => {
      if (this.#closed) return;
      // In a process tree of its own nothing outlives the first process; elsewhere descendants may.
      for (const pid of this.#options.cgroups.processes(record.pod.uid, record.id)) trySignal(pid, 'SIGKILL');
      // The supervisor has seen the end, so all writers are gone and both pipes end; all but those of a container in
      // the node's own process tree, which may leave processes behind.
      const patience = clock.after(DRAIN_TIMEOUT_MS, () => [out, err].forEach((reader) => reader.close()));
      await Promise.all([out.ended, err.ended]);
      clock.clear(patience);
      if (!this.#closed) this.#exited(entry);
    });
  }

  #exited(entry: Entry): void {
    if (entry.container.state === 'exited') return;
    const { dir, record } = entry;
    entry.log?.close();
    entry.log = undefined;
    closeStdin(entry);
    const status = dir.readExit();
    const oom = this.#options.cgroups.oomKilled(record.pod.uid, record.id);
    const own = readTail(record.terminationMessage);
    const message = own === '' && record.messageFromLog && status !== 0 ? logTail(record.logFile) : own;
    this.#setProgress(entry, {
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

  #fail(entry: Entry, message: string): void {
    for (const reader of entry.readers) reader.close();
    entry.readers = [];
    entry.log?.close();
    entry.log = undefined;
    closeStdin(entry);
    const pid = entry.dir.readPid();
    if (pid !== undefined && isRunning(pid)) process.kill(pid, 'SIGKILL');
    entry.dir.release();
    const now = this.#options.clock.now();
    this.#setProgress(entry, { startedAtMs: now, finishedAtMs: now, exitCode: 128, reason: 'StartError', message });
    entry.container = containerOf(entry.record, 'exited', entry.progress, undefined);
  }

  #setProgress(entry: Entry, progress: ContainerProgress): void {
    entry.progress = progress;
    entry.dir.writeProgress(progress);
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
    const entry: Entry = {
      record,
      dir,
      progress,
      readers: [],
      log: undefined,
      logHandlers: new Set(),
      outputHandlers: new Set(),
      container: containerOf(record, 'exited', progress, undefined),
    };
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
    for (const reader of entry.readers) reader.close();
    entry.readers = [];
    const log = entry.log;
    if (log !== undefined) {
      drainPipe(openPipe(dir.stdout), (chunk) => log.write('stdout', chunk));
      drainPipe(openPipe(dir.stderr), (chunk) => log.write('stderr', chunk));
    }
    this.#exited(entry);
  }
}

function containerOf(
  record: ContainerRecord,
  state: Container['state'],
  progress: ContainerProgress,
  pid: number | undefined,
): Container {
  const { id, pod, name, attempt, imageRef, specHash, createdAtMs, logFile, stdin, tty } = record;
  const fixed = { id, pod, name, attempt, imageRef, specHash, createdAtMs, logFile, stdin, tty };
  return { ...fixed, state, ...progress, ...(pid === undefined ? {} : { pid }) };
}

/** @throws Error when the machine has no script(1) */
function inTerminal(argv: readonly string[]): string[] {
  const script = findProgram('script');
  if (script === undefined) {
    throw new Error("a container with tty: true needs the program 'script': install the package bsdutils");
  }
  return terminalWords(script, argv);
}

function closeStdin(entry: Entry): void {
  if (entry.stdinKeeper !== undefined) closeSync(entry.stdinKeeper);
  entry.stdinKeeper = undefined;
}

function trySignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function isInNetns(pid: number, netns: string | undefined): boolean {
  const inode = (file: string) => statSync(file).ino;
  return inode(`/proc/${pid}/ns/net`) === inode(netns === undefined ? '/proc/self/ns/net' : netnsPath(netns));
}

export function netnsPath(nameOrPath: string): string {
  return nameOrPath.startsWith('/') ? nameOrPath : `/run/netns/${nameOrPath}`;
}
