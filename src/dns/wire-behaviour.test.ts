// What resolvers depend on, packet by packet: EDNS, truncation, TCP, refused classes, broken and hostile packets.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { encodeQuery, parseName, ROOT } from '../dnswire/index.ts';
import { askTcp, askUdp, opt, queryBytes, readReply, sendTcp, sendUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { clusterIp, namespace, slice } from './testing/objects.ts';
import { startTestServer, zone } from './testing/test-server.ts';
import type { TestServer } from './testing/test-server.ts';

const start = (over = {}): Promise<TestServer> =>
  startTestServer(FIXTURE_F, { kubernetes: { ttlSeconds: 5 }, ...over });
const SVC1 = 'svc1.testns.svc.cluster.local. A';

/** One headless service with so many addresses. */
function big(count: number) {
  const addresses = Array.from({ length: count }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
  return [namespace('ns'), clusterIp('ns/big', 'None', 'http:80'), slice('ns/big', ['http:80'], ...addresses)];
}

test('OPT comes back only when it was sent, is last, and says what this server takes', async () => {
  await using running = await start();
  const { port } = running.server;
  assert.equal((await askUdp(port, SVC1)).opt, undefined);
  for (const question of [SVC1, 'nope.testns.svc.cluster.local. A', 'www.example.org. A']) {
    const reply = await askUdp(port, question, [opt(4096)]);
    assert.equal(reply.opt?.udpPayloadSize, 1232, question);
    const records = dnsPacket.decode(reply.bytes).additionals ?? [];
    assert.equal(records.at(-1)?.type, 'OPT', question);
    // Unknown options are not echoed.
    const odd = await askUdp(port, question, [opt(1232, [{ code: 65001, data: Buffer.from('x') }])]);
    assert.ok(!(odd.opt?.options ?? []).some((o) => o.code === 65001), question);
  }
});

test('DO is echoed, CD and RD are copied, AD is not made up', async () => {
  await using running = await start();
  const { port } = running.server;
  const query = dnsPacket.encode({
    type: 'query',
    id: 1,
    flags: dnsPacket.CHECKING_DISABLED | dnsPacket.AUTHENTIC_DATA,
    questions: [{ name: 'svc1.testns.svc.cluster.local', type: 'A' }],
    additionals: [{ ...opt(), flags: dnsPacket.DNSSEC_OK } as dnsPacket.OptAnswer],
  });
  const reply = readReply((await sendUdp(port, query)) ?? Buffer.alloc(0));
  assert.deepEqual(reply.flags, ['aa', 'cd']);
  assert.equal(reply.opt?.flag_do, true);
});

test('another EDNS version is refused with BADVERS', async () => {
  await using running = await start();
  const reply = readReply(
    (await sendUdp(
      running.server.port,
      queryBytes(SVC1, { additionals: [{ ...opt(), ednsVersion: 1 } as dnsPacket.OptAnswer] }),
    )) ?? Buffer.alloc(0),
  );
  // BADVERS is 16: 0 in the header, 1 in the OPT.
  assert.equal(reply.rcode, 'NOERROR');
  assert.equal(reply.opt?.extendedRcode, 1);
  assert.equal(reply.opt?.ednsVersion, 0);
  assert.deepEqual(reply.answers, []);
});

test('cookies: a server cookie is added, the client part returned; impossible lengths are refused', async () => {
  await using running = await start();
  const { port } = running.server;
  const cookie = (data: Buffer) => opt(1232, [{ code: 10, data }]);
  const client = Buffer.from('0102030405060708', 'hex');
  const first = await askUdp(port, SVC1, [cookie(client)]);
  const full = first.opt?.options[0]?.data ?? Buffer.alloc(0);
  assert.equal(full.length, 24);
  assert.deepEqual(full.subarray(0, 8), client);
  assert.equal(full[8], 1);
  const again = await askUdp(port, 'www.example.org. A', [cookie(full)]);
  assert.deepEqual((again.opt?.options[0]?.data ?? Buffer.alloc(0)).subarray(0, 8), client);
  for (const length of [1, 7, 9, 15, 41])
    assert.equal((await askUdp(port, SVC1, [cookie(Buffer.alloc(length))])).rcode, 'FORMERR', `${length} bytes`);
});

test('the reason goes out as Extended DNS Error', async () => {
  await using running = await start();
  const { port } = running.server;
  const rows: [string, string][] = [
    ['svc0.testns.svc.cluster.local. A', 'no service svc0 in namespace testns'],
    ['svc0.nons.svc.cluster.local. A', 'no namespace nons'],
    ['svc1.testns.svc.cluster.local. AAAA', 'wrong family: svc1.testns.svc.cluster.local. has no IPv6 address'],
    ['x.svc1.testns.svc.cluster.local. A', 'service testns/svc1 has no ready endpoint named x'],
    ['_x._tcp.svc1.testns.svc.cluster.local. SRV', 'service testns/svc1 has no port _x._tcp'],
    ['x.y.cluster.local. A', 'names here end in svc or pod, not y'],
    ['_dns.x.pod.cluster.local. A', 'no namespace x'],
  ];
  for (const [question, text] of rows)
    for (const ask of [askUdp, askTcp]) {
      const reply = await ask(port, question, [opt()]);
      const error = reply.opt?.options.find((o) => o.code === 15)?.data ?? Buffer.alloc(0);
      assert.equal(error.subarray(2).toString(), text, question);
    }
});

test('an answer that does not fit is cut with TC, over TCP it is whole', async () => {
  await using running = await startTestServer(big(100));
  const { port } = running.server;
  const whole = await askTcp(port, 'big.ns.svc.cluster.local. A');
  assert.equal(whole.answers.length, 100);
  assert.ok(!whole.flags.includes('tc'));
  for (const [size, limit] of [
    [undefined, 512],
    [600, 600],
    [100, 512],
    [4096, 1232],
  ] as const) {
    const reply = await askUdp(port, 'big.ns.svc.cluster.local. A', size === undefined ? [] : [opt(size)]);
    assert.ok(reply.size <= limit && reply.size > limit - 16, `${reply.size} of ${limit}`);
    assert.ok(reply.flags.includes('tc'));
    // What there is can be used: resolvers without TCP depend on it.
    assert.ok(reply.answers.length >= 28);
    assert.ok(reply.answers.every((a) => whole.answers.includes(a)));
  }
  const srv = await askUdp(port, '_http._tcp.big.ns.svc.cluster.local. SRV', [opt(1232)]);
  assert.ok(srv.flags.includes('tc') && srv.size <= 1232 && srv.answers.length > 5);
});

test('UDP with TC and then TCP is the same answer as TCP, for any number of addresses and any size', async () => {
  await using running = await startTestServer(big(60));
  const { port } = running.server;
  const all = new Set((await askTcp(port, 'big.ns.svc.cluster.local. A')).answers);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 2000 }), async (size) => {
      const reply = await askUdp(port, 'big.ns.svc.cluster.local. A', [opt(size)]);
      const cut = reply.flags.includes('tc');
      assert.equal(cut, reply.answers.length < all.size);
      assert.equal(new Set(reply.answers).size, reply.answers.length);
      for (const answer of reply.answers) assert.ok(all.has(answer));
    }),
    { numRuns: 40 },
  );
});

