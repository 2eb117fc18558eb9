// Forwarding and cache against real upstream servers on loopback, and against their faults.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { createFakeClient } from '../client/index.ts';
import { Rcode } from '../dnswire/index.ts';
import { createCa, issueCert } from '../pki/index.ts';
import { CACHE_DEFAULTS } from './plugins/cache.ts';
import { defaultForward } from './config/config.ts';
import type { BlockConfig, ForwardBlockConfig } from './config/config.ts';
import { askTcp, askUdp, opt, queryBytes, sendUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { externalName, namespace } from './testing/objects.ts';
import { startTestServer, zone } from './testing/test-server.ts';
import type { TestServer } from './testing/test-server.ts';
import { startUpstream } from './testing/upstream.ts';
import type { Behaviour, TestUpstream } from './testing/upstream.ts';

const SOA = 'example.org. 60 SOA ns.example.org. h.example.org. 1 2 3 4 20';
const oneAddress: Behaviour = (question) => ({ answers: [`${question.split(' ')[0] ?? ''} 60 A 192.0.2.1`] });

function through(
  upstreams: readonly TestUpstream[],
  forward: Partial<ForwardBlockConfig> = {},
  over: Partial<BlockConfig> = {},
): Promise<TestServer> {
  const to = upstreams.map((u) => u.target);
  return startTestServer(FIXTURE_F, {
    block: { forward: [defaultForward({ to, policy: 'sequential', ...forward })], loop: false, ...over },
  });
}

test('names outside the cluster go upstream, once while the answer lives', async () => {
  await using upstream = await startUpstream(oneAddress);
  await using running = await through([upstream]);
  const { port } = running.server;
  const first = await askUdp(port, 'www.example.org. A');
  assert.deepEqual(first.answers, ['www.example.org. 30 A 192.0.2.1']);
  assert.ok(first.flags.includes('ra'));
  for (const ask of [askUdp, askTcp]) {
    const again = await ask(port, 'WWW.example.org. A');
    // Capped to what the cache keeps; the letters are the client's.
    assert.match(again.answers[0] ?? '', /^WWW\.example\.org\. (30|29) A 192\.0\.2\.1$/);
    assert.equal(again.opt, undefined);
  }
  assert.deepEqual(upstream.asked, ['udp www.example.org. A']);
  // Another family, another DO: another entry.
  await askUdp(port, 'www.example.org. AAAA', [opt()]);
  assert.equal(upstream.asked.length, 2);
});

test('denials are kept as their SOA says, failures are not, and no SOA means not at all', async () => {
  await using upstream = await startUpstream((question) => {
    if (question.startsWith('nx.')) return { rcode: Rcode.NXDOMAIN, authorities: [SOA] };
    if (question.startsWith('nodata.')) return { authorities: [SOA] };
    if (question.startsWith('bare.')) return {};
    return { rcode: Rcode.REFUSED };
  });
  await using running = await through([upstream]);
  const { port } = running.server;
  for (let i = 0; i < 2; i++) {
    const nx = await askUdp(port, 'nx.example.org. A');
    assert.equal(nx.rcode, 'NXDOMAIN');
    assert.equal(nx.authorities.length, 1);
    assert.equal((await askUdp(port, 'nodata.example.org. A')).rcode, 'NOERROR');
    assert.equal((await askUdp(port, 'bare.example.org. A')).rcode, 'NOERROR');
    assert.equal((await askUdp(port, 'refused.example.org. A')).rcode, 'REFUSED');
  }
  const count = (name: string) => upstream.asked.filter((a) => a.includes(name)).length;
  assert.deepEqual([count('nx.'), count('nodata.'), count('bare.'), count('refused.')], [1, 1, 2, 2]);
});

test('equal questions at the same time are one question upstream', async () => {
  await using upstream = await startUpstream((question) => ({
    ...oneAddress(question, 'udp', {} as never),
    delayMs: 60,
  }));
  await using running = await through([upstream]);
  const { port } = running.server;
  const replies = await Promise.all(Array.from({ length: 20 }, () => askUdp(port, 'www.example.org. A')));
  assert.ok(replies.every((r) => r.answers.length === 1));
  assert.equal(upstream.asked.length, 1);
});

test('an upstream that drops every second question costs no failure', async () => {
  let turn = 0;
  await using upstream = await startUpstream((question) =>
    turn++ % 2 === 0 ? undefined : oneAddress(question, 'udp', {} as never),
  );
  await using running = await through([upstream]);
  const started = performance.now();
  const names = Array.from({ length: 6 }, (_, i) => `n${i}.example.org. A`);
  const replies = await Promise.all(names.map((n) => askUdp(running.server.port, n)));
  for (const reply of replies) assert.equal(reply.rcode, 'NOERROR');
  assert.ok(performance.now() - started < 1800, 'within the first attempt of a resolver');
});

test('a dead upstream costs one round trip; it is left alone until it answers again', async () => {
  await using alive = await startUpstream(oneAddress);
  const dead = await startUpstream(oneAddress);
  const { port: deadPort } = dead;
  await dead[Symbol.asyncDispose]();
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      loop: false,
      forward: [
        defaultForward({
          to: [{ address: '127.0.0.1', port: deadPort }, alive.target],
          policy: 'sequential',
          healthCheckMs: 30,
        }),
      ],
    },
  });
  const { port } = running.server;
  const started = performance.now();
  for (let i = 0; i < 5; i++) assert.equal((await askUdp(port, `n${i}.example.org. A`)).rcode, 'NOERROR');
  assert.ok(performance.now() - started < 500);
  assert.match(running.metrics.render(), new RegExp(`portico_dns_upstream_healthy\\{to="127.0.0.1:${deadPort}"\\} 0`));
  await using back = await startUpstream(oneAddress, { port: deadPort });
  for (let i = 0; i < 50 && back.asked.length === 0; i++) await new Promise((r) => setTimeout(r, 20));
  assert.ok(back.asked.length > 0, 'probed');
  await new Promise((r) => setTimeout(r, 20));
  assert.equal((await askUdp(port, 'again.example.org. A')).rcode, 'NOERROR');
  assert.ok(back.asked.includes('udp again.example.org. A'));
});

