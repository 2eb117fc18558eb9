// /health, /ready and /metrics, each on its own port as in CoreDNS.
import type { Server } from 'node:http';
import { once } from 'node:events';
import { http } from '../../http/index.ts';

export interface HttpPage {
  readonly path: string;
  read(): PageContent | Promise<PageContent>;
}

export interface PageContent {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

export interface HttpListener {
  readonly port: number;
  close(): void;
}

/** Serves the pages on one port. */
export async function listenHttp(address: string, port: number, pages: readonly HttpPage[]): Promise<HttpListener> {
  const server: Server = http.createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const page = pages.find((p) => p.path === path);
    if (page === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(page === undefined ? 404 : 405).end();
      return;
    }
    void Promise.resolve(page.read()).then(({ status, body, contentType }) => {
      response.writeHead(status, { 'content-type': contentType ?? 'text/plain; charset=utf-8' }).end(body);
    });
  });
  server.listen(port, address);
  await once(server, 'listening');
  // Probes must never keep the process from ending.
  server.unref();
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
