import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { silentLogger } from '../log/index.ts';
import { ManualClock } from '../clock/index.ts';
import type { Family } from './contract.ts';
import type { FamilyHealth } from './family-loop.ts';
import { Registry } from '../metrics/index.ts';
import { DEFAULT_PROXY_CONFIG } from './config.ts';
import {
  ServedPages,
  healthPages,
  metricsPages,
  portOf,
  proxyHealth,
  servePages,
  type HealthOptions,
} from './http-pages.ts';
import { createProxyMetrics } from './metrics.ts';

const NOW = 1_700_000_000_000;

function health(families: Partial<Record<Family, FamilyHealth>>, nodeEligible = true): HealthOptions {
  const map = new Map<Family, FamilyHealth>();
  for (const family of ['IPv4', 'IPv6'] as const) {
    const h = families[family];
    if (h !== undefined) map.set(family, h);
  }
  return { clock: new ManualClock(NOW), syncPeriodMs: 30_000, families: () => map, nodeEligible: () => nodeEligible };
}

const well: FamilyHealth = { lastUpdated: NOW - 5000, queuedSince: undefined };

test('proxyHealth() fails when an update waits for longer than two sync periods', () => {
  assert.equal(proxyHealth(health({ IPv4: well }), true).healthy, true);
  assert.equal(proxyHealth(health({ IPv4: { ...well, queuedSince: NOW - 59_000 } }), true).healthy, true);
  assert.equal(proxyHealth(health({ IPv4: { ...well, queuedSince: NOW - 61_000 } }), true).healthy, false);
  assert.equal(proxyHealth(health({ IPv4: well, IPv6: { ...well, queuedSince: NOW - 61_000 } }), true).healthy, false);
  const starting: FamilyHealth = { lastUpdated: undefined, queuedSince: NOW - 61_000 };
  assert.equal(proxyHealth(health({ IPv4: starting }), true).healthy, false, 'not fit for traffic yet');
  assert.equal(proxyHealth(health({ IPv4: starting }), false).healthy, true, 'but alive, however long that takes');
  assert.equal(proxyHealth(health({ IPv4: { ...well, queuedSince: NOW - 61_000 } }), false).healthy, false);
});

test('a node that goes away is unhealthy, but alive', () => {
  const o = health({ IPv4: well }, false);
  assert.equal(proxyHealth(o, true).healthy, false);
  assert.equal(proxyHealth(o, true).body['nodeEligible'], false);
  assert.equal(proxyHealth(o, false).healthy, true);
  assert.ok(!('nodeEligible' in proxyHealth(o, false).body));
});

test('the pages answer as Kubernetes expects', async () => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry, () => undefined);
  const options = { config: DEFAULT_PROXY_CONFIG, mode: 'nftables', health: health({ IPv4: well }), metrics, registry };
  const server = servePages(undefined, '127.0.0.1:0', { ...metricsPages(options), ...healthPages(options) });
  const at = (path: string) => fetch(`http://127.0.0.1:${portOf(server)}${path}`);
  try {
    const healthz = await at('/healthz');
    assert.equal(healthz.status, 200);
    const body: { lastUpdated: string; status: Record<string, unknown> } = JSON.parse(await healthz.text());
    assert.equal(body.lastUpdated, new Date(NOW).toISOString());
    assert.deepEqual(body.status['IPv4'], { lastUpdated: new Date(NOW - 5000).toISOString(), healthy: true });
    assert.equal(await (await at('/proxyMode')).text(), 'nftables');
    const configz: Record<string, typeof DEFAULT_PROXY_CONFIG> = JSON.parse(await (await at('/configz')).text());
    assert.equal(configz['kubeproxy.config.k8s.io']?.iptables.masqueradeBit, 14);
    assert.match(await (await at('/metrics')).text(), /kubeproxy_proxy_healthz_total\{code="200"\} 1/);
    assert.equal((await at('/nothing')).status, 404);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test('all addresses mean those of both families', async () => {
  for (const host of ['0.0.0.0', '[::]', '']) {
    const server = servePages(undefined, `${host}:0`, {});
    for (const to of ['127.0.0.1', '[::1]']) {
      assert.equal((await fetch(`http://${to}:${portOf(server)}/`)).status, 404, `${host} by ${to}`);
    }
    server.close();
    server.closeAllConnections();
  }
});

test('a port that is taken is tried again, or is an error where that was asked for', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const bind = `127.0.0.1:${portOf(other)}`;
  const clock = new ManualClock();
  const served = { name: 'healthz', netns: undefined, bind, pages: {}, clock, log: silentLogger } as const;
  assert.throws(() => new ServedPages({ ...served, hardFail: true }), /cannot serve healthz on 127\.0\.0\.1:\d+/);
  const pages = new ServedPages({ ...served, hardFail: false });
  clock.advance(5000);
  assert.equal(pages.port, 0);
  other.close();
  await once(other, 'close');
  clock.advance(5000);
  assert.equal(pages.port, Number(bind.split(':')[1]));
  assert.equal((await fetch(`http://${bind}/nothing`)).status, 404);
  pages.stop();
});