test('a slow upstream is overtaken by the next', async () => {
  await using slow = await startUpstream((question) => ({
    ...oneAddress(question, 'udp', {} as never),
    delayMs: 3000,
  }));
  await using fast = await startUpstream(oneAddress);
  await using running = await through([slow, fast]);
  const started = performance.now();
  assert.equal((await askUdp(running.server.port, 'www.example.org. A')).rcode, 'NOERROR');
  assert.ok(performance.now() - started < 1000);
});

test('no upstream at all: SERVFAIL with the reason, and soon', async () => {
  const dead = await startUpstream(oneAddress);
  await dead[Symbol.asyncDispose]();
  await using running = await through([dead]);
  const started = performance.now();
  const reply = await askUdp(running.server.port, 'www.example.org. A', [opt()]);
  assert.equal(reply.rcode, 'SERVFAIL');
  assert.ok(performance.now() - started < 1500);
  const error = reply.opt?.options.find((o) => o.code === 15)?.data ?? Buffer.alloc(0);
  assert.equal(error.readUInt16BE(0), 22);
  assert.match(error.subarray(2).toString(), /no answer from upstream 127\.0\.0\.1/);
  // The cluster's own names do not care.
  assert.equal((await askUdp(running.server.port, 'svc1.testns.svc.cluster.local. A')).rcode, 'NOERROR');
});

test('replies that do not belong to the question are not believed', async () => {
  await using liar = await startUpstream((question) => {
    const honest = oneAddress(question, 'udp', {} as never) ?? {};
    if (question.startsWith('id.')) return { ...honest, damage: (m) => ({ ...m, id: m.id ^ 1 }) };
    return { ...honest, damage: (m) => ({ ...m, questions: [{ name: zone('other.example'), type: 1, class: 1 }] }) };
  });
  await using honest = await startUpstream(oneAddress);
  await using running = await through([liar, honest]);
  for (const name of ['id', 'name']) {
    const reply = await askUdp(running.server.port, `${name}.example.org. A`);
    assert.deepEqual(reply.answers, [`${name}.example.org. 30 A 192.0.2.1`]);
  }
  assert.equal(honest.asked.length, 2);
});

test('SERVFAIL of one upstream is not the last word', async () => {
  await using broken = await startUpstream(() => ({ rcode: Rcode.SERVFAIL }));
  await using good = await startUpstream(oneAddress);
  await using running = await through([broken, good]);
  assert.equal((await askUdp(running.server.port, 'www.example.org. A')).rcode, 'NOERROR');
  await using alone = await through([broken], {}, { cache: { ...CACHE_DEFAULTS, servfailTtlSeconds: 0 } });
  assert.equal((await askUdp(alone.server.port, 'www.example.org. A')).rcode, 'SERVFAIL');
});

