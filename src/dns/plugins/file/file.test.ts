// Zones from master files over real sockets: every kind of answer, a file that changes, transfers and who is told.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Flag } from '../../../dnswire/index.ts';
import { DnsConfigError } from '../../config/config.ts';
import { parseCorefile } from '../../config/corefile/parse-corefile.ts';
import { askTcp, askUdp, opt, readReply } from '../../testing/ask.ts';
import { FIXTURE_F } from '../../testing/fixture-f.ts';
import { startTestServer } from '../../testing/test-server.ts';
import { startUpstream } from '../../testing/upstream.ts';

const ZONE = `$TTL 300
@ SOA ns1 admin 7 7200 1800 86400 60
  NS ns1
  NS ns.elsewhere.net.
  MX 10 mail
ns1 A 192.0.2.1
mail A 192.0.2.2
     AAAA 2001:db8::2
www CNAME web
web A 192.0.2.3
    A 192.0.2.4
far CNAME www.far.net.
dangling CNAME nothing
loop1 CNAME loop2
loop2 CNAME loop1
svc CNAME svc1.testns.svc.cluster.local.
*.wild A 192.0.2.9
x.y.ent TXT "deep"
moved DNAME new
a.new A 192.0.2.11
child NS ns.child
child NS ns.elsewhere.net.
child DS 1 8 2 00
ns.child A 192.0.2.20
_sip._tcp SRV 1 2 5060 mail
`;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-file-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const blockOf = (text: string, folder: string) => {
  const block = parseCorefile(`. {\n${text}\n}`, { folder }).blocks[0];
  assert.ok(block !== undefined);
  return block;
};

