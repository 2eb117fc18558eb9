// The pages of the proxy: /healthz and /livez for load balancers, /metrics, /proxyMode and /configz for people.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock, Timer } from '../clock/index.ts';
import { http } from '../http/index.ts';
import { splitHostPort } from '../ip/index.ts';
import { openTcpListenerIn } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { Registry } from '../metrics/index.ts';
import type { ProxyConfig } from './config.ts';
import type { Family } from './contract.ts';
import type { FamilyHealth } from './family-loop.ts';
import type { ProxyMetrics } from './metrics.ts';
import { hasIpv6 } from './sysctls.ts';

export interface HealthOptions {
  readonly clock: Clock;
  readonly syncPeriodMs: number;
  readonly families: () => ReadonlyMap<Family, FamilyHealth>;
  /** False while the node is going away: load balancers should stop sending. */
  readonly nodeEligible: () => boolean;
}

export interface Health {
  readonly healthy: boolean;
  readonly body: Record<string, unknown>;
}

const rfc3339 = (ms: number) => new Date(ms).toISOString();

/**
 * Whether an update waits for longer than two sync periods, family by family. Before its first sync a family is alive, but
 * not yet fit for traffic: a first sync may take long, and to start anew would not make it shorter.
 */
export function proxyHealth(o: HealthOptions, withNode: boolean): Health {
  const now = o.clock.now();
  // How long an update waits must not depend on somebody who sets the clock.
  const monotonic = o.clock.monotonic();
  const status: Record<string, { lastUpdated: string; healthy: boolean }> = {};
  let healthy = true;
  let last = 0;
  for (const [family, h] of o.families()) {
    const late = h.queuedSince !== undefined && monotonic - h.queuedSince > 2 * o.syncPeriodMs;
    const ok = h.lastUpdated === undefined ? !withNode : !late;
    status[family] = { lastUpdated: rfc3339(h.lastUpdated ?? 0), healthy: ok };
    last = Math.max(last, h.lastUpdated ?? 0);
    healthy &&= ok;
  }
  const nodeEligible = o.nodeEligible();
  // Kubernetes' readers take lastUpdated for "when it was last known to be well".
  const body: Record<string, unknown> = {
    lastUpdated: rfc3339(healthy ? now : last),
    currentTime: rfc3339(now),
    ...(withNode ? { nodeEligible } : {}),
    healthy,
    status,
  };
  return { healthy: healthy && (!withNode || nodeEligible), body };
}

export interface PagesOptions {
  readonly netns?: string | undefined;
  readonly config: ProxyConfig;
  readonly mode: string;
  readonly health: HealthOptions;
  readonly metrics: ProxyMetrics;
  readonly registry: Registry;
}

type Page = (response: ServerResponse) => void;

function send(response: ServerResponse, code: number, type: string, body: string): void {
  response.writeHead(code, { 'content-type': type, 'x-content-type-options': 'nosniff' });
  response.end(body);
}

function healthPage(o: PagesOptions, withNode: boolean): Page {
  return (response) => {
    const { healthy, body } = proxyHealth(o.health, withNode);
    const code = healthy ? 200 : 503;
    (withNode ? o.metrics.healthz : o.metrics.livez).inc({ code: String(code) });
    send(response, code, 'application/json', JSON.stringify(body));
  };
}

export const healthPages = (o: PagesOptions): Record<string, Page> => ({
  '/healthz': healthPage(o, true),
  '/livez': healthPage(o, false),
});

export const metricsPages = (o: PagesOptions): Record<string, Page> => ({
  '/healthz': (r) => send(r, 200, 'text/plain; charset=utf-8', 'ok'),
  '/metrics': (r) => send(r, 200, 'text/plain; version=0.0.4; charset=utf-8', o.registry.render()),
  '/proxyMode': (r) => send(r, 200, 'text/plain; charset=utf-8', o.mode),
  '/configz': (r) => send(r, 200, 'application/json', JSON.stringify({ 'kubeproxy.config.k8s.io': o.config })),
});

/** All addresses mean those of both families, however they are written, as for Go programs. */
function listenAddress(netns: string | undefined, host: string): { address: string; v6Only?: boolean } {
  if (host !== '' && host !== '0.0.0.0' && host !== '::') return { address: host };
  return hasIpv6(netns) ? { address: '::', v6Only: false } : { address: '0.0.0.0' };
}

/** Serves pages on `address:port` inside the namespace. @throws KernelError when the port is taken */
export function servePages(netns: string | undefined, bind: string, pages: Record<string, Page>): Server {
  const { host, port } = splitHostPort(bind) ?? { host: '', port: 0 };
  const server = http.createServer((request: IncomingMessage, response: ServerResponse) => {
    const page = pages[(request.url ?? '/').split('?')[0] ?? '/'];
    if (page === undefined) send(response, 404, 'text/plain; charset=utf-8', '404 page not found\n');
    else if (request.method !== 'GET' && request.method !== 'HEAD') send(response, 405, 'text/plain', 'GET only\n');
    else page(response);
  });
  const fd = openTcpListenerIn(netns, { ...listenAddress(netns, host), port });
  server.listen({ fd });
  server.unref();
  return server;
}

export interface RetriedPages {
  readonly name: 'healthz' | 'metrics';
  readonly netns: string | undefined;
  /** Empty: not served. */
  readonly bind: string;
  readonly pages: Record<string, Page>;
  /** A port that is taken is an error. */
  readonly hardFail: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 5000;

/** Pages whose port may be taken for a while, for example by a kube-proxy that is yet to be stopped. */
export class ServedPages {
  readonly #o: RetriedPages;
  #server: Server | undefined;
  #retry: Timer;

  /** @throws Error when the port is taken and that is an error */
  constructor(options: RetriedPages) {
    this.#o = options;
    if (options.bind !== '') this.#serve();
  }

  #serve(): void {
    const { name, netns, bind, pages, hardFail, clock, log } = this.#o;
    try {
      this.#server = servePages(netns, bind, pages);
    } catch (error) {
      const text = `cannot serve ${name} on ${bind}`;
      if (hardFail) throw new Error(text, { cause: error });
      log.warn(`${text}; trying again`, { error });
      this.#retry = clock.after(RETRY_MS, () => this.#serve());
    }
  }

  /** 0: not served, or not yet. */
  get port(): number {
    return this.#server === undefined ? 0 : portOf(this.#server);
  }

  stop(): void {
    if (this.#retry !== undefined) this.#o.clock.clear(this.#retry);
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}

export function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