test('addresses take turns fairly, also in cut answers', async () => {
  await using running = await startTestServer(big(50));
  const first = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const reply = await askUdp(running.server.port, 'big.ns.svc.cluster.local. A');
    const head = reply.answers[0] ?? '';
    first.set(head, (first.get(head) ?? 0) + 1);
  }
  assert.equal(first.size, 50);
  assert.ok([...first.values()].every((count) => count === 2));
});

test('classes, CHAOS, transfers, NOTIFY', async () => {
  await using running = await start();
  const { port } = running.server;
  const ask = async (name: string, type: string, cls: number) =>
    readReply((await sendUdp(port, encodeQuery({ name, type, class: cls }))) ?? Buffer.alloc(0));
  assert.match((await ask('version.bind', 'TXT', 3)).answers[0] ?? '', /TXT "Portico-/);
  assert.equal((await ask('id.server', 'TXT', 3)).answers.length, 1);
  assert.equal((await ask('svc1.testns.svc.cluster.local', 'A', 3)).rcode, 'REFUSED');
  assert.equal((await ask('svc1.testns.svc.cluster.local', 'A', 4)).rcode, 'REFUSED');
  for (const type of ['AXFR', 'IXFR']) {
    const refused = await ask('cluster.local', type, 1);
    assert.deepEqual([refused.rcode, refused.answers], ['REFUSED', []], type);
  }
  // No upstream in this configuration: nothing else is answered.
  assert.equal((await ask('www.example.org', 'A', 1)).rcode, 'REFUSED');
  const notify = queryBytes(SVC1);
  notify.writeUInt16BE(0x2000, 2);
  assert.equal(readReply((await sendUdp(port, notify)) ?? Buffer.alloc(0)).rcode, 'REFUSED');
});

test('broken packets get their defined reply, or none', async () => {
  await using running = await start();
  const { port } = running.server;
  const good = queryBytes(SVC1);
  const change = (at: number, value: number) => {
    const packet = Buffer.from(good);
    packet.writeUInt16BE(value, at);
    return packet;
  };
  const rows: [string, Buffer, string | undefined][] = [
    ['short header', good.subarray(0, 11), undefined],
    ['empty', Buffer.alloc(0), undefined],
    ['a reply', change(2, 0x8100), undefined],
    ['opcode UPDATE', change(2, 0x2800), 'NOTIMP'],
    ['opcode STATUS', change(2, 0x1000), 'NOTIMP'],
    ['no question', change(4, 0), 'FORMERR'],
    ['two questions', change(4, 2), 'FORMERR'],
    ['two answers', change(6, 2), 'FORMERR'],
    ['an answer that is not there', change(6, 1), 'FORMERR'],
    ['three additionals', change(10, 3), 'FORMERR'],
    ['cut in the name', good.subarray(0, 20), 'FORMERR'],
    ['cut before the class', good.subarray(0, good.length - 1), 'FORMERR'],
    ['bytes behind the end', Buffer.concat([good, Buffer.from('x')]), 'FORMERR'],
    ['a pointer as question', Buffer.concat([good.subarray(0, 12), Buffer.from('c00c00010001', 'hex')]), 'FORMERR'],
    ['a reserved label', Buffer.concat([good.subarray(0, 12), Buffer.from('4161000001000100', 'hex')]), 'FORMERR'],
    [
      'a name over 255 bytes',
      Buffer.concat([
        good.subarray(0, 12),
        Buffer.from(`3f${'61'.repeat(63)}`.repeat(4), 'hex'),
        Buffer.from('0000010001', 'hex'),
      ]),
      'FORMERR',
    ],
    ['two OPT', queryBytes(SVC1, { additionals: [opt(), opt()] }), 'FORMERR'],
    ['OPT with a name', Buffer.concat([change(10, 1), Buffer.from('01610000290200000000000000', 'hex')]), 'FORMERR'],
    [
      'OPT options cut',
      Buffer.concat([change(10, 1), Buffer.from('00002902000000000000040003ffff', 'hex')]),
      'FORMERR',
    ],
  ];
  for (const [what, packet, rcode] of rows) {
    const reply = await sendUdp(port, packet, rcode === undefined ? 60 : 2000);
    if (rcode === undefined) assert.equal(reply, undefined, what);
    else {
      assert.ok(reply !== undefined, what);
      assert.equal(reply.length, 12, what);
      assert.equal(reply.readUInt16BE(0), 4711, what);
      assert.equal(readReply(reply).rcode, rcode, what);
    }
  }
  assert.equal((await askUdp(port, SVC1)).rcode, 'NOERROR');
});

test('noise and damaged packets never crash or stall the server', async () => {
  await using running = await start();
  const { port } = running.server;
  const socket = createSocket('udp4');
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const seeds = [
    queryBytes(SVC1),
    queryBytes('_http._tcp.hdls1.testns.svc.cluster.local. SRV', { additionals: [opt()] }),
  ];
  const damaged = fc.tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), damaged), (input) => {
      let packet: Buffer;
      if (input instanceof Uint8Array) packet = Buffer.from(input);
      else {
        packet = Buffer.from(input[0]);
        for (const [at, value] of input[1]) packet[at % packet.length] = value;
      }
      socket.send(packet);
    }),
    { numRuns: 1500 },
  );
  assert.equal((await askUdp(port, SVC1)).rcode, 'NOERROR');
  socket.close();
  assert.match(running.metrics.render(), /coredns_panics_total\s|coredns_panics_total$/m);
  assert.doesNotMatch(running.metrics.render(), /coredns_panics_total [1-9]/);
});

