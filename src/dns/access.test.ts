// Who may ask what (acl), and IPv6 addresses for names with IPv4 ones only (dns64), each over a real socket.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, packAddress, parseName } from '../dnswire/index.ts';
import { defaultForward } from './config/config.ts';
import { parseCorefile } from './config/corefile/parse-corefile.ts';
import { networkContains } from './networks.ts';
import { embedIpv4 } from './plugins/dns64.ts';
import { askTcp, askUdp, opt, queryBytes, sendUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { startTestServer } from './testing/test-server.ts';
import { startUpstream } from './testing/upstream.ts';

const SVC1 = 'svc1.testns.svc.cluster.local.';
const blockOf = (text: string) => {
  const [block] = parseCorefile(`. {\n${text}\n}`).blocks;
  assert.ok(block !== undefined);
  return block;
};

test('acl: the first rule that fits decides, prepared answers included', async () => {
  const { acl } = blockOf(`acl testns.svc.cluster.local {
    allow type AAAA net 127.0.0.0/8
    filter type A net 127.0.0.1
    drop type TXT
    block net 127.0.0.0/8 ::1
  }
  acl {
    block net 192.0.2.0/24
  }`);
  await using running = await startTestServer(FIXTURE_F, { block: { acl } });
  const { port } = running.server;
  const reasonOf = (reply: Awaited<ReturnType<typeof askUdp>>) =>
    reply.opt?.options.find((o) => o.code === 15)?.data.readUInt16BE(0);
  const filtered = await askUdp(port, `${SVC1} A`, [opt()]);
  assert.deepEqual([filtered.rcode, filtered.answers, reasonOf(filtered)], ['NOERROR', [], 17]);
  assert.equal((await askUdp(port, `svc6.testns.svc.cluster.local. AAAA`)).answers.length, 1);
  const blocked = await askUdp(port, `${SVC1} SRV`, [opt()]);
  assert.deepEqual([blocked.rcode, blocked.answers, reasonOf(blocked)], ['REFUSED', [], 18]);
  assert.equal(await sendUdp(port, queryBytes(`${SVC1} TXT`), 100).catch(() => undefined), undefined);
  assert.equal((await askTcp(port, `${SVC1} TXT`)).rcode, 'REFUSED');
  // Outside the zones of the rules, and for networks that are not ours.
  assert.equal((await askUdp(port, 'dns-version.cluster.local. TXT')).answers.length, 1);
});

test('acl: a name that another one expands to is not reached past a rule', async () => {
  await using upstream = await startUpstream(() => ({ answers: ['secret.corp.example. 60 A 192.0.2.9'] }));
  const { acl } = blockOf('acl secret.corp.example {\n block\n }');
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      acl,
      loop: false,
      forward: [defaultForward({ to: [upstream.target] })],
      autopath: { nodeSearch: [parseName('corp.example')] },
    },
  });
  const { port } = running.server;
  for (let i = 0; i < 2; i++) {
    assert.equal((await askUdp(port, 'secret.corp.example. A')).rcode, 'REFUSED');
    assert.deepEqual((await askUdp(port, 'secret.testns.svc.cluster.local. A')).answers, []);
  }
  assert.ok(!upstream.asked.some((a) => a.includes('secret.corp.example')), upstream.asked.join());
});

test('dns64: addresses are made for names that have none of their own', async () => {
  await using upstream = await startUpstream((question) => {
    if (question === 'v4.example.org. A') return { answers: ['v4.example.org. 60 A 192.0.2.33'] };
    if (question.startsWith('both.example.org. '))
      return {
        answers: [
          question.endsWith('AAAA') ? 'both.example.org. 60 AAAA 2001:db8::1' : 'both.example.org. 60 A 192.0.2.34',
        ],
      };
    return question.startsWith('v4.') ? { answers: [] } : { rcode: 3 };
  });
  const through = (text: string) =>
    startTestServer(FIXTURE_F, {
      block: { ...blockOf(text), loop: false, forward: [defaultForward({ to: [upstream.target] })] },
    });
  await using running = await through('kubernetes cluster.local\ndns64 {\n allow_ipv4\n }');
  const { port } = running.server;
  assert.deepEqual((await askUdp(port, 'v4.example.org. AAAA')).answers, ['v4.example.org. 30 AAAA 64:ff9b::c000:221']);
  assert.deepEqual((await askUdp(port, 'both.example.org. AAAA')).answers, ['both.example.org. 30 AAAA 2001:db8::1']);
  assert.equal((await askUdp(port, 'none.example.org. AAAA')).rcode, 'NXDOMAIN');
  assert.deepEqual((await askUdp(port, `${SVC1} AAAA`)).answers, [`${SVC1} 5 AAAA 64:ff9b::a00:1`]);
  await using all = await through('dns64 64:ff9b::/96 {\n translate_all\n allow_ipv4\n }');
  assert.deepEqual((await askUdp(all.server.port, 'both.example.org. AAAA')).answers, [
    'both.example.org. 30 AAAA 64:ff9b::c000:222',
  ]);
  // Clients that ask over IPv4 have no NAT64 as a rule.
  await using v6Only = await through('dns64');
  assert.deepEqual((await askUdp(v6Only.server.port, 'v4.example.org. AAAA')).answers, []);
});

test('embedIpv4() is the table of RFC 6052 §2.4', () => {
  const rows = [
    ['2001:db8::', 32, '2001:db8:c000:221::'],
    ['2001:db8:100::', 40, '2001:db8:1c0:2:21::'],
    ['2001:db8:122::', 48, '2001:db8:122:c000:2:2100::'],
    ['2001:db8:122:300::', 56, '2001:db8:122:3c0:0:221::'],
    ['2001:db8:122:344::', 64, '2001:db8:122:344:c0:2:2100::'],
    ['2001:db8:122:344::', 96, '2001:db8:122:344::c000:221'],
  ] as const;
  for (const [prefix, bits, wanted] of rows) {
    const made = embedIpv4(packAddress('192.0.2.33') ?? '', { prefix: packAddress(prefix) ?? '', bits });
    assert.equal(formatAddress(made), formatAddress(packAddress(wanted) ?? ''), `/${bits}`);
  }
});

test('networkContains() knows families, mapped addresses and odd prefixes', () => {
  const rows: [network: string, address: string, inside: boolean][] = [
    ['*', '10.0.0.1', true],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3', true],
    ['10.0.0.0/15', '10.2.0.0', false],
    ['10.0.0.1', '10.0.0.2', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', '10.0.0.1', false],
    ['0.0.0.0/0', '203.0.113.9', true],
    ['10.0.0.0/33', '10.0.0.0', false],
    ['nonsense', '10.0.0.0', false],
  ];
  for (const [network, address, inside] of rows)
    assert.equal(networkContains(network, address), inside, `${network} ${address}`);
});

test('mistakes in acl and dns64 name their line', () => {
  const rows: [text: string, says: RegExp][] = [
    ['acl {\n deny net 10.0.0.0/8\n}', /line 3: deny: an acl rule begins with allow, block, filter, drop/],
    ['acl {\n block net 10.0.0.300\n}', /"10\.0\.0\.300" is no network/],
    ['acl {\n block type NONSENSE\n}', /"NONSENSE" is no record type/],
    ['acl {\n block 10.0.0.0/8\n}', /stands neither behind type nor net/],
    ['dns64 64:ff9b::/95', /is no IPv6 prefix of 32/],
    ['dns64 {\n nonsense\n}', /dns64 has no option "nonsense"/],
  ];
  for (const [text, says] of rows) assert.throws(() => blockOf(text), says);
});
