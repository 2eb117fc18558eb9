// Templated answers over a real socket: the examples of CoreDNS's documentation and what people do with them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsConfigError } from '../../config/config.ts';
import { parseCorefile } from '../../config/corefile/parse-corefile.ts';
import { askUdp, opt } from '../../testing/ask.ts';
import { FIXTURE_F } from '../../testing/fixture-f.ts';
import { startTestServer } from '../../testing/test-server.ts';

const templatesOf = (text: string) =>
  parseCorefile(`. {\n${text}\n}`, { env: { HOSTNAME: 'h.example.org' } }).blocks[0]?.templates ?? [];
const SVC1 = 'svc1.testns.svc.cluster.local.';

test('template: addresses from names, and the way back', async () => {
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      templates: templatesOf(`
    template IN A example {
      match (^|[.])ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
      match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"
      answer "{{ .Name }} 60 IN A {{ if .Group.a }}{{ .Group.a }}.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}{{ else }}10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}{{ end }}"
      fallthrough
    }
    template IN MX example {
      match ^ip-10-(?P<b>[0-9]*)-(?P<c>[0-9]*)-(?P<d>[0-9]*)[.]example[.]$
      answer "{{ .Name }} 60 IN MX 10 {{ .Name }}"
      additional "{{ .Name }} 60 IN A 10.{{ .Group.b }}.{{ .Group.c }}.{{ .Group.d }}"
      authority  "example. 60 IN NS ns0.example."
      fallthrough
    }
    template IN PTR 10.in-addr.arpa {
      match ^(?P<d>[0-9]*)[.](?P<c>[0-9]*)[.](?P<b>[0-9]*)[.]10[.]in-addr[.]arpa[.]$
      answer "{{ .Name }} 60 IN PTR ip-10-{{ .Group.b }}-{{ .Group.c }}-{{ .Group.d }}.example."
    }`),
    },
  });
  const { port } = running.server;
  const ask = async (question: string) => (await askUdp(port, question)).answers;
  assert.deepEqual(await ask('Deep.IP-10-0-0-7.example. A'), ['Deep.IP-10-0-0-7.example. 60 A 10.0.0.7']);
  assert.deepEqual(await ask('ip0a7b7b7c.example. A'), ['ip0a7b7b7c.example. 60 A 10.123.123.124']);
  assert.deepEqual(await ask('7.0.0.10.in-addr.arpa. PTR'), ['7.0.0.10.in-addr.arpa. 60 PTR ip-10-0-0-7.example.']);
  const mx = await askUdp(port, 'ip-10-1-2-3.example. MX');
  assert.equal(mx.answers.length, 1);
  assert.deepEqual(mx.additionals, ['ip-10-1-2-3.example. 60 A 10.1.2.3']);
  assert.deepEqual(mx.authorities, ['example. 60 NS ns0.example.']);
  assert.ok(mx.flags.includes('aa'));
  // Went on, and nobody else knows it; without fallthrough it ends here.
  assert.equal((await askUdp(port, 'other.example. A')).rcode, 'REFUSED');
  assert.equal((await askUdp(port, 'x.10.in-addr.arpa. PTR')).rcode, 'SERVFAIL');
  // Past templates of other zones, names of the cluster go the short way.
  assert.deepEqual(await ask(`${SVC1} A`), [`${SVC1} 30 A 10.0.0.1`]);
  // 999 is no address: the answer is SERVFAIL, and counted.
  assert.equal((await askUdp(port, 'ip-10-0-0-999.example. A')).rcode, 'SERVFAIL');
  const page = running.metrics.render();
  assert.match(
    page,
    /coredns_template_matches_total\{server="dns:\/\/:53",view="",zone="example\.",class="IN",type="MX"\} 1/,
  );
  assert.match(page, /coredns_template_rr_failures_total\{[^}]*section="answer",template="\{\{ \.Name/);
});

