import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { formatName, formatRecord } from '../../dnswire/index.ts';
import { DnsConfigError } from './config.ts';
import { isCorefile, parseDnsConfig } from './parse-dns-config.ts';
import { parseCorefile } from './corefile/parse-corefile.ts';
import { reverseZonesOf } from './reverse-zones.ts';
import { parseResolvConf } from './resolv-conf.ts';

const KUBEADM = `
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`;

test('the Corefile of kubeadm', async () => {
  const config = await parseDnsConfig(KUBEADM);
  assert.equal(config.port, 53);
  assert.deepEqual(config.health, { address: '::', port: 8080, lameduckMs: 5000 });
  assert.deepEqual(config.ready, { address: '::', port: 8181 });
  assert.deepEqual(config.metrics, { address: '::', port: 9153 });
  assert.equal(config.reloadMs, 30_000);
  assert.equal(config.queryLog, 'off');
  assert.deepEqual(config.warnings, []);
  const [block] = config.blocks;
  assert.ok(block?.kubernetes !== undefined && block.cache !== undefined);
  assert.deepEqual(block.zones.map(formatName), ['.']);
  assert.deepEqual(block.kubernetes.zones.map(formatName), ['cluster.local.']);
  assert.deepEqual(block.kubernetes.reverseZones.map(formatName), ['in-addr.arpa.', 'ip6.arpa.']);
  assert.deepEqual(block.kubernetes.fallthrough.map(formatName), ['in-addr.arpa.', 'ip6.arpa.']);
  assert.equal(block.kubernetes.pods, 'insecure');
  assert.equal(block.kubernetes.ttlSeconds, 30);
  assert.equal(block.cache.maxTtlSeconds, 30);
  assert.deepEqual(block.cache.disableSuccess.map(formatName), ['cluster.local.']);
  assert.equal(block.loop, true);
  assert.deepEqual(block.forward[0]?.to, [{ file: '/etc/resolv.conf' }]);
  assert.equal(block.forward[0]?.maxConcurrent, 1000);
});

test('a Corefile with stub domains, snippets, hosts and rewrites', () => {
  const config = parseCorefile(
    `
(upstream) {
  forward . {$UP} tls://9.9.9.9 {
    policy sequential
    tls_servername dns.quad9.net
    except example.net
    force_tcp
  }
}
. {
  import upstream
  hosts {
    10.1.2.3 a.example b.example # two names
    ttl 60
    fallthrough
  }
  rewrite name suffix .old.example .new.example answer auto
  rewrite stop name exact x.example y.example
  kubernetes Cluster.Local 10.0.0.0/15 {
    pods verified
    namespaces a b
    ignore empty_service
    labels "app in (x, y)"
  }
  transfer { to 10.0.0.0/8 }
  log { class error }
  autopath @kubernetes
  bufsize 1400
  multisocket 3
}
acme.local, other.local:53 {
  forward acme.local 10.0.0.1:5353 [fd00::1]:53
  cache { success 100 60 10
          denial 50 5
          serve_stale 10m }
}`
      .replaceAll('transfer { to 10.0.0.0/8 }', 'transfer {\n to 10.0.0.0/8\n }')
      .replace('log { class error }', 'log {\nclass error\n}')
      .replace('cache { success', 'cache {\nsuccess')
      .replace('10m }', '10m\n}'),
    { env: { UP: '10.9.9.9' } },
  );
  const [main, stub] = config.blocks;
  assert.ok(main?.kubernetes !== undefined && stub !== undefined);
  assert.deepEqual(main.forward[0]?.to, [
    { address: '10.9.9.9', port: 53 },
    { address: '9.9.9.9', port: 853, tlsName: 'dns.quad9.net' },
  ]);
  assert.equal(main.forward[0]?.policy, 'sequential');
  assert.equal(main.forward[0]?.forceTcp, true);
  assert.deepEqual(main.hosts?.inline, ['10.1.2.3 a.example b.example']);
  assert.equal(main.hosts?.file, undefined);
  assert.equal(main.rewrite.length, 2);
  assert.deepEqual(main.kubernetes.reverseZones.map(formatName), ['0.10.in-addr.arpa.', '1.10.in-addr.arpa.']);
  assert.deepEqual(main.kubernetes.zones.map(formatName), ['cluster.local.']);
  assert.equal(main.kubernetes.labelSelector, 'app in (x, y)');
  assert.deepEqual(main.transfer, [{ zones: main.zones, to: ['10.0.0.0/8'] }]);
  assert.equal(config.queryLog, 'error');
  assert.equal(config.maxUdpSize, 1400);
  assert.equal(config.sockets, 3);
  assert.deepEqual(stub.zones.map(formatName), ['acme.local.', 'other.local.']);
  assert.deepEqual(stub.forward[0]?.to, [
    { address: '10.0.0.1', port: 5353 },
    { address: 'fd00::1', port: 53 },
  ]);
  assert.equal(stub.cache?.maxTtlSeconds, 60);
  assert.equal(stub.cache?.serveStaleSeconds, 600);
});

