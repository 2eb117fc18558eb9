// How the server lives: readiness, staleness, reload, snapshot, lame duck, changes of the cluster, large relists.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { endpointSlices, namespaces, services, StatusError } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { createLogger } from '../log/index.ts';
import { parseCorefile } from './config/corefile/parse-corefile.ts';
import { parseDnsConfig } from './config/parse-dns-config.ts';
import { DnsConfigError, defaultForward } from './config/config.ts';
import { startDns } from './start-dns.ts';
import { askTcp, askUdp, opt, queryBytes, sendUdp } from './testing/ask.ts';
import { clusterIp, createAll, externalName, namespace, slice } from './testing/objects.ts';
import { startTestServer, testBlock, testConfig } from './testing/test-server.ts';
import { startUpstream } from './testing/upstream.ts';

const page = (path: string, port: number | undefined) => fetch(`http://127.0.0.1:${port ?? 0}${path}`);
const pages = {
  health: { address: '127.0.0.1', port: 0, lameduckMs: 0 },
  ready: { address: '127.0.0.1', port: 0 },
  metrics: { address: '127.0.0.1', port: 0 },
};
const OBJECTS = [namespace('ns'), clusterIp('ns/a', '10.0.0.1', 'http:80')];
const A = 'a.ns.svc.cluster.local. A';

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 5000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((r) => setTimeout(r, 5));
  }
}

/** Starts without waiting for the cluster. */
const startCold = (client: ReturnType<typeof createFakeClient>, over: Partial<Parameters<typeof startDns>[0]> = {}) =>
  startDns({
    client,
    config: testConfig(testBlock({}), pages),
    listen: { addresses: ['127.0.0.1'], port: 0 },
    ...over,
  });

test('before the first list: SERVFAIL with the reason, not ready; then answers, ready', async () => {
  const client = createFakeClient();
  await createAll(client, OBJECTS);
  let away = true;
  client.intercept = () => {
    if (away) throw new StatusError(503, 'ServiceUnavailable', 'starting');
  };
  const server = await startCold(client);
  const reply = await askUdp(server.port, A, [opt()]);
  assert.equal(reply.rcode, 'SERVFAIL');
  assert.equal(reply.opt?.options.find((o) => o.code === 15)?.data.readUInt16BE(0), 14);
  // What needs no cluster is known.
  assert.equal((await askUdp(server.port, 'dns-version.cluster.local. TXT')).answers.length, 1);
  const ready = await page('/ready', server.httpPorts.ready);
  assert.deepEqual([ready.status, await ready.text()], [503, 'kubernetes: the list of services is not complete yet']);
  assert.equal((await page('/health', server.httpPorts.health)).status, 200);
  away = false;
  await server.synced;
  assert.equal((await askUdp(server.port, A)).rcode, 'NOERROR');
  const now = await page('/ready', server.httpPorts.ready);
  assert.deepEqual([now.status, await now.text()], [200, 'OK']);
  assert.equal((await page('/nothing', server.httpPorts.ready)).status, 404);
  await server.stop({ lameduckMs: 0 });
  client.close();
});

test('the server asks for its own health once a second', async () => {
  const client = createFakeClient();
  const server = await startCold(client);
  await until('two questions', async () =>
    /coredns_health_request_duration_seconds_count [2-9]/.test(
      await (await page('/metrics', server.httpPorts.metrics)).text(),
    ),
  );
  const text = await (await page('/metrics', server.httpPorts.metrics)).text();
  assert.doesNotMatch(text, /coredns_health_request_failures_total \d/);
  await server.stop({ lameduckMs: 0 });
  client.close();
});

test('a change in the API is in the answers at once', async () => {
  await using running = await startTestServer(OBJECTS);
  const { port } = running.server;
  const api = running.client.resource(services);
  assert.equal((await askUdp(port, 'b.ns.svc.cluster.local. A')).rcode, 'NXDOMAIN');
  await api.create(clusterIp('ns/b', '10.0.0.2', 'http:80'));
  await until('created', async () => (await askUdp(port, 'b.ns.svc.cluster.local. A')).rcode === 'NOERROR');
  // An ExternalName that changes, and then becomes a ClusterIP service.
  await api.create(externalName('ns/ext', 'foo.example.com'));
  const cname = async () => (await askUdp(port, 'ext.ns.svc.cluster.local. CNAME')).answers[0] ?? '';
  await until('foo', async () => (await cname()).endsWith('CNAME foo.example.com.'));
  const stored = await api.get('ext', 'ns');
  await api.update({ ...stored, spec: { type: 'ExternalName', externalName: 'bar.example.com' } });
  await until('bar', async () => (await cname()).endsWith('CNAME bar.example.com.'));
  const { spec } = clusterIp('ns/ext', '10.0.0.3', 'http:80');
  await api.update({ ...(await api.get('ext', 'ns')), ...(spec === undefined ? {} : { spec }) });
  await until('cluster IP', async () => (await askUdp(port, 'ext.ns.svc.cluster.local. A')).answers.length === 1);
  await running.client.resource(endpointSlices).create(slice('ns/a', ['http:80'], '10.1.1.1=web-0'));
  await until('endpoint', async () => (await askUdp(port, 'web-0.a.ns.svc.cluster.local. A')).answers.length === 1);
  await api.delete('a', { namespace: 'ns' });
  await until('deleted', async () => (await askUdp(port, 'web-0.a.ns.svc.cluster.local. A')).rcode === 'NXDOMAIN');
  assert.equal((await askUdp(port, A)).rcode, 'NXDOMAIN');
});

