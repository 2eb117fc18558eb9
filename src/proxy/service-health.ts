// The health-check node ports of load-balancer services with externalTrafficPolicy Local: 200 on nodes that have
// ready endpoints of the service, 503 elsewhere.
import type { Server } from 'node:http';
import { closeSync } from 'node:fs';
import type { Clock, Timer } from '../clock/index.ts';
import { http } from '../http/index.ts';
import { openTcpListenerIn } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { ServiceKey, ServiceState } from './contract.ts';

export interface ServiceHealthOptions {
  readonly netns?: string | undefined;
  /** Addresses to listen on, those that take node ports: `0.0.0.0` and `::`, or some of the node's own. */
  readonly addresses: () => readonly string[];
  readonly proxyHealthy: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** A port could not be opened, and is tried again from time to time; the administrator must know. Told once. */
  readonly failed: (service: ServiceKey, port: number, error: Error) => void;
}

interface Check {
  port: number;
  localEndpoints: number;
  /** By address. */
  readonly servers: Map<string, Server>;
  told: boolean;
}

/** Another proxy may hold a port until it is stopped. */
const RETRY_MS = 5000;

/** Ready endpoints on this node, each address once. */
export function localReadyEndpoints(states: readonly ServiceState[]): number {
  const ips = new Set<string>();
  for (const s of states) for (const p of s.ports) for (const e of p.all) if (e.local && e.ready) ips.add(e.ip);
  return ips.size;
}

export class ServiceHealth {
  readonly #options: ServiceHealthOptions;
  readonly #checks = new Map<ServiceKey, Check>();
  #retry: Timer;

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#checks.size;
  }

  /** What a service needs now: its states in all families; empty: nothing. */
  update(key: ServiceKey, states: readonly ServiceState[]): void {
    const port = states.flatMap((s) => s.ports).find((p) => p.healthCheckNodePort !== 0)?.healthCheckNodePort ?? 0;
    const known = this.#checks.get(key);
    if (known !== undefined && known.port !== port) {
      for (const s of known.servers.values()) s.close();
      this.#checks.delete(key);
    }
    if (port === 0) return;
    const localEndpoints = localReadyEndpoints(states);
    const check = this.#checks.get(key);
    if (check !== undefined) {
      check.localEndpoints = localEndpoints;
      return;
    }
    const created: Check = { port, localEndpoints, servers: new Map(), told: false };
    this.#checks.set(key, created);
    this.#listenOn(key, created, this.#options.addresses());
  }

  /** The addresses that take node ports may be others now, or free. */
  addressesChanged(): void {
    if (this.#checks.size === 0) return;
    const addresses = this.#options.addresses();
    for (const [key, check] of this.#checks) this.#listenOn(key, check, addresses);
  }

  #listenOn(key: ServiceKey, check: Check, addresses: readonly string[]): void {
    for (const [address, server] of check.servers) {
      if (addresses.includes(address)) continue;
      server.close();
      check.servers.delete(address);
    }
    for (const address of addresses) if (!check.servers.has(address)) this.#listen(key, check, address);
  }

  #listen(key: ServiceKey, check: Check, address: string): void {
    const [namespace = '', name = ''] = key.split('/');
    const server = http.createServer((_, response) => {
      const serviceProxyHealthy = this.#options.proxyHealthy();
      const ok = check.localEndpoints > 0 && serviceProxyHealthy;
      response.writeHead(ok ? 200 : 503, {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': String(check.localEndpoints),
      });
      const body = { service: { namespace, name }, localEndpoints: check.localEndpoints, serviceProxyHealthy };
      response.end(JSON.stringify(body));
    });
    const fail = (error: Error) => {
      check.servers.delete(address);
      this.#retry ??= this.#options.clock.after(RETRY_MS, () => {
        this.#retry = undefined;
        this.addressesChanged();
      });
      if (check.told) return;
      check.told = true;
      this.#options.log.warn('cannot serve a health-check node port', { service: key, port: check.port, error });
      this.#options.failed(key, check.port, error);
    };
    server.on('error', fail);
    try {
      const fd = openTcpListenerIn(this.#options.netns, { address, port: check.port });
      server.on('error', () => closeSync(fd));
      server.listen({ fd });
      server.unref();
      check.servers.set(address, server);
    } catch (e) {
      fail(e instanceof Error ? e : new Error(String(e)));
    }
  }

  stop(): void {
    if (this.#retry !== undefined) this.#options.clock.clear(this.#retry);
    for (const check of this.#checks.values()) {
      for (const s of check.servers.values()) {
        s.close();
        s.closeAllConnections();
      }
    }
    this.#checks.clear();
  }
}