test('TCP: many questions on one connection, in pieces, and a half-closed client', async () => {
  await using running = await start();
  const { port } = running.server;
  const questions = Array.from({ length: 300 }, (_, i) =>
    queryBytes(i % 2 === 0 ? SVC1 : 'www.example.org. A', { id: i + 1 }),
  );
  const replies = await sendTcp(port, questions);
  assert.deepEqual(new Set(replies.map((r) => r.readUInt16BE(0))), new Set(questions.map((_, i) => i + 1)));

  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const framed = Buffer.concat([Buffer.from([0, questions[0]?.length ?? 0]), questions[0] ?? Buffer.alloc(0)]);
  for (const byte of framed.subarray(0, 20)) socket.write(Buffer.from([byte]));
  socket.end(framed.subarray(20));
  await once(socket, 'close');
  assert.equal(readReply(Buffer.concat(chunks).subarray(2)).rcode, 'NOERROR');
});

test('TCP: what is no query closes the connection', async () => {
  await using running = await start();
  const reply = queryBytes(SVC1);
  reply.writeUInt16BE(0x8100, 2);
  assert.deepEqual(await sendTcp(running.server.port, [reply], 1), []);
});

test('AXFR over TCP for those who may', async () => {
  await using running = await startTestServer(FIXTURE_F, {
    kubernetes: { ttlSeconds: 5, namespaces: ['testns'] },
    block: { transfer: [{ zones: [ROOT], to: ['127.0.0.0/8'] }] },
  });
  const { port } = running.server;
  const records = (await askTcp(port, 'cluster.local. AXFR')).answers;
  assert.match(records[0] ?? '', /^cluster\.local\. 5 SOA/);
  assert.equal(records.at(-1), records[0]);
  assert.ok(records.some((r) => r.startsWith('cluster.local. 5 NS ')));
  for (const wanted of [
    'svc1.testns.svc.cluster.local. 5 A 10.0.0.1',
    '_http._tcp.svc1.testns.svc.cluster.local. 5 SRV 0 100 80 svc1.testns.svc.cluster.local.',
    'external.testns.svc.cluster.local. 5 CNAME ext.interwebs.test.',
    '172-0-0-2.hdls1.testns.svc.cluster.local. 5 A 172.0.0.2',
    'dns-version.cluster.local. 28800 TXT "1.1.0"',
  ])
    assert.ok(records.includes(wanted), wanted);
  assert.ok(!records.some((r) => r.includes('unexposedns') || r.includes('ep1a.svc1')));
  assert.equal((await askUdp(port, 'cluster.local. AXFR')).rcode, 'REFUSED');
  assert.equal((await askTcp(port, 'example.org. AXFR')).rcode, 'REFUSED');
  // An IXFR from the current serial: one SOA.
  const soa = dnsPacket.decode((await askTcp(port, 'cluster.local. SOA')).bytes).answers?.[0];
  assert.ok(soa?.type === 'SOA');
  const ixfr = dnsPacket.encode({
    type: 'query',
    id: 2,
    questions: [{ name: 'cluster.local', type: 'IXFR' }],
    authorities: [soa],
  });
  const [same] = await sendTcp(port, [ixfr]);
  assert.equal(readReply(same ?? Buffer.alloc(0)).answers.length, 1);
});

