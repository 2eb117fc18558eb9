// Runs a further program in a running container.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { ContainerRecord } from './container-dir.ts';
import type { ExecRequest, ExecResult, ExecSession } from './exec-contract.ts';
import type { FifoPool } from './fifo-pool.ts';
import { execWords, type Tools } from './start-script.ts';

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

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
  if (o.request.tty) return Promise.reject(new Error('a terminal is not available for this container'));
  const out = outputPipe(o.fifos);
  const err = outputPipe(o.fifos);
  const input = o.request.stdin ? inputPipe(o.fifos) : undefined;
  const [command = '', ...args] = commandLine(o);
  const child = spawn(command, args, {
    detached: true,
    cwd: '/',
    env: {},
    stdio: [input?.child ?? 'ignore', out.child, err.child],
  });
  for (const fd of [out.child, err.child, input?.child]) if (fd !== undefined) closeSync(fd);
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  o.request.signal?.addEventListener('abort', kill, { once: true });
  input?.stream.on('error', () => undefined);
  const done = new Promise<ExecResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      o.request.signal?.removeEventListener('abort', kill);
      input?.stream.destroy();
      resolve({ exitCode: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0) });
    });
  });
  return Promise.resolve({
    stdin: input?.stream,
    stdout: out.stream,
    stderr: err.stream,
    resize: () => undefined,
    close: kill,
    done,
  });
}