test('a cut reply is fetched whole by TCP', async () => {
  const many = Array.from({ length: 60 }, (_, i) => `www.example.org. 60 A 192.0.2.${i}`);
  await using upstream = await startUpstream((_question, transport) =>
    transport === 'udp' ? { truncated: true, answers: many.slice(0, 3) } : { answers: many },
  );
  await using running = await through([upstream]);
  const { port } = running.server;
  assert.equal((await askTcp(port, 'www.example.org. A')).answers.length, 60);
  const cut = await askUdp(port, 'www.example.org. A');
  assert.ok(cut.flags.includes('tc') && cut.answers.length > 20);
  assert.deepEqual(upstream.asked, ['udp www.example.org. A', 'tcp www.example.org. A']);
});

test('what was known is served when no upstream answers any more', async () => {
  await using upstream = await startUpstream((question) => ({
    answers: [`${question.split(' ')[0] ?? ''} 1 A 192.0.2.1`],
  }));
  await using running = await through(
    [upstream],
    {},
    { cache: { ...CACHE_DEFAULTS, minTtlSeconds: 0, maxTtlSeconds: 0.05 } },
  );
  const { port } = running.server;
  assert.equal((await askUdp(port, 'www.example.org. A')).rcode, 'NOERROR');
  upstream.behave = () => ({ rcode: Rcode.SERVFAIL });
  await new Promise((r) => setTimeout(r, 60));
  const stale = await askUdp(port, 'www.example.org. A', [opt()]);
  assert.deepEqual(stale.answers, ['www.example.org. 30 A 192.0.2.1']);
  assert.equal(stale.opt?.options.find((o) => o.code === 15)?.data.readUInt16BE(0), 3);
  assert.equal((await askUdp(port, 'new.example.org. A')).rcode, 'SERVFAIL');
});

test('stub domains: the longest zone wins, exceptions go on', async () => {
  await using world = await startUpstream(() => ({ answers: ['x. 60 A 192.0.2.1'] }));
  await using acme = await startUpstream(() => ({ answers: ['x. 60 A 192.0.2.2'] }));
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      loop: false,
      forward: [
        defaultForward({ to: [world.target] }),
        defaultForward({ to: [acme.target], zone: zone('acme.local'), except: [zone('www.acme.local')] }),
      ],
    },
  });
  const { port } = running.server;
  for (const name of ['www.example.org', 'db.acme.local', 'www.acme.local', 'notacme.local'])
    await askUdp(port, `${name}. A`);
  assert.deepEqual(acme.asked, ['udp db.acme.local. A']);
  assert.equal(world.asked.length, 3);
});

test('a forwarding loop is found and cut; the cluster zone goes on', async () => {
  const client = createFakeClient();
  // The upstream is the server itself: bind first, then point the forwarder at it.
  const probe = await startUpstream(oneAddress);
  const { port } = probe;
  await probe[Symbol.asyncDispose]();
  await using running = await startTestServer(FIXTURE_F, {
    client,
    block: { forward: [defaultForward({ to: [{ address: '127.0.0.1', port }] })], loop: true },
    options: { listen: { addresses: ['127.0.0.1'], port } },
  });
  assert.equal(running.server.port, port);
  await new Promise((r) => setTimeout(r, 60));
  const reply = await askUdp(port, 'www.example.org. A', [opt()]);
  assert.equal(reply.rcode, 'SERVFAIL');
  const error = reply.opt?.options.find((o) => o.code === 15)?.data ?? Buffer.alloc(0);
  assert.match(error.subarray(2).toString(), /forwarding loop: upstream 127\.0\.0\.1/);
  assert.equal((await askUdp(port, 'svc1.testns.svc.cluster.local. A')).rcode, 'NOERROR');
});