test('a large AXFR comes in several messages', async () => {
  const objects = [
    namespace('ns'),
    ...Array.from({ length: 500 }, (_, i) => clusterIp(`ns/s${i}`, `10.3.${i >> 8}.${i & 255}`, 'http:80')),
  ];
  await using running = await startTestServer(objects, { block: { transfer: [{ zones: [ROOT], to: ['*'] }] } });
  const { port } = running.server;
  const messages = await sendTcp(port, [queryBytes('cluster.local. AXFR')], 4);
  assert.ok(messages.length >= 4);
  const records = messages.flatMap((m) => readReply(m).answers);
  assert.equal(records.filter((r) => r.includes(' SOA ')).length, 2);
  assert.equal(records.filter((r) => / A 10\.3\./.test(r)).length, 500);
});

test('names of this server', async () => {
  const objects = [
    namespace('kube-system'),
    clusterIp('kube-system/kube-dns', ['10.0.0.111', '10::111'], 'dns:53/UDP'),
  ];
  await using running = await startTestServer(objects);
  const ns = await askUdp(running.server.port, 'cluster.local. NS');
  assert.deepEqual(ns.answers, ['cluster.local. 30 NS ns.dns.cluster.local.']);
  assert.ok(ns.additionals.length > 0 && ns.additionals.every((a) => a.startsWith('ns.dns.cluster.local. 30 A')));
  assert.equal(zone('cluster.local'), parseName('cluster.local.'));
});
