// Plugins that people add: hosts, static records, rewrite, autopath, stub blocks; each over a real socket.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../clock/index.ts';
import { parseRecord, ROOT } from '../dnswire/index.ts';
import { defaultForward } from './config/config.ts';
import type { RewriteRule } from './config/config.ts';
import { parseCorefile } from './config/corefile/parse-corefile.ts';
import { askUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { startTestServer, testBlock, testConfig, zone } from './testing/test-server.ts';
import { startUpstream } from './testing/upstream.ts';

const Z = 'testns.svc.cluster.local.';

test('hosts: names, addresses, fallthrough, a file that changes', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-hosts-'));
  const file = path.join(folder, 'hosts');
  writeFileSync(file, '10.1.1.1 file.example # comment\nnonsense\n');
  let late = 0;
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + late };
  try {
    await using running = await startTestServer(FIXTURE_F, {
      block: {
        hosts: {
          file,
          inline: ['10.9.9.9 inline.example svc1.testns.svc.cluster.local', 'fd00::9 inline.example'],
          ttlSeconds: 60,
          reverse: true,
          fallthrough: [ROOT],
        },
      },
      options: { clock },
    });
    const { port } = running.server;
    assert.deepEqual((await askUdp(port, 'FILE.example. A')).answers, ['FILE.example. 60 A 10.1.1.1']);
    assert.deepEqual((await askUdp(port, 'inline.example. AAAA')).answers, ['inline.example. 60 AAAA fd00::9']);
    assert.deepEqual((await askUdp(port, '9.9.9.10.in-addr.arpa. PTR')).answers.length, 2);
    // In front of the cluster's own answer.
    assert.deepEqual((await askUdp(port, `svc1.${Z} A`)).answers, [`svc1.${Z} 60 A 10.9.9.9`]);
    assert.deepEqual((await askUdp(port, `svc6.${Z} AAAA`)).answers, [`svc6.${Z} 30 AAAA 1234:abcd::1`]);
    writeFileSync(file, '10.1.1.2 file.example\n10.1.1.3 file.example\n');
    late = 60_000;
    assert.equal((await askUdp(port, 'file.example. A')).answers.length, 2);
    // Two of the file, two of inline.example, one of the service.
    assert.match(
      running.metrics.render(),
      /coredns_hosts_entries 5\n[^]*coredns_hosts_reload_timestamp_seconds 1\d{9}/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('hosts without fallthrough are the whole truth', async () => {
  await using running = await startTestServer([], {
    block: { hosts: { inline: ['10.9.9.9 a.example'], ttlSeconds: 60, reverse: false } },
  });
  const { port } = running.server;
  assert.equal((await askUdp(port, 'b.example. A')).rcode, 'NXDOMAIN');
  const other = await askUdp(port, 'a.example. TXT');
  assert.deepEqual([other.rcode, other.answers], ['NOERROR', []]);
});

test('static records of any type, with aliases into the cluster', async () => {
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      records: [
        parseRecord('www.example.org. 60 TXT "hello" "world"'),
        parseRecord('www.example.org. 60 MX 10 mail.example.org.'),
        parseRecord('db.example.org. 60 CNAME svc1.testns.svc.cluster.local.'),
      ],
    },
  });
  const { port } = running.server;
  assert.deepEqual((await askUdp(port, 'www.example.org. TXT')).answers, ['www.example.org. 60 TXT "hello" "world"']);
  assert.equal((await askUdp(port, 'www.example.org. MX')).answers.length, 1);
  const nodata = await askUdp(port, 'www.example.org. A');
  assert.deepEqual([nodata.rcode, nodata.answers], ['NOERROR', []]);
  assert.deepEqual((await askUdp(port, 'DB.example.org. A')).answers, [
    `DB.example.org. 60 CNAME svc1.${Z}`,
    `svc1.${Z} 30 A 10.0.0.1`,
  ]);
});

test('rewrite: every way to match, and the asked name in the answer', async () => {
  const rule = (over: Partial<RewriteRule>): RewriteRule => ({
    field: 'name',
    match: 'exact',
    from: '',
    to: '',
    answerAuto: true,
    answers: [],
    next: false,
    ...over,
  });
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      rewrite: [
        rule({ from: 'exact.example', to: `svc1.${Z}` }),
        rule({ match: 'suffix', from: '.my.example.', to: `.${Z}` }),
        rule({ match: 'prefix', from: 'old-', to: '', next: true }),
        rule({ match: 'regex', from: '^(\\w+)\\.re\\.example\\.$', to: `{1}.${Z}` }),
        rule({ match: 'substring', from: '.sub.', to: '.testns.' }),
        rule({ match: 'suffix', from: '.plain.example.', to: `.${Z}`, answerAuto: false }),
        rule({ field: 'type', from: 'HINFO', to: 'A' }),
      ],
    },
  });
  const { port } = running.server;
  for (const name of ['Exact.example.', 'svc1.my.example.', 'old-svc1.re.example.', 'svc1.sub.svc.cluster.local.'])
    assert.deepEqual((await askUdp(port, `${name} A`)).answers, [`${name} 30 A 10.0.0.1`], name);
  assert.deepEqual((await askUdp(port, 'svc1.plain.example. A')).answers, [`svc1.${Z} 30 A 10.0.0.1`]);
  assert.deepEqual((await askUdp(port, `svc1.${Z} HINFO`)).answers, [`svc1.${Z} 30 A 10.0.0.1`]);
  assert.equal((await askUdp(port, 'svc1.testns.elsewhere. A')).rcode, 'REFUSED');
});

