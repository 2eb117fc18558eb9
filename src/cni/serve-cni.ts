// The agent's end of the plugin: a unix socket that only root may open. One call at a time: they are short, and what a
// container runtime repeats because it lost patience must find the first try ended.
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';
import { errorText, UserError } from '../errors/index.ts';
import { http } from '../http/index.ts';
import type { Logger } from '../log/index.ts';
import { answer } from './answer.ts';
import { cniCode, CniError } from './cni-error.ts';
import type { CniNetwork } from './contract.ts';
import { parseRequest, versionOf } from './request.ts';

/** Where an agent listens and the plugin asks, unless told otherwise. */
export const DEFAULT_CNI_SOCKET = '/run/portico/cni.sock';
const MAX_REQUEST_BYTES = 4 << 20;

export interface CniServer {
  close(): Promise<void>;
}

/** @throws UserError when another agent answers on the socket. */
export async function serveCni(o: { socket: string; network: CniNetwork; log: Logger }): Promise<CniServer> {
  const log = o.log.with({ component: 'cni' });
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  const server = http.createServer((req, res) => {
    void readBody(req)
      .then((text) => inTurn(() => respond(text, res)))
      .catch((error: unknown) => {
        log.warn('a call was cut off', { error: errorText(error) });
        res.destroy();
      });
  });

  const respond = async (text: string, res: ServerResponse): Promise<void> => {
    const { status, body } = await outcome(text);
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(body);
  };
  const outcome = async (text: string): Promise<{ status: number; body: string }> => {
    try {
      const result = await answer(parseRequest(text), o.network);
      return { status: 200, body: result === undefined ? '' : JSON.stringify(result) };
    } catch (error) {
      const known = error instanceof CniError ? error : new CniError(cniCode.NETWORK_FAILURE, errorText(error));
      const { code, message: msg, details } = known;
      log.warn('refused', { command: /^CNI_COMMAND=(\w*)/.exec(text)?.[1], code, problem: msg });
      return { status: 500, body: JSON.stringify({ cniVersion: versionOf(text), code, msg, details }) };
    }
  };

  mkdirSync(path.dirname(o.socket), { recursive: true, mode: 0o755 });
  if (await isAnswered(o.socket)) {
    throw new UserError(`another agent answers on ${o.socket}; give this one a socket of its own with --cni-socket`);
  }
  rmSync(o.socket, { force: true });
  // The socket is born with its mode: nobody can be quicker than a chmod.
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(o.socket, resolve);
    });
  } finally {
    process.umask(before);
  }
  chmodSync(o.socket, 0o600);
  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await last;
      await closed;
    },
  };
}

async function readBody(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_REQUEST_BYTES) throw new Error('the call is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect({ path: socket });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