test('ExternalName leads through the upstream, with its TC and its failures', async () => {
  await using upstream = await startUpstream((question) => {
    if (question.startsWith('ext.')) return { answers: ['ext.interwebs.test. 60 A 1.2.3.4'] };
    if (question.startsWith('gone.')) return { rcode: Rcode.NXDOMAIN, authorities: [SOA] };
    return { rcode: Rcode.SERVFAIL };
  });
  const objects = [
    namespace('testns'),
    externalName('testns/external', 'ext.interwebs.test'),
    externalName('testns/gone', 'gone.interwebs.test'),
    externalName('testns/broken', 'broken.interwebs.test'),
    externalName('testns/address', '10.0.0.1'),
    externalName('testns/loop-a', 'loop-b.testns.svc.cluster.local'),
    externalName('testns/loop-b', 'loop-a.testns.svc.cluster.local'),
  ];
  await using running = await startTestServer(objects, {
    block: { forward: [defaultForward({ to: [upstream.target] })], loop: false },
  });
  const { port } = running.server;
  const Z = 'testns.svc.cluster.local.';
  const external = await askUdp(port, `external.${Z} A`);
  assert.deepEqual(external.answers, [
    `external.${Z} 30 CNAME ext.interwebs.test.`,
    'ext.interwebs.test. 30 A 1.2.3.4',
  ]);
  assert.ok(external.flags.includes('aa'));
  const gone = await askUdp(port, `gone.${Z} A`);
  assert.deepEqual([gone.rcode, gone.answers.length], ['NXDOMAIN', 1]);
  assert.equal((await askUdp(port, `broken.${Z} A`)).rcode, 'SERVFAIL');
  assert.equal((await askUdp(port, `address.${Z} A`)).rcode, 'NXDOMAIN');
  const loop = await askUdp(port, `loop-a.${Z} A`);
  assert.ok(loop.answers.length <= 11, 'the chain ends');
});

test('reverse names that are not of the cluster go upstream', async () => {
  await using upstream = await startUpstream(() => ({ answers: ['4.3.2.1.in-addr.arpa. 60 PTR host.example.'] }));
  await using running = await through([upstream]);
  assert.equal((await askUdp(running.server.port, '1.0.0.10.in-addr.arpa. PTR')).answers.length, 2);
  assert.deepEqual((await askUdp(running.server.port, '4.3.2.1.in-addr.arpa. PTR')).answers, [
    '4.3.2.1.in-addr.arpa. 30 PTR host.example.',
  ]);
});

test('too many questions at once are refused, not queued for ever', async () => {
  await using silent = await startUpstream(() => undefined);
  await using running = await through([silent], { maxConcurrent: 3 }, { cache: CACHE_DEFAULTS });
  const { port } = running.server;
  const waiting = Array.from({ length: 3 }, (_, i) => sendUdp(port, queryBytes(`n${i}.example.org. A`), 200));
  await new Promise((r) => setTimeout(r, 30));
  assert.equal((await askUdp(port, 'n4.example.org. A')).rcode, 'REFUSED');
  assert.equal((await askUdp(port, 'svc1.testns.svc.cluster.local. A')).rcode, 'NOERROR');
  await Promise.all(waiting);
});

test('DNS over TLS: the certificate is checked, one connection carries many questions', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dot-'));
  try {
    const ca = createCa('dot test');
    const { certPem: cert, keyPem: key } = issueCert(ca, {
      cn: 'dns.example',
      dnsNames: ['dns.example'],
      usages: ['server'],
    });
    const file = path.join(folder, 'ca.pem');
    writeFileSync(file, ca.certPem);
    await using upstream = await startUpstream(oneAddress, { tls: { key, cert } });
    const secure = { ...upstream.target, tlsName: 'dns.example', tlsFiles: { ca: file } };
    await using running = await startTestServer(FIXTURE_F, {
      block: { loop: false, forward: [defaultForward({ to: [secure] })] },
    });
    const { port } = running.server;
    const names = Array.from({ length: 10 }, (_, i) => `n${i}.example.org. A`);
    for (const reply of await Promise.all(names.map((n) => askUdp(port, n)))) assert.equal(reply.answers.length, 1);
    assert.equal(upstream.asked.filter((a) => a.startsWith('tls n')).length, 10);
    assert.equal(upstream.connections, 1);

    const wrong = { ...secure, tlsName: 'other.example' };
    await using refused = await startTestServer(FIXTURE_F, {
      block: { loop: false, forward: [defaultForward({ to: [wrong] })] },
    });
    assert.equal((await askUdp(refused.server.port, 'x.example.org. A')).rcode, 'SERVFAIL');
    assert.ok(!upstream.asked.includes('tls x.example.org. A'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