test('file: every kind of answer', () =>
  withFolder(async (folder) => {
    writeFileSync(path.join(folder, 'db.example.org'), ZONE);
    await using upstream = await startUpstream((question) =>
      question === 'www.far.net. A' ? { answers: ['www.far.net. 60 A 198.51.100.1'] } : { rcode: 3 },
    );
    const { address, port: upstreamPort } = upstream.target;
    const block = blockOf(
      `kubernetes cluster.local\nfile db.example.org example.org example.net\nforward . ${address}:${upstreamPort}`,
      folder,
    );
    await using running = await startTestServer(FIXTURE_F, { block });
    const { port } = running.server;
    const SOA = 'example.org. 60 SOA ns1.example.org. admin.example.org. SERIAL 7200 1800 86400 60';
    // question, reply code, answers, authority, additional
    const rows: [string, string, string[], string[]?, string[]?][] = [
      ['web.example.org. A', 'NOERROR', ['web.example.org. 300 A 192.0.2.3', 'web.example.org. 300 A 192.0.2.4']],
      ['web.example.net. A', 'NOERROR', ['web.example.net. 300 A 192.0.2.3', 'web.example.net. 300 A 192.0.2.4']],
      ['WeB.example.org. AAAA', 'NOERROR', [], [SOA]],
      ['none.example.org. A', 'NXDOMAIN', [], [SOA]],
      ['y.ent.example.org. A', 'NOERROR', [], [SOA]],
      ['z.ent.example.org. A', 'NXDOMAIN', [], [SOA]],
      ['example.org. SOA', 'NOERROR', [SOA.replace(' 60 ', ' 300 ')]],
      [
        'example.org. NS',
        'NOERROR',
        ['example.org. 300 NS ns1.example.org.', 'example.org. 300 NS ns.elsewhere.net.'],
        [],
        ['ns1.example.org. 300 A 192.0.2.1'],
      ],
      [
        'example.org. MX',
        'NOERROR',
        ['example.org. MX'],
        [],
        ['mail.example.org. 300 A 192.0.2.2', 'mail.example.org. 300 AAAA 2001:db8::2'],
      ],
      [
        '_sip._tcp.example.org. SRV',
        'NOERROR',
        ['_sip._tcp.example.org. 300 SRV 1 2 5060 mail.example.org.'],
        [],
        ['mail.example.org. 300 A 192.0.2.2', 'mail.example.org. 300 AAAA 2001:db8::2'],
      ],
      [
        'www.example.org. A',
        'NOERROR',
        [
          'www.example.org. 300 CNAME web.example.org.',
          'web.example.org. 300 A 192.0.2.3',
          'web.example.org. 300 A 192.0.2.4',
        ],
      ],
      ['www.example.org. CNAME', 'NOERROR', ['www.example.org. 300 CNAME web.example.org.']],
      ['www.example.org. AAAA', 'NOERROR', ['www.example.org. 300 CNAME web.example.org.'], [SOA]],
      ['far.example.org. A', 'NOERROR', ['far.example.org. 300 CNAME www.far.net.', 'www.far.net. 30 A 198.51.100.1']],
      // RFC 6604: the code of the last name of the chain.
      ['dangling.example.org. A', 'NXDOMAIN', ['dangling.example.org. 300 CNAME nothing.example.org.'], [SOA]],
      [
        'svc.example.org. A',
        'NOERROR',
        ['svc.example.org. 300 CNAME svc1.testns.svc.cluster.local.', 'svc1.testns.svc.cluster.local. 5 A 10.0.0.1'],
      ],
      ['Any.thing.wild.example.org. A', 'NOERROR', ['Any.thing.wild.example.org. 300 A 192.0.2.9']],
      ['x.wild.example.org. TXT', 'NOERROR', [], [SOA]],
      ['wild.example.org. A', 'NOERROR', [], [SOA]],
      [
        'a.moved.example.org. A',
        'NOERROR',
        [
          'moved.example.org. DNAME',
          'a.moved.example.org. 300 CNAME a.new.example.org.',
          'a.new.example.org. 300 A 192.0.2.11',
        ],
      ],
      ['web.example.org. ANY', 'NOERROR', ['web.example.org. 300 HINFO "RFC8482" ""']],
    ];
    for (const [question, rcode, answers, authorities = [], additionals = []] of rows)
      for (const reply of [await askUdp(port, question), await askTcp(port, question)]) {
        const same = (texts: string[]) => texts.toSorted();
        assert.equal(reply.rcode, rcode, question);
        assert.deepEqual(same(reply.answers), same(answers), question);
        assert.deepEqual(reply.authorities, authorities, question);
        assert.deepEqual(reply.additionals, additionals, question);
        assert.ok(reply.flags.includes('aa'), question);
      }
    const referral = await askUdp(port, 'deep.child.example.org. A');
    assert.deepEqual([referral.rcode, referral.answers, referral.flags.includes('aa')], ['NOERROR', [], false]);
    assert.deepEqual(referral.additionals, ['ns.child.example.org. 300 A 192.0.2.20']);
    assert.equal(referral.authorities.length, 3);
    assert.deepEqual((await askUdp(port, 'child.example.org. DS')).answers, ['child.example.org. DS']);
    assert.ok((await askUdp(port, 'loop1.example.org. A')).answers.length <= 11);
  }));

