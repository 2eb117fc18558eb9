// exec and attach: the runtime gives an address, and the streams travel there over SPDY, as kubelet's own clients' do.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { http } from '../../http/index.ts';
import type { ExecRequest, ExecResult, ExecSession } from '../runtime/exec-contract.ts';
import { SpdySession } from '../server/spdy/session.ts';

const CONNECT_TIMEOUT_MS = 10_000;

function upgrade(url: string): Promise<{ socket: Duplex; head: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: 'POST',
      timeout: CONNECT_TIMEOUT_MS,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
    });
    request.on('upgrade', (_: IncomingMessage, socket: Duplex, head: Buffer) => resolve({ socket, head }));
    request.on('response', (response: IncomingMessage) => {
      response.resume();
      reject(new Error(`the container runtime refused the streams: HTTP status ${response.statusCode}`));
    });
    request.on('timeout', () => request.destroy(new Error('the container runtime does not answer')));
    request.on('error', reject);
    request.end();
  });
}

/** The Status object on the error stream, which this version of the protocol sends for success too. */
export function exitCodeOf(status: string): number {
  if (status === '') throw new Error('the connection to the container runtime broke before the program ended');
  try {
    const {
      status: outcome,
      message,
      details,
    } = JSON.parse(status) as {
      status?: string;
      message?: string;
      details?: { causes?: { reason?: string; message?: string }[] };
    };
    if (outcome === 'Success') return 0;
    const code = details?.causes?.find((c) => c.reason === 'ExitCode')?.message;
    if (code !== undefined) return Number(code);
    throw new Error(message ?? status);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new Error(status, { cause });
    throw cause;
  }
}

/** Opens the streams at `url`, which Exec or Attach gave. */
export async function openRemoteSession(url: string, request: ExecRequest): Promise<ExecSession> {
  const { socket, head } = await upgrade(url);
  const session = new SpdySession(socket, head, (stream) => stream.destroy());
  const open = (streamtype: string) => session.open(new Map([['streamtype', streamtype]]));
  const error = open('error');
  error.end();
  const stdin = request.stdin ? open('stdin') : undefined;
  const stdout = open('stdout');
  const stderr = request.tty ? undefined : open('stderr');
  const resize = request.tty ? open('resize') : undefined;
  for (const output of [stdout, stderr]) output?.end();
  request.signal?.addEventListener('abort', () => session.close(), { once: true });

  let status = '';
  const done = new Promise<ExecResult>((resolve, reject) => {
    error.on('data', (chunk: Buffer) => (status += chunk.toString()));
    error.on('end', () => {
      try {
        resolve({ exitCode: exitCodeOf(status) });
      } catch (cause) {
        reject(cause instanceof Error ? cause : new Error(String(cause)));
      }
    });
  });
  // A session that nobody waits for must not end the agent.
  done.catch(() => undefined);
  const ends = [stdout, stderr].map(
    (s) => new Promise<void>((resolve) => (s === undefined ? resolve() : s.on('close', resolve))),
  );
  void Promise.allSettled([done, ...ends]).then(() => session.close());
  return {
    stdin,
    stdout,
    stderr,
    resize: (columns, rows) => void resize?.write(JSON.stringify({ Width: columns, Height: rows })),
    close: () => session.close(),
    done,
  };
}
