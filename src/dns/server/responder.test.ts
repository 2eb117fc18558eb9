// Packets without sockets: whatever comes in, what goes out is a whole message that belongs to it, or nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../clock/index.ts';
import { createFakeClient } from '../../client/index.ts';
import { decodeMessage, encodeQuery, Flag } from '../../dnswire/index.ts';
import { silentLogger } from '../../log/index.ts';
import { Counter, Registry } from '../../metrics/index.ts';
import { Engine } from '../engine.ts';
import { openCluster } from '../plugins/kubernetes/cluster.ts';
import { FIXTURE_F } from '../testing/fixture-f.ts';
import { createAll } from '../testing/objects.ts';
import { testBlock, testConfig } from '../testing/test-server.ts';
import { answerCookie } from './cookies.ts';
import { QueryMetrics } from './query-metrics.ts';
import { sipHash24 } from './siphash.ts';

async function engine(): Promise<{ engine: Engine; registry: Registry; stop: () => void }> {
  const client = createFakeClient();
  await createAll(client, FIXTURE_F);
  const registry = new Registry();
  const config = testConfig(testBlock({}));
  const kubernetes = config.blocks[0]?.kubernetes;
  assert.ok(kubernetes !== undefined);
  const base = { client, clock: systemClock, log: silentLogger, staleAfterMs: 60_000, onProgrammed: () => undefined };
  const cluster = openCluster(kubernetes, base);
  await cluster.synced;
  const made = new Engine({
    config,
    registry,
    clock: systemClock,
    log: silentLogger,
    version: 'test',
    zoneOf: () => cluster.zone,
  });
  return { engine: made, registry, stop: () => cluster.stop() };
}

