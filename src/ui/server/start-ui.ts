// The loopback server behind the page: files, the topology as it changes, traces, inspections, shares.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { StatusError } from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import { systemClock } from '../../clock/index.ts';
import { errorText, UserError } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import type { TraceEnvironment } from '../../trace/index.ts';
import { refuse, SECURITY_HEADERS, setCookie } from './access.ts';
import type { Access } from './access.ts';
import { readPageFiles } from './page-files.ts';
import { createRoutes } from './routes.ts';
import { createTopologySource } from './topology-source.ts';

export interface UiOptions {
  readonly client: Client;
  readonly environment: TraceEnvironment;
  /** Shown on the page. */
  readonly cluster: string;
  /** Namespace of names that say none. */
  readonly namespace: string;
  /** @default any free port */
  readonly port?: number;
  readonly log: Logger;
}

export interface Ui {
  /** The address with its token: who has it may use the page. */
  readonly url: string;
  stop(): Promise<void>;
}

const TOKEN_BYTES = 32;

/** @throws UserError when the port is taken or the page cannot be built */
export async function startUi(options: UiOptions): Promise<Ui> {
  const files = await readPageFiles();
  const topology = createTopologySource({ client: options.client, clock: systemClock, log: options.log });
  const routes = createRoutes({ ...options, topology });
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  let access: Access = { token, port: 0 };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    const url = new URL(request.url ?? '/', 'http://page');
    const method = request.method ?? 'GET';
    const queryToken = url.pathname === '/' ? (url.searchParams.get('token') ?? undefined) : undefined;
    const refusal = refuse({ method, headers: request.headers, queryToken }, access);
    if (refusal !== undefined) return sendError(response, refusal.status, refusal.message);
    const file = method === 'GET' || method === 'HEAD' ? files.get(url.pathname) : undefined;
    if (file !== undefined) {
      if (queryToken !== undefined) response.setHeader('set-cookie', setCookie(access));
      // Names of the parts carry a hash of their content; the page itself does not.
      const cache = url.pathname === '/' ? 'no-store' : 'private, max-age=31536000, immutable';
      response.writeHead(200, { 'content-type': file.type, 'cache-control': cache }).end(file.bytes);
      return;
    }
    if (!(await routes(request, response, url))) sendError(response, 404, `there is no ${method} ${url.pathname}`);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const status = error instanceof UserError ? 422 : error instanceof StatusError ? error.code : 500;
      if (status === 500) options.log.error('a request failed', { path: request.url, error });
      if (response.headersSent) response.destroy();
      else sendError(response, status, errorText(error));
    });
  });
  try {
    await listen(server, options.port ?? 0);
  } catch (e) {
    topology.stop();
    throw e;
  }
  access = { token, port: (server.address() as AddressInfo).port };
  await topology.synced();
  return {
    url: `http://127.0.0.1:${access.port}/?token=${token}`,
    async stop() {
      topology.stop();
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (e: NodeJS.ErrnoException) =>
      reject(
        e.code === 'EADDRINUSE'
          ? new UserError(`port ${port} is taken: choose another with --port, or leave it out for any free one`)
          : e,
      ),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
}

export function sendError(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: message }));
}