test('a silent watch is noticed; answers go on', async () => {
  await using running = await startTestServer(OBJECTS, { options: { staleAfterMs: 20 } });
  // The watch of the fake is open and silent from here on.
  await until('stale', () => /nothing heard about \w+ for/.test(running.server.notReady() ?? ''));
  assert.equal((await askUdp(running.server.port, A)).rcode, 'NOERROR');
  assert.match(running.metrics.render(), /portico_dns_watch_idle_seconds\{resource="services"\} 0\.\d+/);
  // A sign of life makes it fresh again.
  await until('fresh', async () => {
    const name = `fresh-${performance.now().toFixed(0)}`;
    await Promise.all([
      running.client.resource(services).create(clusterIp(`ns/${name}`, '10.0.0.9')),
      running.client.resource(endpointSlices).create(slice(`ns/${name}`, [], '10.1.1.1')),
      running.client.resource(namespaces).create(namespace(name)),
    ]);
    await new Promise((r) => setTimeout(r, 1));
    return running.server.notReady() === undefined;
  });
});

test('reload: another configuration takes effect, a bad one changes nothing', async () => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'Corefile');
    const corefile = (ttl: number, extra = '') =>
      `.:5300 {\n kubernetes cluster.local {\n ttl ${ttl}\n pods insecure\n }\n reload 1s\n${extra}\n}\n`;
    writeFileSync(file, corefile(10));
    const config = await parseDnsConfig(readFileSync(file, 'utf8'));
    const lines: string[] = [];
    const log = createLogger({ write: (line) => lines.push(line) });
    await using running = await startTestServer(OBJECTS, {
      options: { config: { ...config, reloadMs: 20 }, configFile: file, log },
    });
    const { server } = running;
    const answer = async () => (await askUdp(server.port, A)).answers[0];
    assert.equal(await answer(), 'a.ns.svc.cluster.local. 10 A 10.0.0.1');
    writeFileSync(file, corefile(20, ' hosts {\n 10.9.9.9 h.example\n fallthrough\n }'));
    await until('reloaded by itself', async () => (await answer()) === 'a.ns.svc.cluster.local. 20 A 10.0.0.1');
    assert.equal((await askUdp(server.port, 'h.example. A')).answers.length, 1);
    writeFileSync(file, corefile(30, ' nonsense'));
    await server.reload();
    assert.equal(await answer(), 'a.ns.svc.cluster.local. 20 A 10.0.0.1');
    assert.ok(lines.some((l) => l.includes('plugin \\"nonsense\\" is not known')));
    writeFileSync(file, corefile(30, ' forward . /does/not/exist'));
    await server.reload();
    assert.equal(await answer(), 'a.ns.svc.cluster.local. 20 A 10.0.0.1');
    rmSync(file);
    await server.reload();
    assert.equal(await answer(), 'a.ns.svc.cluster.local. 20 A 10.0.0.1');
    writeFileSync(file, corefile(30));
    await server.reload();
    assert.equal(await answer(), 'a.ns.svc.cluster.local. 30 A 10.0.0.1');
    const metrics = running.metrics.render();
    assert.match(metrics, /coredns_reload_failed_total 2/);
    assert.match(metrics, /coredns_reload_version_info\{hash="sha512",value="[0-9a-f]{128}"\} 1/);
    assert.equal(server.notReady(), undefined);
  });
});

