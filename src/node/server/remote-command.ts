// exec and attach: joins a client's streams with a program's, and reports how the program ended.
import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import type { ExecRequest, ExecSession } from '../runtime/exec-contract.ts';
import type { RemoteStreams, RemoteWish } from './remote-streams.ts';
import { spdyStreams } from './spdy-streams.ts';
import { webSocketStreams } from './websocket-streams.ts';

export interface RemoteCommand {
  readonly req: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly query: URLSearchParams;
  readonly log: Logger;
  readonly open: (request: ExecRequest) => Promise<ExecSession>;
}

/** After the program's end its descendants may hold the output open: so long without a byte is the end. */
const SILENCE_MS = 500;

/** Parameter names of kubelet (`input`) and of the API (`stdin`). */
export function parseWish(query: URLSearchParams): RemoteWish {
  const on = (...names: string[]) => names.some((n) => ['true', '1'].includes(query.get(n) ?? ''));
  const tty = on('tty');
  return { stdin: on('input', 'stdin'), stdout: on('output', 'stdout'), stderr: on('error', 'stderr') && !tty, tty };
}

export function execStatus(exitCode: number): object {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

function failureStatus(message: string): object {
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
}

export async function upgradeExec(o: RemoteCommand): Promise<void> {
  const wish = parseWish(o.query);
  const kind = String(o.req.headers.upgrade ?? '').toLowerCase();
  const accept = kind === 'websocket' ? webSocketStreams : spdyStreams;
  const streams = await accept(o.req, o.socket, o.head, wish);
  const abort = new AbortController();
  try {
    const argv = o.query.getAll('command');
    const session = await o.open({ argv, stdin: wish.stdin, tty: wish.tty, signal: abort.signal });
    void streams.closed.then(() => session.close());
    const exitCode = await join(streams, session);
    await streams.finish(execStatus(exitCode));
  } catch (error) {
    o.log.debug('an exec session failed', { error: errorText(error) });
    await streams.finish(failureStatus(errorText(error)));
  }
}

async function join(streams: RemoteStreams, session: ExecSession): Promise<number> {
  streams.onResize((columns, rows) => session.resize(columns, rows));
  if (session.stdin !== undefined && streams.stdin !== undefined) {
    streams.stdin.on('error', () => session.stdin?.end());
    session.stdin.on('error', () => undefined);
    streams.stdin.pipe(session.stdin);
  }
  const outputs = [copy(session.stdout, streams.stdout), copy(session.stderr, streams.stderr)];
  const { exitCode } = await session.done;
  await Promise.all(outputs.map((output) => output.drained()));
  return exitCode;
}

/** Copies with back-pressure, and knows when there is nothing more to come. */
function copy(from: Readable | undefined, to: Writable | undefined): { drained: () => Promise<void> } {
  if (from === undefined) return { drained: () => Promise.resolve() };
  let lastByteAt = performance.now();
  let isBlocked = false;
  const ended = new Promise<void>((resolve) => {
    from.on('close', resolve);
    from.on('end', resolve);
    from.on('error', () => resolve());
  });
  from.on('data', (chunk: Buffer) => {
    lastByteAt = performance.now();
    if (to === undefined || to.destroyed || to.write(chunk)) return;
    isBlocked = true;
    from.pause();
    const go = () => {
      isBlocked = false;
      lastByteAt = performance.now();
      from.resume();
    };
    to.once('drain', go);
    to.once('close', go);
  });
  const silence = async (): Promise<void> => {
    for (;;) {
      const left = SILENCE_MS - (performance.now() - lastByteAt);
      if (left <= 0 && !isBlocked) break;
      await new Promise((resolve) => setTimeout(resolve, Math.max(20, left)));
    }
    from.destroy();
  };
  return {
    drained: () => {
      lastByteAt = performance.now();
      return Promise.race([ended, silence()]);
    },
  };
}
