// Makes one container's files and starts its supervisor.
import { closeSync, constants, openSync, statSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../clock/index.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerSpec } from './contract.ts';
import type { FifoPool } from './fifo-pool.ts';
import { prepareRoot, type RootContext } from './prepare-root.ts';
import { namespaceWords, startScript, terminalWords, type Tools } from './start-script.ts';
import { startSupervisor } from './supervisor.ts';
import { findProgram } from './tools.ts';

/** What every container of the node is started with. */
export interface Launcher {
  readonly tools: Tools;
  readonly fifos: FifoPool;
  readonly root: RootContext;
}

export interface LaunchPlace {
  readonly podDir: string;
  readonly cgroupProcs: readonly string[];
  /** A running container of the pod, whose IPC objects this one shares. */
  readonly siblingPid: number | undefined;
  /** The process whose tree this one becomes part of; undefined: it gets a tree of its own. */
  readonly processesOf: number | undefined;
}

/**
 * Resolves with the process id once the program runs.
 * @param listen Reads the container's pipes from then on.
 * @throws Error when it cannot be started
 */
export async function launchContainer(
  { tools, fifos, root }: Launcher,
  entry: ContainerEntry,
  spec: ContainerSpec,
  place: LaunchPlace,
  o: { clock: Clock; listen: () => void },
): Promise<number> {
  const { dir } = entry;
  const pipes = [dir.stdout, dir.stderr, dir.acknowledge, dir.lifeLine];
  const hasInput = spec.stdin || spec.tty;
  for (const file of hasInput ? [...pipes, dir.stdin] : pipes) fifos.take(file);
  writeFileSync(dir.mountTable, prepareRoot(root, spec, { dir, podDir: place.podDir }), { mode: 0o600 });
  const script = startScript(tools, spec.tty ? { ...spec, argv: inTerminal(spec.argv) } : spec, {
    stdin: hasInput ? dir.stdin : '/dev/null',
    stdout: dir.stdout,
    stderr: dir.stderr,
    mountTable: dir.mountTable,
    stage: root.stage,
    cgroupProcs: place.cgroupProcs,
  });
  writeFileSync(dir.script, script, { mode: 0o600 });
  using ipc = spec.hostIpc ? undefined : holdIpcNamespace(place.siblingPid);
  const words = [
    ...namespaceWords(tools, {
      ...(spec.netns === undefined ? {} : { netnsPath: netnsPath(spec.netns) }),
      ...(ipc === undefined ? {} : { joinIpc: ipc.path }),
      ...(place.processesOf === undefined ? {} : { joinPidOf: place.processesOf }),
      hostIpc: spec.hostIpc,
      hostPid: spec.hostPid,
    }),
    tools.sh,
    dir.script,
  ];
  o.listen();
  if (spec.stdin && spec.stdinOnce && !spec.tty) entry.stdinKeeper = openSync(dir.stdin, constants.O_RDWR);
  const text = await startSupervisor(words, dir, o.clock);
  const pid = dir.readPid();
  if (text === 'ok' && pid !== undefined) return pid;
  throw new Error(text === '' ? 'the container ended before it began' : text);
}

/** Keeps the namespace open while somebody joins it: the process may end at any moment. Undefined: it has ended. */
function holdIpcNamespace(pid: number | undefined): ({ readonly path: string } & Disposable) | undefined {
  if (pid === undefined) return undefined;
  try {
    const fd = openSync(`/proc/${pid}/ns/ipc`, constants.O_RDONLY);
    return { path: `/proc/${process.pid}/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
  } catch {
    return undefined;
  }
}

/** @throws Error when the machine has no script(1) */
function inTerminal(argv: readonly string[]): string[] {
  const script = findProgram('script');
  if (script === undefined) {
    throw new Error("a container with tty: true needs the program 'script': install the package bsdutils");
  }
  return terminalWords(script, argv);
}

export function isInNetns(pid: number, netns: string | undefined): boolean {
  const inode = (file: string) => statSync(file).ino;
  return inode(`/proc/${pid}/ns/net`) === inode(netns === undefined ? '/proc/self/ns/net' : netnsPath(netns));
}

export function netnsPath(nameOrPath: string): string {
  return nameOrPath.startsWith('/') ? nameOrPath : `/run/netns/${nameOrPath}`;
}