test('without the API server: answers from the snapshot, corrected when the API is back', async () => {
  await withFolder(async (folder) => {
    const snapshotFile = path.join(folder, 'state', 'dns.json');
    const objects = [
      ...OBJECTS,
      clusterIp('ns/gone', '10.0.0.9', 'http:80'),
      slice('ns/a', ['http:80'], '10.1.1.1=web-0'),
    ];
    {
      await using first = await startTestServer(objects, { options: { snapshotFile } });
      assert.equal((await askUdp(first.server.port, A)).rcode, 'NOERROR');
    }
    assert.ok(existsSync(snapshotFile), 'written at the latest when stopping');
    const client = createFakeClient();
    let away = true;
    client.intercept = () => {
      if (away) throw new StatusError(503, 'ServiceUnavailable', 'away');
    };
    const server = await startCold(client, { snapshotFile });
    const ask = async (question: string) => askUdp(server.port, question);
    assert.deepEqual((await ask(A)).answers, ['a.ns.svc.cluster.local. 30 A 10.0.0.1']);
    assert.equal((await ask('web-0.a.ns.svc.cluster.local. A')).rcode, 'NOERROR');
    assert.equal((await ask('nope.ns.svc.cluster.local. A')).rcode, 'NXDOMAIN', 'so that search paths go on');
    assert.equal(server.notReady(), undefined);
    const metrics = await (await page('/metrics', server.httpPorts.metrics)).text();
    assert.match(metrics, /portico_dns_snapshot_in_use 1/);
    away = false;
    await createAll(client, [namespace('ns'), clusterIp('ns/a', '10.0.0.77', 'http:80')]);
    await server.synced;
    assert.deepEqual((await ask(A)).answers, ['a.ns.svc.cluster.local. 30 A 10.0.0.77']);
    assert.equal((await ask('gone.ns.svc.cluster.local. A')).rcode, 'NXDOMAIN');
    assert.equal((await ask('web-0.a.ns.svc.cluster.local. A')).rcode, 'NXDOMAIN');
    await server.stop({ lameduckMs: 0 });
    client.close();
  });
});

test('stopping under load loses no question', async () => {
  await using upstream = await startUpstream(() => ({ answers: ['x. 60 A 192.0.2.1'], delayMs: 80 }));
  const client = createFakeClient();
  await createAll(client, OBJECTS);
  const block = testBlock({}, { forward: [defaultForward({ to: [upstream.target] })], loop: false });
  const server = await startCold(client, { config: testConfig(block, pages) });
  await server.synced;
  const forwarded = askUdp(server.port, 'slow.example.org. A');
  const byTcp = askTcp(server.port, 'tcp.example.org. A');
  const load = Array.from({ length: 50 }, (_, i) => askUdp(server.port, i % 2 === 0 ? A : 'x.ns.svc.cluster.local. A'));
  await until('asked upstream', () => upstream.asked.length === 2);
  const stopped = server.stop({ lameduckMs: 60 });
  assert.equal(server.notReady(), 'stopping');
  const ready = await page('/ready', server.httpPorts.ready);
  assert.deepEqual([ready.status, await ready.text()], [503, 'stopping']);
  assert.equal((await page('/health', server.httpPorts.health)).status, 200);
  // New questions are answered while other parts of the cluster learn that this one goes.
  assert.equal((await askUdp(server.port, A)).rcode, 'NOERROR');
  for (const reply of await Promise.all([forwarded, byTcp, ...load])) assert.notEqual(reply.rcode, 'SERVFAIL');
  await stopped;
  assert.equal(await sendUdp(server.port, queryBytes(A), 50).catch(() => undefined), undefined);
  client.close();
});

test('a relist of 10,000 services keeps the answers', async () => {
  const client = createFakeClient();
  const objects = Array.from({ length: 10_000 }, (_, i) =>
    clusterIp(`ns/s${i}`, `10.2.${i >> 8}.${i & 255}`, 'http:80'),
  );
  await createAll(client, [namespace('ns'), ...objects]);
  await using running = await startTestServer([], { client });
  const { port } = running.server;
  assert.equal((await askUdp(port, 's9999.ns.svc.cluster.local. A')).rcode, 'NOERROR');
  client.compact();
  client.cutWatches();
  await client.resource(services).create(clusterIp('ns/new', '10.3.0.1', 'http:80'));
  const failures: string[] = [];
  await until('relisted', async () => {
    const known = await askUdp(port, 's5000.ns.svc.cluster.local. A');
    if (known.rcode !== 'NOERROR') failures.push(known.rcode);
    return (await askUdp(port, 'new.ns.svc.cluster.local. A')).rcode === 'NOERROR';
  });
  assert.deepEqual(failures, []);
});