test('file: fallthrough, a file that is not there yet, and one that changes', () =>
  withFolder(async (folder) => {
    const file = path.join(folder, 'zone');
    const block = blockOf(
      `root ${folder}
      file zone example.org {
        reload 50ms
        fallthrough other.example.org
      }
      hosts {
        10.1.1.1 x.hosts
        fallthrough
      }`,
      '/nonexistent',
    );
    await using running = await startTestServer(FIXTURE_F, { block });
    const { port } = running.server;
    const early = await askUdp(port, 'web.example.org. A', [opt()]);
    assert.equal(early.rcode, 'SERVFAIL');
    assert.match(early.opt?.options.find((o) => o.code === 15)?.data.toString('utf8', 2) ?? '', /cannot be read/);
    const until = async (expected: string[]) => {
      for (let i = 0; ; i++) {
        const { answers } = await askUdp(port, 'web.example.org. A');
        if (JSON.stringify(answers) === JSON.stringify(expected)) return;
        assert.ok(i < 100, `still ${answers.join()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const zone = (serial: number, address: string) => `$TTL 9\n@ SOA a b ${serial} 1 1 1 1\nweb A ${address}\n`;
    writeFileSync(file, zone(1, '192.0.2.1'));
    await until(['web.example.org. 9 A 192.0.2.1']);
    assert.equal((await askUdp(port, 'x.example.org. A')).rcode, 'NXDOMAIN');
    assert.equal((await askUdp(port, 'x.other.example.org. A')).rcode, 'REFUSED');
    // A mistake, and a change without a new serial, leave the zone as it was.
    writeFileSync(file, 'nonsense');
    await new Promise((resolve) => setTimeout(resolve, 150));
    await until(['web.example.org. 9 A 192.0.2.1']);
    writeFileSync(file, zone(1, '192.0.2.7'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    await until(['web.example.org. 9 A 192.0.2.1']);
    writeFileSync(file, zone(2, '192.0.2.2'));
    await until(['web.example.org. 9 A 192.0.2.2']);
  }));

test('file: transfers by the rule of the zone, and secondaries are told', () =>
  withFolder(async (folder) => {
    writeFileSync(path.join(folder, 'z'), '$TTL 9\n@ SOA a b 5 1 1 1 1\n@ NS a\na A 192.0.2.1\n');
    const secondary = createSocket('udp4');
    secondary.unref();
    secondary.bind(0, '127.0.0.1');
    await once(secondary, 'listening');
    const told = once(secondary, 'message') as Promise<[Buffer, { port: number; address: string }]>;
    const block = blockOf(
      `file z example.org closed.example.org
      transfer example.org {
        to 127.0.0.1:${secondary.address().port}
      }
      transfer closed.example.org {
        to 192.0.2.0/24
      }`,
      folder,
    );
    await using running = await startTestServer([], { block });
    const [notify, from] = await told;
    assert.deepEqual([notify.readUInt16BE(2), readReply(notify).question], [(4 << 11) | Flag.AA, 'example.org. SOA']);
    const reply = Buffer.from(notify);
    reply.writeUInt16BE(notify.readUInt16BE(2) | Flag.QR, 2);
    secondary.send(reply, from.port, from.address);
    const { port } = running.server;
    const axfr = await askTcp(port, 'example.org. AXFR');
    assert.deepEqual(axfr.answers, [
      'example.org. 9 SOA a.example.org. b.example.org. SERIAL 1 1 1 1',
      'example.org. 9 NS a.example.org.',
      'a.example.org. 9 A 192.0.2.1',
      'example.org. 9 SOA a.example.org. b.example.org. SERIAL 1 1 1 1',
    ]);
    assert.equal((await askTcp(port, 'closed.example.org. AXFR')).rcode, 'REFUSED');
    assert.equal((await askTcp(port, 'elsewhere.org. AXFR')).rcode, 'REFUSED');
    assert.equal((await askUdp(port, 'example.org. AXFR')).rcode, 'REFUSED');
    secondary.close();
  }));

test('file: what is no zone is an error of the configuration', () =>
  withFolder(async (folder) => {
    const rows: [string, RegExp][] = [
      ['$TTL 1\n@ NS a\n', /needs one SOA record at example\.org\./],
      ['$TTL 1\n@ SOA a b 1 1 1 1 1\nx.example.net. A 192.0.2.1\n', /x\.example\.net\. is not in zone example\.org\./],
      ['$TTL 1\n@ SOA a b 1 1 1 1 1\nx CNAME y\nx A 192.0.2.1\n', /x\.example\.org\. has a CNAME and other records/],
      ['$TTL 1\n@ SOA a b 1 1 1 1 1\nx A 1.2\n', /z line 3: record "x A 1\.2"/],
    ];
    for (const [text, message] of rows) {
      writeFileSync(path.join(folder, 'z'), text);
      await assert.rejects(
        startTestServer([], { block: blockOf('file z example.org', folder) }),
        (error) => error instanceof DnsConfigError && message.test(error.message),
        text,
      );
    }
    assert.throws(() => blockOf('file', folder), /write file DBFILE/);
    assert.throws(() => blockOf('file z {\n nonsense\n}', folder), /file has no option "nonsense"/);
    assert.throws(() => blockOf('transfer {\n to nobody\n}', folder), /"nobody" is no address, no network/);
  }));
