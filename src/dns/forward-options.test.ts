// What `forward` and `cache` can be told: policies, codes that are not the last word, prefetching, old answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../clock/index.ts';
import { Rcode } from '../dnswire/index.ts';
import { defaultForward } from './config/config.ts';
import { parseCorefile } from './config/corefile/parse-corefile.ts';
import { askUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { startTestServer } from './testing/test-server.ts';
import { startUpstream } from './testing/upstream.ts';

test('policies: in order, by turns, at random', async () => {
  await using a = await startUpstream(() => ({}));
  await using b = await startUpstream(() => ({}));
  await using c = await startUpstream(() => ({}));
  const upstreams = [a, b, c];
  const counts = async (policy: 'sequential' | 'round_robin' | 'random') => {
    for (const upstream of upstreams) upstream.asked.length = 0;
    const to = upstreams.map((u) => u.target);
    await using running = await startTestServer(FIXTURE_F, {
      block: { forward: [defaultForward({ to, policy })], loop: false },
    });
    for (let i = 0; i < 60; i++) await askUdp(running.server.port, `n${i}.example.org. A`);
    return upstreams.map((u) => u.asked.length);
  };
  // A late reply makes the server ask the next one too, so a busy machine adds some.
  const [first = 0, ...others] = await counts('sequential');
  assert.ok(first >= 55 && others.every((n) => n < 20), `${first}, ${others.join()}`);
  const turns = await counts('round_robin');
  assert.ok(
    turns.every((n) => n >= 20 && n < 40),
    turns.join(),
  );
  // One of three is missed by 60 of 60 with a chance of 3 in 10^11.
  const random = await counts('random');
  assert.ok(
    random.every((n) => n > 0),
    random.join(),
  );
});

test('next and failover: reply codes that are not the last word', async () => {
  await using first = await startUpstream((q) => ({ rcode: q.startsWith('bad.') ? Rcode.NOTIMP : Rcode.NXDOMAIN }));
  await using second = await startUpstream((q) =>
    q.startsWith('there.') ? { answers: ['there.example.org. 60 A 192.0.2.1'] } : { rcode: Rcode.NXDOMAIN },
  );
  const text = `. {
    forward . 127.0.0.1:${first.port} 127.0.0.1:${second.port} {
      policy sequential
      failover NOTIMP
      next NXDOMAIN
    }
    forward . 127.0.0.1:${second.port}
  }`;
  const forward = parseCorefile(text).blocks[0]?.forward ?? [];
  await using running = await startTestServer(FIXTURE_F, { block: { forward, loop: false } });
  const { port } = running.server;
  assert.equal((await askUdp(port, 'there.example.org. A')).answers.length, 1);
  assert.deepEqual([first.asked.length, second.asked.length], [1, 1]);
  assert.equal((await askUdp(port, 'nowhere.example.org. A')).rcode, 'NXDOMAIN');
  second.asked.length = 0;
  assert.equal((await askUdp(port, 'bad.example.org. A')).rcode, 'NXDOMAIN');
  // After the failover, and as the next forwarder.
  assert.equal(second.asked.length, 2);
});

test('cache: popular answers are asked anew in time, old ones are sent at once, other zones are not kept', async () => {
  await using upstream = await startUpstream((q) => ({
    answers: [`${q.split(' ')[0] ?? ''} 60 A 192.0.2.${upstream.asked.length}`],
  }));
  let late = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + late };
  const cache = parseCorefile(`. {
    cache 3600 example.org {
      success 1000 3600 0
      prefetch 3 1m 50%
      serve_stale 1h immediate
    }
  }`).blocks[0]?.cache;
  assert.ok(cache !== undefined);
  await using running = await startTestServer(FIXTURE_F, {
    block: { forward: [defaultForward({ to: [upstream.target] })], loop: false, cache },
    options: { clock },
  });
  const { port } = running.server;
  const ask = async (name: string) => (await askUdp(port, `${name} A`)).answers[0]?.split(' ').at(-1);
  const asked = (count: number) => until(() => upstream.asked.length === count, `${upstream.asked.length} of ${count}`);
  for (let i = 0; i < 2; i++) assert.equal(await ask('a.example.org.'), '192.0.2.1');
  late = 40_000;
  // The second from the cache is not popular yet, the third is, and its time is nearly over.
  assert.equal(await ask('a.example.org.'), '192.0.2.1');
  assert.equal(upstream.asked.length, 1);
  assert.equal(await ask('a.example.org.'), '192.0.2.1');
  await asked(2);
  await until(async () => (await ask('a.example.org.')) === '192.0.2.2', 'the new answer');
  // It stays popular: the first question near its end is enough.
  late += 40_000;
  assert.equal(await ask('a.example.org.'), '192.0.2.2');
  await asked(3);
  await until(async () => (await ask('a.example.org.')) === '192.0.2.3', 'the new answer again');
  late += 100_000;
  // Past its end: at once, and meanwhile asked again.
  assert.equal(await ask('a.example.org.'), '192.0.2.3');
  await until(async () => (await ask('a.example.org.')) === '192.0.2.4', 'the answer after the old one');
  const before = upstream.asked.length;
  for (let i = 0; i < 2; i++) await ask('a.other.net.');
  assert.equal(upstream.asked.length, before + 2);
  const page = running.metrics.render();
  assert.match(page, /coredns_cache_prefetch_total\{server="dns:\/\/:53",zones="example\.org\.",view=""\} 2/);
  assert.match(
    page,
    /coredns_cache_hits_total\{server="dns:\/\/:53",zones="example\.org\.",view="",type="success"\} \d/,
  );
});

async function until(what: () => boolean | Promise<boolean>, shown: string): Promise<void> {
  for (let i = 0; !(await what()); i++) {
    assert.ok(i < 300, shown);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('cache: keepttl; sockets to upstreams are counted as used again or opened', async () => {
  await using upstream = await startUpstream((q) => ({
    answers: [`${q.split(' ')[0] ?? ''} 20 A 192.0.2.1`],
  }));
  let late = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + late };
  const cache = parseCorefile('. {\n cache {\n keepttl\n }\n}').blocks[0]?.cache;
  assert.ok(cache !== undefined);
  await using running = await startTestServer(FIXTURE_F, {
    block: { forward: [defaultForward({ to: [upstream.target], forceTcp: true })], loop: false, cache },
    options: { clock },
  });
  const { port } = running.server;
  await askUdp(port, 'a.example.org. A');
  late = 12_000;
  assert.deepEqual((await askUdp(port, 'a.example.org. A')).answers, ['a.example.org. 20 A 192.0.2.1']);
  assert.equal(upstream.asked.length, 1);
  for (const name of ['b', 'c']) await askUdp(port, `${name}.example.org. A`);
  const page = running.metrics.render();
  const to = `proxy_name="forward",to="127.0.0.1:${upstream.port}",proto="tcp"`;
  assert.ok(page.includes(`coredns_proxy_conn_cache_misses_total{${to}} 1`), page);
  assert.ok(page.includes(`coredns_proxy_conn_cache_hits_total{${to}} 2`), page);
});
