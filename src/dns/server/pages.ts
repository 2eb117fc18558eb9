// The HTTP pages of a running server: /health, /ready and /metrics, each on its own port.
import type { DnsConfig } from '../config/config.ts';
import { listenHttp } from './http.ts';
import type { HttpListener, HttpPage } from './http.ts';
import { isNoIpv6, listenError } from './sockets.ts';

export interface Pages {
  readonly ports: { readonly health?: number; readonly ready?: number; readonly metrics?: number };
  close(): void;
}

export interface PageSources {
  /** Undefined when ready, else what is missing. */
  readonly notReady: () => string | undefined;
  readonly metrics: () => Promise<string>;
}

/** @throws DnsConfigError that says what is in the way. */
export async function openPages(config: DnsConfig, sources: PageSources): Promise<Pages> {
  const ports: { health?: number; ready?: number; metrics?: number } = {};
  const open: HttpListener[] = [];
  const close = () => {
    for (const http of open) http.close();
  };
  const page = (status: number, body: string) => ({ status, body });
  const rows: readonly (readonly ['health' | 'ready' | 'metrics', HttpPage['read']])[] = [
    ['health', () => page(200, 'OK')],
    [
      'ready',
      () => {
        const why = sources.notReady();
        return why === undefined ? page(200, 'OK') : page(503, why);
      },
    ],
    [
      'metrics',
      async () => ({
        ...page(200, await sources.metrics()),
        contentType: 'text/plain; version=0.0.4; charset=utf-8',
      }),
    ],
  ];
  try {
    for (const [name, read] of rows) {
      const at = config[name];
      if (at === undefined) continue;
      const http = await listen(at, [{ path: `/${name}`, read }]);
      open.push(http);
      ports[name] = http.port;
    }
  } catch (error) {
    close();
    throw error;
  }
  return { ports, close };
}

async function listen(
  at: { readonly address: string; readonly port: number },
  pages: HttpPage[],
): Promise<HttpListener> {
  try {
    return await listenHttp(at.address, at.port, pages).catch((error: unknown) => {
      if (at.address === '::' && isNoIpv6(error)) return listenHttp('0.0.0.0', at.port, pages);
      throw error;
    });
  } catch (error) {
    throw listenError(error, at.address, at.port);
  }
}