/** A small generator of its own, so that a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('20,000 damaged packets: each reply is well-formed, belongs to its packet and fits', async () => {
  const { engine: made, registry, stop } = await engine();
  const { responder } = made;
  const edns = { udpSize: 1232, version: 0, dnssecOk: true, options: [{ code: 10, data: '12345678' }] };
  const seeds = [
    encodeQuery({ name: 'svc1.testns.svc.cluster.local', type: 'A' }),
    encodeQuery({ name: 'hdls1.testns.svc.cluster.local', type: 'A', edns }),
    encodeQuery({ name: '_http._tcp.hdls1.testns.svc.cluster.local', type: 'SRV', edns }),
    encodeQuery({ name: 'nope.testns.svc.cluster.local', type: 'AAAA', edns }),
    encodeQuery({ name: '10-0-0-1.testns.pod.cluster.local', type: 'A' }),
    encodeQuery({ name: '1.0.0.10.in-addr.arpa', type: 'PTR', edns }),
    encodeQuery({ name: 'external-to-service.testns.svc.cluster.local', type: 'ANY' }),
    encodeQuery({ name: 'cluster.local', type: 'IXFR' }),
    encodeQuery({ name: 'version.bind', type: 'TXT', class: 3 }),
  ];
  const seed = Date.now() % 100_000;
  const random = randomNumbers(seed);
  const client = { address: '10.0.0.9', port: 1234, family: 'IPv4' };
  let replies = 0;
  const check = (packet: Buffer, reply: Uint8Array, limit: number) => {
    replies += 1;
    assert.ok(reply.length <= limit, `seed ${seed}: ${reply.length} bytes`);
    const message = decodeMessage(reply);
    assert.equal(message.id, packet.readUInt16BE(0), `seed ${seed}`);
    assert.ok((message.flags & Flag.QR) !== 0, `seed ${seed}`);
  };
  const late: Promise<void>[] = [];
  for (let i = 0; i < 20_000; i++) {
    const packet = Buffer.from(seeds[random(seeds.length)] ?? Buffer.alloc(0));
    for (let n = random(4); n > 0; n--) packet[random(packet.length)] = random(256);
    const cut = packet.subarray(0, random(10) === 0 ? random(packet.length) : packet.length);
    const transport = random(2) === 0 ? 'udp' : 'tcp';
    const limit = transport === 'udp' ? 1232 : 65535;
    const { promise, resolve } = Promise.withResolvers<void>();
    let pending = false;
    const length = responder.handle(cut, cut.length, transport, client, () => {
      pending = true;
      return {
        client,
        send: (bytes) => {
          check(cut, bytes, limit);
          resolve();
        },
      };
    });
    if (length > 0) check(cut, responder.out.subarray(0, length), limit);
    if (pending) late.push(promise);
  }
  await Promise.all(late);
  assert.ok(replies > 15_000, `${replies} replies`);
  assert.equal(responder.pending, 0);
  assert.match(registry.render(), /coredns_panics_total 0/);
  stop();
});

test('a prepared reply is the same message as a composed one', async () => {
  const { engine: made, stop } = await engine();
  const { responder } = made;
  const client = { address: '10.0.0.9', port: 1234, family: 'IPv4' };
  const kubernetes = made.config.blocks[0]?.kubernetes;
  assert.ok(kubernetes !== undefined);
  for (const name of ['svc1', 'hdls1', '_http._tcp.svc1', '_http._tcp.hdls1', 'nope', 'svc6', 'hdlsprtls'])
    for (const type of ['A', 'AAAA', 'SRV', 'TXT', 'MX', 'ANY']) {
      const packet = encodeQuery({ name: `${name}.testns.svc.cluster.local`, type, id: 7 });
      const length = responder.handle(packet, packet.length, 'udp', client, () => assert.fail('not prepared'));
      const prepared = decodeMessage(responder.out.subarray(0, length));
      // With a query log every question takes the complete way.
      const { promise, resolve } = Promise.withResolvers<Uint8Array>();
      made.reconfigure({ ...made.config, queryLog: 'error' });
      responder.handle(packet, packet.length, 'udp', client, () => ({ client, send: resolve }));
      const composed = decodeMessage(await promise);
      made.reconfigure({ ...made.config, queryLog: 'off' });
      const sorted = (m: typeof prepared) => ({
        ...m,
        answers: m.answers.toSorted((a, b) => (a.rdata < b.rdata ? -1 : 1)),
      });
      assert.deepEqual(sorted(prepared), sorted(composed), `${name} ${type}`);
    }
  stop();
});

test('SipHash-2-4 and the server cookie of RFC 9018', () => {
  // Test vector of the SipHash paper, appendix A.
  const key = Uint8Array.from({ length: 16 }, (_, i) => i);
  const input = String.fromCharCode(...Array.from({ length: 15 }, (_, i) => i));
  assert.equal(Buffer.from(sipHash24(key, input), 'latin1').readBigUInt64LE(), 0xa129ca6149be45e5n);
  // RFC 9018, appendix A.1.
  const secret = Buffer.from('e5e973e5a6b2a43f48e7dc849e37bfcf', 'hex');
  const client = Buffer.from('2464c4abcf10c957', 'hex').toString('latin1');
  const cookie = answerCookie(client, '198.51.100.100', secret, 1559731985_000);
  assert.equal(Buffer.from(cookie, 'latin1').toString('hex'), '2464c4abcf10c957010000005cf79f111f8130c3eee29480');
});

test('the metrics of queries: zone, type, rcode, lanes', () => {
  const registry = new Registry();
  registry.register(new Counter('other', 'x'));
  const metrics = new QueryMetrics(registry, 'dns://:53');
  const block = { label: '.', view: '' };
  metrics.count(block, 'kubernetes', 0, 1, 0, true, 40, 60, 0.1);
  metrics.count(block, 'forward', 3, 65, 3, false, 40, 60, 300);
  metrics.count(undefined, '', 0, 65535, 5, false, 40, 12, 0.1);
  const text = registry.render();
  for (const line of [
    'coredns_dns_requests_total{server="dns://:53",zone=".",view="",proto="udp",family="1",type="A"} 1',
    'coredns_dns_requests_total{server="dns://:53",zone=".",view="",proto="tcp",family="2",type="HTTPS"} 1',
    'coredns_dns_requests_total{server="dns://:53",zone="dropped",view="",proto="udp",family="1",type="other"} 1',
    'coredns_dns_responses_total{server="dns://:53",zone=".",view="",proto="tcp",family="2",rcode="NXDOMAIN",plugin="forward"} 1',
    'coredns_dns_do_requests_total{server="dns://:53",zone=".",view="",proto="udp",family="1",plugin="kubernetes"} 1',
    'coredns_dns_request_duration_seconds_bucket{server="dns://:53",zone=".",view="",le="0.256"} 1',
    'coredns_dns_request_duration_seconds_bucket{server="dns://:53",zone=".",view="",le="+Inf"} 2',
    'coredns_dns_response_size_bytes_sum{server="dns://:53",zone=".",view="",proto="tcp"} 60',
  ])
    assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
});