test('rewrite as Corefiles write it: answers by expression, TTLs, reply codes, lines in a block', async () => {
  const text = `. {
    rewrite stop {
      name regex (.*)\\.my\\.example {1}.testns.svc.cluster.local
      answer name (.*)\\.testns\\.svc\\.cluster\\.local {1}.my.example
      answer value (.*)\\.testns\\.svc\\.cluster\\.local {1}.my.example
    }
    rewrite name regex (.*)\\.one\\.example {1}.testns.svc.cluster.local answer name (.*)\\.testns\\.(.*) {1}.one.example
    rewrite continue ttl suffix testns.svc.cluster.local 7
    rewrite continue ttl exact dns-version.cluster.local -100
    rewrite rcode prefix nope. NXDOMAIN NOERROR
  }`;
  const rewriteRules = parseCorefile(text).blocks[0]?.rewrite ?? [];
  await using running = await startTestServer(FIXTURE_F, { block: { rewrite: rewriteRules } });
  const { port } = running.server;
  const srv = await askUdp(port, '_http._tcp.svc1.my.example. SRV');
  assert.deepEqual(srv.answers, ['_http._tcp.svc1.my.example. 30 SRV 0 100 80 svc1.my.example.']);
  assert.deepEqual(srv.additionals, ['svc1.my.example. 30 A 10.0.0.1']);
  assert.deepEqual((await askUdp(port, 'svc1.one.example. A')).answers, ['svc1.one.example. 30 A 10.0.0.1']);
  assert.deepEqual((await askUdp(port, `svc1.${Z} A`)).answers, [`svc1.${Z} 7 A 10.0.0.1`]);
  assert.deepEqual((await askUdp(port, 'dns-version.cluster.local. TXT')).answers, [
    'dns-version.cluster.local. 100 TXT "1.1.0"',
  ]);
  assert.equal((await askUdp(port, `nope.${Z} A`)).rcode, 'NOERROR');
});

test('header: flags of every reply', async () => {
  const [block] = parseCorefile('. {\n header {\n set ra aa\n response clear rd aa\n }\n}').blocks;
  assert.ok(block?.header !== undefined);
  await using running = await startTestServer(FIXTURE_F, { block: { header: block.header } });
  for (const name of [`svc1.${Z} A`, `nope.${Z} A`, 'www.example.org. A'])
    assert.deepEqual((await askUdp(running.server.port, name)).flags, ['ra'], name);
  assert.throws(() => parseCorefile('. {\n header {\n set tc\n }\n}'), /line 3: set: "tc" is none of aa, ra, rd/);
  assert.throws(() => parseCorefile('. {\n header {\n query set rd\n }\n}'), /line 3: header has no option "query"/);
});

test('autopath: a name of the world below the first search domain is answered at once', async () => {
  await using upstream = await startUpstream((question) =>
    question.startsWith('www.google.com. ') ? { answers: ['www.google.com. 60 A 192.0.2.9'] } : { rcode: 3 },
  );
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      forward: [defaultForward({ to: [upstream.target] })],
      loop: false,
      autopath: { nodeSearch: [zone('corp.example')] },
    },
  });
  const { port } = running.server;
  const found = await askUdp(port, `www.google.com.${Z} A`);
  assert.deepEqual(found.answers, [`www.google.com.${Z} 30 CNAME www.google.com.`, 'www.google.com. 30 A 192.0.2.9']);
  assert.ok(upstream.asked.includes('udp www.google.com.corp.example. A'), "the node's own domain comes first");
  // Names of the cluster, single labels and unknown namespaces are left alone.
  const before = upstream.asked.length;
  assert.deepEqual((await askUdp(port, `svc1.${Z} A`)).answers, [`svc1.${Z} 30 A 10.0.0.1`]);
  assert.equal((await askUdp(port, `nope.${Z} A`)).rcode, 'NXDOMAIN');
  assert.equal((await askUdp(port, 'www.google.com.nons.svc.cluster.local. A')).rcode, 'NXDOMAIN');
  // `svc1.testns` exists further along the path: the client must find it there.
  assert.equal((await askUdp(port, `svc1.testns.${Z} A`)).rcode, 'NXDOMAIN');
  assert.equal(upstream.asked.length, before);
  assert.equal((await askUdp(port, `nothing.invalid.${Z} A`)).rcode, 'NXDOMAIN');
  assert.match(running.metrics.render(), /coredns_autopath_success_total 1/);
});

test('several server blocks: the longest zone answers', async () => {
  await using upstream = await startUpstream(() => ({ answers: ['x. 60 A 192.0.2.2'] }));
  const main = testBlock({});
  const { kubernetes: _k, ...rest } = main;
  const stub = {
    ...rest,
    zones: [zone('acme.local')],
    forward: [defaultForward({ zone: zone('acme.local'), to: [upstream.target] })],
    loop: false,
  };
  await using running = await startTestServer(FIXTURE_F, {
    options: { config: { ...testConfig(main), blocks: [main, stub] } },
  });
  const { port } = running.server;
  await askUdp(port, 'db.acme.local. A');
  assert.deepEqual(upstream.asked, ['udp db.acme.local. A']);
  assert.equal((await askUdp(port, `svc1.${Z} A`)).rcode, 'NOERROR');
  assert.equal((await askUdp(port, 'www.example.org. A')).rcode, 'REFUSED');
});
