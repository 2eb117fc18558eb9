// Runs a further program in a running container.
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { openPty } from '../../linux/index.ts';
import type { ContainerRecord } from './container-dir.ts';
import type { ExecRequest, ExecResult, ExecSession } from './exec-contract.ts';
import type { FifoPool } from './fifo-pool.ts';
import { execWords, type Tools } from './start-script.ts';

export interface StartExec {
  readonly tools: Tools;
  readonly fifos: FifoPool;
  readonly pid: number;
  readonly record: ContainerRecord;
  readonly request: ExecRequest;
}

const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK } = constants;

/** Named pipes rather than sockets: programs open /dev/stdout again, and that works only with pipes. */
function outputPipe(fifos: FifoPool): { child: number; stream: Readable } {
  const file = fifos.takeTemporary();
  const reader = openSync(file, O_RDONLY | O_NONBLOCK);
  const child = openSync(file, O_WRONLY);
  rmSync(file);
  return { child, stream: new net.Socket({ fd: reader, readable: true, writable: false }) };
}

function inputPipe(fifos: FifoPool): { child: number; stream: Writable } {
  const file = fifos.takeTemporary();
  // Held for a moment, so that neither end waits for the other.
  const both = openSync(file, O_RDWR);
  const child = openSync(file, O_RDONLY);
  const writer = openSync(file, O_WRONLY | O_NONBLOCK);
  closeSync(both);
  rmSync(file);
  return { child, stream: new net.Socket({ fd: writer, readable: false, writable: true }) };
}

/** Joins the container's cgroups first, so that exec cannot escape its bounds. */
function commandLine(o: StartExec): string[] {
  const words = execWords(
    o.tools,
    o.pid,
    { ...o.record.process, argv: o.request.argv },
    { controllingTerminal: o.request.tty },
  );
  if (o.record.cgroups.length === 0) return words;
  const join = o.record.cgroups.map((file) => `echo 0 >'${file}';`).join(' ');
  return [o.tools.sh, '-c', `${join} exec "$@"`, 'sh', ...words];
}

export function startExec(o: StartExec): Promise<ExecSession> {
  return Promise.resolve(o.request.tty ? startInTerminal(o) : startWithPipes(o));
}

function startWithPipes(o: StartExec): ExecSession {
  const out = outputPipe(o.fifos);
  const err = outputPipe(o.fifos);
  const input = o.request.stdin ? inputPipe(o.fifos) : undefined;
  const [command = '', ...args] = commandLine(o);
  const stdio: StdioOptions = [input?.child ?? 'ignore', out.child, err.child];
  const child = spawn(command, args, { detached: true, cwd: '/', env: {}, stdio });
  for (const fd of [out.child, err.child, input?.child]) if (fd !== undefined) closeSync(fd);
  input?.stream.on('error', () => undefined);
  const { done, kill } = watch(child, o.request.signal, () => input?.stream.destroy());
  return { stdin: input?.stream, stdout: out.stream, stderr: err.stream, resize: () => undefined, close: kill, done };
}

/** The terminal is one of the container's own: `tty` and `ps` inside know it by name. */
function startInTerminal(o: StartExec): ExecSession {
  const pty = openPty({ ptmx: `/proc/${o.pid}/root/dev/pts/ptmx` });
  const [command = '', ...args] = commandLine(o);
  const stdio: StdioOptions = [pty.slaveFd, pty.slaveFd, pty.slaveFd];
  // Not detached: setsid(1) makes the session, and must not be a group leader for that.
  const child = spawn(command, args, { cwd: '/', env: {}, stdio });
  pty.closeSlave();
  pty.stream.on('error', () => undefined);
  const { done, kill } = watch(child, o.request.signal, () => undefined);
  const close = () => {
    kill();
    pty.close();
  };
  const resize = (columns: number, rows: number) => pty.resize({ columns, rows });
  return {
    stdin: o.request.stdin ? pty.stream : undefined,
    stdout: pty.stream,
    stderr: undefined,
    resize,
    close,
    done,
  };
}

/** The end of the process, and a way to bring it about. The child leads a process group in both cases. */
function watch(
  child: ChildProcess,
  signal: AbortSignal | undefined,
  onEnd: () => void,
): { done: Promise<ExecResult>; kill: () => void } {
  const kill = () => {
    try {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  signal?.addEventListener('abort', kill, { once: true });
  const done = new Promise<ExecResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, sig) => {
      signal?.removeEventListener('abort', kill);
      onEnd();
      resolve({ exitCode: code ?? 128 + (sig === null ? 0 : (os.constants.signals[sig] ?? 0)) });
    });
  });
  return { done, kill };
}
