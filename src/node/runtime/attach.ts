// Joins a client with a container's own input and output while it runs.
import { spawn } from 'node:child_process';
import { constants, openSync } from 'node:fs';
import net from 'node:net';
import { PassThrough, type Writable } from 'node:stream';
import type { ContainerDir } from './container-dir.ts';
import type { Container, ContainerRuntime } from './contract.ts';
import type { ExecRequest, ExecResult, ExecSession } from './exec-contract.ts';
import type { LogStream } from './log-format.ts';

/** A client that reads too slowly loses output instead of stopping the container. */
const MAX_UNREAD = 4 * 1024 * 1024;

export interface Attachable {
  readonly container: Container;
  readonly dir: ContainerDir;
  readonly outputHandlers: Set<(stream: LogStream, chunk: Buffer) => void>;
}

export function attachToContainer(
  runtime: ContainerRuntime,
  entry: Attachable,
  o: { readonly request: ExecRequest; readonly onStdinEnd: () => void },
): ExecSession {
  const { id } = entry.container;
  const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
  const onOutput = (stream: LogStream, chunk: Buffer) => {
    if (streams[stream].readableLength < MAX_UNREAD) streams[stream].write(Buffer.from(chunk));
  };
  entry.outputHandlers.add(onOutput);
  const stdin = o.request.stdin && entry.container.stdin ? openStdin(entry.dir) : undefined;
  stdin?.on('close', o.onStdinEnd);
  const done = Promise.withResolvers<ExecResult>();
  const finish = () => {
    entry.outputHandlers.delete(onOutput);
    exits[Symbol.dispose]();
    for (const stream of [streams.stdout, streams.stderr]) stream.end();
    stdin?.destroy();
    // How the container ended is told by the pod's status, not by whoever looked on.
    done.resolve({ exitCode: 0 });
  };
  const exits = runtime.onExit((c) => {
    if (c.id === id) finish();
  });
  return {
    stdin,
    stdout: streams.stdout,
    stderr: entry.container.tty ? undefined : streams.stderr,
    resize: (columns, rows) => resizeTerminal(entry.container, columns, rows),
    close: finish,
    done: done.promise,
  };
}

function openStdin(dir: ContainerDir): Writable {
  const fd = openSync(dir.stdin, constants.O_WRONLY | constants.O_NONBLOCK);
  return new net.Socket({ fd, readable: false, writable: true });
}

/** The terminal belongs to script(1) in the container; its other end has a name there. */
function resizeTerminal(container: Container, columns: number, rows: number): void {
  if (!container.tty || container.pid === undefined) return;
  const terminal = `/proc/${container.pid}/root/dev/pts/0`;
  const child = spawn('stty', ['-F', terminal, 'cols', String(columns), 'rows', String(rows)], { stdio: 'ignore' });
  // Without stty, or after the end, the size stays as it was.
  child.on('error', () => undefined);
}
