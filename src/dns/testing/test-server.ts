// A DNS server on loopback with a cluster in memory, and questions over real sockets, for the tests of this room.
import { createFakeClient } from '../../client/index.ts';
import type { FakeClient } from '../../client/index.ts';
import { parseName, ROOT } from '../../dnswire/index.ts';
import { Registry } from '../../metrics/index.ts';
import { defaultBlock, defaultDnsConfig, defaultKubernetes } from '../config/config.ts';
import type { BlockConfig, DnsConfig, KubernetesConfig } from '../config/config.ts';
import { startDns } from '../start-dns.ts';
import type { DnsOptions, DnsServer } from '../start-dns.ts';
import { createAll } from './objects.ts';
import type { AnyObject } from './objects.ts';

export interface TestServer extends AsyncDisposable {
  readonly server: DnsServer;
  readonly client: FakeClient;
  readonly metrics: Registry;
}

export interface TestServerOptions {
  readonly kubernetes?: Partial<KubernetesConfig>;
  readonly block?: Partial<BlockConfig>;
  readonly config?: Partial<DnsConfig>;
  readonly options?: Partial<DnsOptions>;
  readonly client?: FakeClient;
}

/** A block without any upstream, so that a test can never leave the machine. */
export function testBlock(kubernetes: Partial<KubernetesConfig>, over: Partial<BlockConfig> = {}): BlockConfig {
  return defaultBlock({ kubernetes: defaultKubernetes(kubernetes), forward: [], zones: [ROOT], ...over });
}

export function testConfig(block: BlockConfig, over: Partial<DnsConfig> = {}): DnsConfig {
  const { health: _health, ready: _ready, metrics: _metrics, ...rest } = defaultDnsConfig();
  return { ...rest, blocks: [block], reloadMs: 0, ...over };
}

export async function startTestServer(
  objects: readonly AnyObject[],
  options: TestServerOptions = {},
): Promise<TestServer> {
  const client = options.client ?? createFakeClient();
  await createAll(client, objects);
  const metrics = new Registry();
  const server = await startDns({
    client,
    config: testConfig(testBlock(options.kubernetes ?? {}, options.block), options.config),
    metrics,
    listen: { addresses: ['127.0.0.1'], port: 0 },
    ...options.options,
  });
  await server.synced;
  return {
    server,
    client,
    metrics,
    [Symbol.asyncDispose]: async () => {
      await server.stop({ lameduckMs: 0, drainMs: 0 });
      client.close();
    },
  };
}

export const zone = parseName;