test('metrics carry the names that dashboards know', async () => {
  await using running = await startTestServer(OBJECTS, { options: { config: testConfig(testBlock({}), pages) } });
  const { server } = running;
  await askUdp(server.port, A, [opt()]);
  await askTcp(server.port, 'x.ns.svc.cluster.local. AAAA');
  await askUdp(server.port, 'www.example.org. A');
  const response = await page('/metrics', server.httpPorts.metrics);
  assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  const lane = 'server="dns://:53",zone=".",view="",proto="udp",family="1"';
  for (const line of [
    `coredns_dns_requests_total{${lane},type="A"} 1`,
    `coredns_dns_responses_total{${lane},rcode="NOERROR",plugin="kubernetes"} 1`,
    'coredns_dns_responses_total{server="dns://:53",zone=".",view="",proto="tcp",family="1",rcode="NXDOMAIN",plugin="kubernetes"} 1',
    'coredns_dns_requests_total{server="dns://:53",zone="dropped",view="",proto="udp",family="1",type="A"} 1',
    'coredns_dns_request_duration_seconds_count{server="dns://:53",zone=".",view=""} 2',
    'coredns_plugin_enabled{server="dns://:53",zone=".",view="",name="kubernetes"} 1',
    'coredns_panics_total 0',
  ])
    assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
  assert.match(text, /coredns_build_info\{version="[^"]+"/);
});

test('the query log has the line that log parsers know', async () => {
  const lines: string[] = [];
  await using running = await startTestServer(OBJECTS, {
    config: { queryLog: 'all' },
    options: { log: createLogger({ write: (line) => lines.push(line) }) },
  });
  await askUdp(running.server.port, A);
  const wanted =
    /127\.0\.0\.1:\d+ - 4711 \\"A IN a\.ns\.svc\.cluster\.local\. udp 40 false 512\\" NOERROR qr,aa,rd 56 0\.\d+s/;
  assert.ok(
    lines.some((line) => wanted.test(line)),
    lines.join(''),
  );
});

test('bind: only where the Corefile says', async () => {
  const { addresses } = parseCorefile('. {\n bind lo 127.0.0.1 {\n except 127.0.0.1 ::1\n }\n bind 127.0.0.3\n}');
  assert.deepEqual(addresses, ['127.0.0.3']);
  await using running = await startTestServer(OBJECTS, {
    config: { addresses: addresses ?? [] },
    options: { listen: { port: 0 } },
  });
  const connects = async (host: string) => {
    const socket = connect(running.server.port, host);
    const outcome = await once(socket, 'connect').then(
      () => 'connected',
      (error: unknown) => (error as { code: string }).code,
    );
    socket.destroy();
    return outcome;
  };
  assert.equal(await connects('127.0.0.3'), 'connected');
  assert.equal(await connects('127.0.0.1'), 'ECONNREFUSED');
});

test('what cannot be listened on or read is one clear sentence', async () => {
  await using running = await startTestServer(OBJECTS);
  const { port } = running.server;
  const again = startDns({
    client: running.client,
    config: testConfig(testBlock({})),
    listen: { addresses: ['127.0.0.1'], port },
  });
  await assert.rejects(
    again,
    (e) => e instanceof DnsConfigError && e.message.includes(`cannot listen on 127.0.0.1:${port}: another process`),
  );
  await assert.rejects(
    startDns({ client: undefined, config: testConfig(testBlock({})) }),
    /kubernetes section: give --kubeconfig/,
  );
});

test('several threads on one port: same answers, one watch, metrics that add up', async () => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'config.yaml');
    const yaml = (ttl: number) =>
      `kubernetes: { ttlSeconds: ${ttl} }\nforward: [{ to: [127.0.0.1] }]\nloop: false\nhealth: false\nready: false\nmetrics: { address: 127.0.0.1, port: 0 }\n`;
    writeFileSync(file, yaml(7));
    await using running = await startTestServer(OBJECTS, {
      options: {
        config: { ...(await parseDnsConfig(yaml(7))), sockets: 3 },
        configFile: file,
        listen: { addresses: ['127.0.0.1'], port: 0 },
      },
    });
    const { server } = running;
    // Each question comes from another port, so the kernel spreads them.
    const all = (question: string) => Promise.all(Array.from({ length: 60 }, () => askUdp(server.port, question)));
    const every = async (wanted: string) => (await all(A)).every((r) => r.answers[0] === wanted);
    await until('threads know the cluster', () => every('a.ns.svc.cluster.local. 7 A 10.0.0.1'));
    const counts = async () => {
      const text = await (await page('/metrics', server.httpPorts.metrics)).text();
      return Number(/coredns_dns_requests_total\{[^}]*proto="udp"[^}]*type="A"\} (\d+)/.exec(text)?.[1]);
    };
    const before = await counts();
    await all(A);
    assert.equal((await counts()) - before, 60);
    await running.client.resource(services).create(clusterIp('ns/new', '10.0.0.2', 'http:80'));
    await until('news reach all threads', async () =>
      (await all('new.ns.svc.cluster.local. A')).every((r) => r.answers.length === 1),
    );
    for (const reply of await all('nope.ns.svc.cluster.local. A')) assert.equal(reply.rcode, 'NXDOMAIN');
    writeFileSync(file, yaml(9));
    await server.reload();
    await until('the configuration reaches all threads', () => every('a.ns.svc.cluster.local. 9 A 10.0.0.1'));
  });
});