test('template: denials with a reason, SOA and NS of a made zone, aliases', async () => {
  await using running = await startTestServer(FIXTURE_F, {
    block: {
      templates: templatesOf(`
    template ANY ANY invalid {
      rcode NXDOMAIN
      authority "invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"
      ederror 21 "Blocked according to RFC2606"
    }
    template IN SOA made.example.org {
      match ^made\\.example\\.org\\.$
      answer "{{ .Zone }} 3600 IN SOA ns1.{{ .Zone }} admin.{{ .Zone }} (1 60 120 86400 3600)"
      fallthrough
    }
    template IN SOA made.example.org {
      authority "{{ .Zone }} 3600 IN SOA {$HOSTNAME}. admin.example.org. (1 60 120 86400 3600)"
    }
    template IN ANY foogle.com {
      match "^foogle\\.com\\.$"
      answer "foogle.com 60 IN CNAME ${SVC1}"
    }
    template IN A loop.example {
      answer "{{ .Name }} 60 IN CNAME {{ .Name }}"
    }
    template ANY ANY internal.cloudapp.net {
      match "^(?:[^.]+\\.){4,}internal\\.cloudapp\\.net\\.$"
      rcode NXDOMAIN
      fallthrough
    }`),
    },
  });
  const { port } = running.server;
  const denied = await askUdp(port, 'a.invalid. A', [opt()]);
  assert.equal(denied.rcode, 'NXDOMAIN');
  assert.deepEqual(denied.authorities, ['invalid. 60 SOA ns.invalid. hostmaster.invalid. SERIAL 60 60 60 60']);
  const ede = denied.opt?.options.find((o) => o.code === 15)?.data;
  assert.deepEqual([ede?.readUInt16BE(0), ede?.toString('utf8', 2)], [21, 'Blocked according to RFC2606']);
  assert.equal((await askUdp(port, 'made.example.org. SOA')).answers.length, 1);
  const below = await askUdp(port, 'x.made.example.org. SOA');
  assert.deepEqual(
    [below.rcode, below.answers, below.authorities],
    ['NOERROR', [], ['made.example.org. 3600 SOA h.example.org. admin.example.org. SERIAL 60 120 86400 3600']],
  );
  assert.deepEqual((await askUdp(port, 'foogle.com. A')).answers, [
    `foogle.com. 60 CNAME ${SVC1}`,
    `${SVC1} 30 A 10.0.0.1`,
  ]);
  assert.deepEqual((await askUdp(port, 'foogle.com. CNAME')).answers, [`foogle.com. 60 CNAME ${SVC1}`]);
  const loop = await askUdp(port, 'loop.example. A');
  assert.equal(loop.answers.length > 0 && loop.answers.length <= 12, true);
  assert.equal((await askUdp(port, 'a.b.c.d.internal.cloudapp.net. A')).rcode, 'NXDOMAIN');
  assert.equal((await askUdp(port, 'a.internal.cloudapp.net. A')).rcode, 'REFUSED');
});

test('template: mistakes name the line', () => {
  const rows: [string, RegExp][] = [
    ['template IN\n', /line 2: template: "" is no record type/],
    ['template XX A\n', /line 2: template: "XX" is no class/],
    ['template IN A {\n match "("\n}', /line 2: template: Invalid regular expression/],
    ['template IN A {\n answer "{{ .Nmae }}"\n}', /line 2: template: there is no field \.Nmae/],
    ['template IN A {\n rcode NOPE\n}', /line 3: rcode: "NOPE" is no reply code/],
    ['template IN A {\n nonsense\n}', /line 3: template has no option "nonsense"/],
    ['template IN A {\n ederror x\n}', /line 3: ederror: "x" is no number/],
  ];
  for (const [text, message] of rows)
    assert.throws(
      () => templatesOf(text),
      (error) => error instanceof DnsConfigError && message.test(error.message),
      text,
    );
});