test('mistakes in a Corefile name their line', () => {
  const rows: [string, RegExp][] = [
    ['.:53 {\n  nope\n}', /line 2: plugin "nope" is not known/],
    ['.:53 {\n  cache 30\n', /line 1: the block that opens here has no closing brace/],
    ['.:53 {\n kubernetes cluster.local {\n pods maybe\n }\n}', /line 3: pods: "maybe" is none of/],
    ['.:53 {\n kubernetes cluster.local {\n nonsense\n }\n}', /line 3: kubernetes has no option "nonsense"/],
    ['.:53 {\n kubernetes\n}', /line 2: kubernetes: name the cluster's zone/],
    ['.:53 {\n forward .\n}', /line 2: forward: write forward ZONE ADDRESS/],
    ['.:53 {\n forward . 300.1.1.1\n}', /line 2: forward: upstream "300.1.1.1"/],
    ['.:53 {\n forward . https://1.1.1.1\n}', /only dns:\/\/ and tls:\/\//],
    ['.:53 {\n import x\n}', /import x: no such snippet or file/],
    ['.:53 {\n rewrite edns0 a b\n}', /rewriting "edns0" is not possible/],
    ['.:53 {\n rewrite ttl a b\n}', /line 2: rewrite: "b" is neither a TTL nor a range/],
    ['.:53 {\n rewrite name regex ( b\n}', /line 2: rewrite: "\(" is no regular expression/],
    ['.:53 {\n rewrite name a b c\n}', /line 2: rewrite: "c" is not known; answer auto/],
    ['.:53 {\n rewrite {\n answer name a b\n }\n}', /line 2: rewrite: answer must come after/],
    ['.:53 {\n rewrite rcode a b NXDOMAIN\n}', /"b NXDOMAIN" are not two reply codes/],
    ['a:53 {\n}\nb:54 {\n}', /one server has one port/],
    ['.:53 {\n health a:b\n}', /line 2: health: "a:b" is no \[address\]:port/],
    ['. {\n bind 10.0.0.1\n}\na {\n bind 10.0.0.2\n}', /line 5: bind: all server blocks must bind the same/],
    ['. {\n bind 10.0.0.1\n}\na {\n}', /line 2: bind: all server blocks must bind the same/],
    ['. {\n bind nosuch0\n}', /line 2: bind: "nosuch0" is no address and no network interface/],
    ['"x', /line 1: a quote is not closed/],
    ['tls://.:853 {\n}', /only plain DNS is/],
    ['', /no server block/],
  ];
  for (const [text, message] of rows)
    assert.throws(
      () => parseCorefile(text, { folder: '/nonexistent' }),
      (error) => error instanceof DnsConfigError && message.test(error.message),
      text,
    );
});

test('YAML: defaults, everything, and mistakes', async () => {
  const empty = await parseDnsConfig('# nothing\n');
  assert.equal(empty.port, 53);
  assert.equal(empty.blocks[0]?.kubernetes?.pods, 'insecure');
  assert.equal(empty.health?.lameduckMs, 5000);
  const config = await parseDnsConfig(
    `
port: 5353
log: denial
reloadSeconds: 2
health: { port: 18080, lameduckSeconds: 1 }
metrics: false
kubernetes: { zones: [my.zone], reverse: [10.0.0.0/8], ttlSeconds: 10, pods: disabled }
stubDomains: { acme.local: [10.0.0.1] }
forward:
  - to: [10.0.0.2, 10.0.0.3:54]
    policy: round_robin
cache: { maxTtlSeconds: 60 }
hosts: { entries: { a.example: [10.1.1.1, "fd00::1"] } }
records: ["www.example. 60 A 192.0.2.1", "www.example. TXT \\"x y\\""]
rewrite: [{ from: a.b, to: c.d }]
autopath: { nodeSearch: [corp.example] }
transferTo: ["*"]
transfer: [{ zones: [example.org], to: [10.0.0.9] }]
templates:
  - { zones: [ip.example], type: A, match: ["^(\\\\d+)-ip"], answer: ["{{ .Name }} 60 A 10.0.0.{{ index .Match 1 }}"], fallthrough: [ip.example] }
  - { zones: [invalid], class: ANY, rcode: NXDOMAIN, errorCode: 21, errorText: not in use }
zoneFiles: [{ file: db.example.org, zones: [example.org], reloadSeconds: 5 }]
external: { zones: [out.example, 10.in-addr.arpa], apex: names, headless: true }
views:
  - name: office
    when: ["incidr(client_ip(), '192.168.0.0/16')"]
    zones: [acme.local]
    hosts: { entries: { a.acme.local: 10.1.1.2 } }
    kubernetes: false
`,
    '/etc/portico/dns.yaml',
  );
  const [view, block] = config.blocks;
  assert.ok(block?.kubernetes !== undefined);
  assert.deepEqual(view?.view, { name: 'office', when: ["incidr(client_ip(), '192.168.0.0/16')"] });
  assert.deepEqual([view.zones.map(formatName), view.kubernetes], [['acme.local.'], undefined]);
  assert.deepEqual(
    block.transfer.map((t) => t.to),
    [['10.0.0.9'], ['*']],
  );
  assert.deepEqual(
    block.files.map((f) => [f.file, f.reloadMs]),
    [['/etc/portico/db.example.org', 5000]],
  );
  assert.deepEqual([block.external?.apex, block.external?.reverseZones.length], ['names', 1]);
  assert.deepEqual(
    block.templates.map((t) => [t.type, t.class, t.rcode, t.error?.code]),
    [
      [1, 1, 0, undefined],
      [255, 255, 3, 21],
    ],
  );
  assert.equal(config.port, 5353);
  assert.equal(config.metrics, undefined);
  assert.deepEqual(config.health, { address: '::', port: 18080, lameduckMs: 1000 });
  assert.deepEqual(block.kubernetes.reverseZones.map(formatName), ['10.in-addr.arpa.']);
  assert.deepEqual(
    block.forward.map((f) => formatName(f.zone)),
    ['.', 'acme.local.'],
  );
  assert.deepEqual(block.hosts?.inline, ['10.1.1.1 a.example', 'fd00::1 a.example']);
  assert.deepEqual(block.records.map(formatRecord), ['www.example. 60 IN A 192.0.2.1', 'www.example. 60 IN TXT "x y"']);
  for (const [text, message] of [
    ['prot: 53', /prot is not known/],
    ['kubernetes: { pods: maybe }', /kubernetes\.pods must be one of/],
    ['forward: [{ to: [] }]', /forward\[0\]\.to must list/],
    ['forward: [{ to: [x] }]', /upstream "x"/],
    ['port: -1', /port must be a number/],
    ['records: ["x"]', /records: record "x"/],
    ['templates: [{ answer: ["{{ .Nmae }}"] }]', /templates\[0\]\.answer or match: there is no field/],
    ['templates: [{ rcode: NOPE }]', /templates\[0\]\.rcode "NOPE" is no reply code/],
    ['zoneFiles: [{ file: x }]', /zoneFiles\[0\]\.file and "zones" are both needed/],
    ['external: {}', /external\.zones must name a zone/],
    ['views: [{ name: x, when: ["1 +"] }]', /views\[0\]\.when the expression ends too early/],
    ['views: [{ name: x, when: ["true"], hots: {} }]', /views\[0\]\.hots is not known/],
    ['transfer: [{}]', /transfer\[0\]\.to must list/],
    ['a: [', /is no YAML/],
    ['- a', /must be a mapping/],
  ] as const)
    await assert.rejects(
      parseDnsConfig(text),
      (error) => error instanceof DnsConfigError && message.test(error.message),
      text,
    );
});

test('the YAML of the README', async () => {
  const readme = readFileSync(path.join(import.meta.dirname, '..', 'README.md'), 'utf8');
  const yaml = /```yaml\n([^]*?)```/.exec(readme)?.[1] ?? '';
  const { blocks } = await parseDnsConfig(yaml);
  assert.deepEqual(
    blocks.map((b) => [b.view?.name, b.templates.length, b.files.length]),
    [
      ['office', 0, 0],
      [undefined, 1, 1],
    ],
  );
});

test('the two formats are told apart', () => {
  for (const text of ['.:53 {\n}', 'cluster.local {\n}', '(snip) {\n}\n. {\n}', 'a.example, b.example {\n}'])
    assert.ok(isCorefile(text), text);
  for (const text of ['port: 53', 'kubernetes: {\n  pods: disabled }', '{}', '', '# x'])
    assert.ok(!isCorefile(text), text);
});

test('networks as reverse zones', () => {
  const rows: [string, string[] | undefined][] = [
    ['10.0.0.0/8', ['10.in-addr.arpa.']],
    ['10.0.0.0/15', ['0.10.in-addr.arpa.', '1.10.in-addr.arpa.']],
    ['192.168.1.0/24', ['1.168.192.in-addr.arpa.']],
    ['10.9.8.7/32', ['7.8.9.10.in-addr.arpa.']],
    ['fd00::/8', ['d.f.ip6.arpa.']],
    ['fd00::/7', ['c.f.ip6.arpa.', 'd.f.ip6.arpa.']],
    ['10.0.0.0/33', undefined],
    ['x/8', undefined],
  ];
  for (const [cidr, zones] of rows) assert.deepEqual(reverseZonesOf(cidr)?.map(formatName), zones, cidr);
  const half = reverseZonesOf('192.168.1.0/25')?.map(formatName) ?? [];
  assert.equal(half.length, 128);
  assert.ok(half.includes('127.1.168.192.in-addr.arpa.') && !half.includes('128.1.168.192.in-addr.arpa.'));
});

test('nameservers of a resolv.conf', () => {
  const text = '# x\nsearch a b\nnameserver 10.0.0.1\n nameserver fe80::1%eth0\nnameserver nonsense\noptions ndots:5\n';
  assert.deepEqual(parseResolvConf(text), [
    { address: '10.0.0.1', port: 53 },
    { address: 'fe80::1', port: 53 },
  ]);
});
