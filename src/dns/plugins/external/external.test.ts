// Names of services for the world outside, over real sockets: CoreDNS's own cases, and what its tests leave out.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { services } from '../../../api/objects.ts';
import { DnsConfigError } from '../../config/config.ts';
import { parseCorefile } from '../../config/corefile/parse-corefile.ts';
import { askTcp, askUdp, opt } from '../../testing/ask.ts';
import { clusterIp, namespace, ports, service, slice } from '../../testing/objects.ts';
import type { AnyObject } from '../../testing/objects.ts';
import { startTestServer } from '../../testing/test-server.ts';
import { startUpstream } from '../../testing/upstream.ts';

const withStatus = (object: ReturnType<typeof service>, ...ingress: { ip?: string; hostname?: string }[]) => ({
  ...object,
  status: { loadBalancer: { ingress } },
});
const balancer = (id: string, ...ingress: { ip?: string; hostname?: string }[]) =>
  withStatus(
    service(id, { type: 'LoadBalancer', clusterIP: '10.0.0.3', clusterIPs: ['10.0.0.3'], ports: ports('http:80') }),
    ...ingress,
  );
const outside = (id: string, ip: string, ...externalIPs: string[]) =>
  service(id, { type: 'ClusterIP', clusterIP: ip, clusterIPs: [ip], externalIPs, ports: ports('http:80') });

const OBJECTS: readonly AnyObject[] = [
  namespace('testns'),
  namespace('hidden'),
  outside('testns/svc1', '10.0.0.1', '1.2.3.4'),
  outside('testns/svc6', '10.0.0.6', '1:2::5'),
  outside('testns/both', '10.0.0.7', '1.2.3.9', '1:2::9'),
  clusterIp('testns/inside', '10.0.0.8', 'http:80'),
  balancer('testns/svc11', { ip: '2.3.4.5' }),
  balancer('testns/svc12', { hostname: 'Dummy.Hostname.test' }),
  clusterIp('testns/svc-headless', 'None', 'http:80'),
  slice('testns/svc-headless', ['http:80'], '1.2.3.4=endpoint-svc-0', '1.2.3.5=endpoint-svc-1'),
  outside('hidden/svc1', '10.0.0.9', '9.9.9.9'),
];

const blockOf = (text: string) => {
  const block = parseCorefile(`. {\n${text}\n}`).blocks[0];
  assert.ok(block !== undefined);
  return block;
};
const KUBERNETES = 'kubernetes cluster.local {\n namespaces testns\n }\n';
const Z = 'testns.example.com.';
const SOA = 'example.com. 5 SOA ns1.dns.example.com. hostmaster.dns.example.com. SERIAL 7200 1800 86400 5';

test('k8s_external: services by their external addresses', async () => {
  await using upstream = await startUpstream((question) =>
    question === 'dummy.hostname.test. A' ? { answers: ['dummy.hostname.test. 60 A 198.51.100.9'] } : { rcode: 3 },
  );
  const { address, port: upstreamPort } = upstream.target;
  const block = blockOf(
    `${KUBERNETES}k8s_external example.com 1.in-addr.arpa {\n headless\n }\nforward . ${address}:${upstreamPort}\ntransfer example.com {\n to 127.0.0.1\n }`,
  );
  await using running = await startTestServer(OBJECTS, { block });
  const { port } = running.server;
  // question, reply code, answers, additional; without answers the SOA of the zone is due.
  const rows: [string, string, string[], string[]?][] = [
    [`svc1.${Z} A`, 'NOERROR', [`svc1.${Z} 5 A 1.2.3.4`]],
    [`SvC1.${Z} A`, 'NOERROR', [`SvC1.${Z} 5 A 1.2.3.4`]],
    [`svc1.${Z} AAAA`, 'NOERROR', []],
    [`svc1.${Z} MX`, 'NOERROR', []],
    [`svc1.${Z} PTR`, 'NOERROR', []],
    [`svc1.${Z} SRV`, 'NOERROR', [`svc1.${Z} 5 SRV 0 100 80 svc1.${Z}`], [`svc1.${Z} 5 A 1.2.3.4`]],
    [
      `_http._tcp.svc1.${Z} SRV`,
      'NOERROR',
      [`_http._tcp.svc1.${Z} 5 SRV 0 100 80 svc1.${Z}`],
      [`svc1.${Z} 5 A 1.2.3.4`],
    ],
    [`_tcp.svc1.${Z} SRV`, 'NOERROR', []],
    [`_http._udp.svc1.${Z} SRV`, 'NXDOMAIN', []],
    [`a._http._tcp.svc1.${Z} SRV`, 'NXDOMAIN', []],
    [`svc6.${Z} AAAA`, 'NOERROR', [`svc6.${Z} 5 AAAA 1:2::5`]],
    [
      `both.${Z} SRV`,
      'NOERROR',
      [`both.${Z} 5 SRV 0 50 80 both.${Z}`],
      [`both.${Z} 5 A 1.2.3.9`, `both.${Z} 5 AAAA 1:2::9`],
    ],
    [`svc0.${Z} A`, 'NXDOMAIN', []],
    [`svc0.${Z} PTR`, 'NXDOMAIN', []],
    // Only known inside of the cluster.
    [`inside.${Z} A`, 'NXDOMAIN', []],
    ['svc0.svc-nons.example.com. A', 'NXDOMAIN', []],
    ['svc1.hidden.example.com. A', 'NXDOMAIN', []],
    [`${Z} A`, 'NOERROR', []],
    [`svc11.${Z} A`, 'NOERROR', [`svc11.${Z} 5 A 2.3.4.5`]],
    [`svc12.${Z} A`, 'NOERROR', [`svc12.${Z} 5 CNAME dummy.hostname.test.`, 'dummy.hostname.test. 30 A 198.51.100.9']],
    [`svc12.${Z} SRV`, 'NOERROR', [`svc12.${Z} 5 SRV 0 100 80 dummy.hostname.test.`]],
    [`svc-headless.${Z} A`, 'NOERROR', [`svc-headless.${Z} 5 A 1.2.3.4`, `svc-headless.${Z} 5 A 1.2.3.5`]],
    [
      `_http._tcp.svc-headless.${Z} SRV`,
      'NOERROR',
      [0, 1].map((i) => `_http._tcp.svc-headless.${Z} 5 SRV 0 50 80 endpoint-svc-${i}.svc-headless.${Z}`),
      [0, 1].map((i) => `endpoint-svc-${i}.svc-headless.${Z} 5 A 1.2.3.${4 + i}`),
    ],
    [`endpoint-svc-1.svc-headless.${Z} A`, 'NOERROR', [`endpoint-svc-1.svc-headless.${Z} 5 A 1.2.3.5`]],
    [
      `endpoint-svc-0.svc-headless.${Z} SRV`,
      'NOERROR',
      [`endpoint-svc-0.svc-headless.${Z} 5 SRV 0 100 80 endpoint-svc-0.svc-headless.${Z}`],
      [`endpoint-svc-0.svc-headless.${Z} 5 A 1.2.3.4`],
    ],
    [`endpoint-svc-7.svc-headless.${Z} A`, 'NXDOMAIN', []],
    ['example.com. SOA', 'NOERROR', [SOA]],
    ['example.com. NS', 'NOERROR', ['example.com. 5 NS ns1.dns.example.com.']],
    ['example.com. SRV', 'NOERROR', []],
    ['dns.example.com. NS', 'NOERROR', []],
    ['ns1.dns.example.com. AAAA', 'NOERROR', []],
    ['ns2.dns.example.com. A', 'NXDOMAIN', []],
  ];
  for (const [question, rcode, answers, additionals = []] of rows) {
    const reply = await askUdp(port, question);
    assert.equal(reply.rcode, rcode, question);
    assert.deepEqual(reply.answers.toSorted(), answers.toSorted(), question);
    assert.deepEqual(reply.additionals.toSorted(), additionals, question);
    assert.deepEqual(reply.authorities, answers.length === 0 ? [SOA] : [], question);
    assert.ok(reply.flags.includes('aa'), question);
  }
  assert.deepEqual((await askUdp(port, '4.3.2.1.in-addr.arpa. PTR')).answers, [
    `4.3.2.1.in-addr.arpa. 5 PTR svc1.${Z}`,
  ]);
  assert.equal((await askUdp(port, '5.3.2.1.in-addr.arpa. PTR')).rcode, 'NXDOMAIN');
  const why = await askUdp(port, `inside.${Z} A`, [opt()]);
  assert.equal(
    why.opt?.options.find((o) => o.code === 15)?.data.toString('utf8', 2),
    'service testns/inside has no external address',
  );
  const axfr = await askTcp(port, 'example.com. AXFR');
  assert.deepEqual([axfr.answers[0], axfr.answers.at(-1)], [SOA, SOA]);
  for (const line of [
    `svc1.${Z} 5 A 1.2.3.4`,
    `svc12.${Z} 5 CNAME dummy.hostname.test.`,
    `endpoint-svc-1.svc-headless.${Z} 5 A 1.2.3.5`,
  ])
    assert.ok(axfr.answers.includes(line), line);
  assert.ok(!axfr.answers.some((line) => line.includes('inside') || line.includes('hidden')));
});

test('k8s_external: changes show at once, apex, ttl and fallthrough', async () => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((i) => i?.family === 'IPv4' && !i.internal)?.address;
  assert.ok(own !== undefined, 'this machine has no address besides loopback');
  const block = blockOf(
    `${KUBERNETES}k8s_external example.com deep.example.com {\n apex names\n ttl 77\n fallthrough x.example.com\n }\nhosts {\n 10.7.7.7 y.x.example.com\n fallthrough\n }`,
  );
  const objects = [...OBJECTS, outside('testns/dns', '10.0.0.10', '4.4.4.4'), slice('testns/dns', ['http:80'], own)];
  await using running = await startTestServer(objects, { block });
  const { port } = running.server;
  const ns = await askUdp(port, 'example.com. NS');
  assert.deepEqual(ns.answers, ['example.com. 77 NS ns1.names.example.com.']);
  assert.deepEqual(ns.additionals, ['ns1.names.example.com. 77 A 4.4.4.4']);
  assert.deepEqual((await askUdp(port, 'ns1.names.example.com. A')).answers, ['ns1.names.example.com. 77 A 4.4.4.4']);
  // The longest of the zones holds the name.
  assert.deepEqual((await askUdp(port, 'svc1.testns.deep.example.com. A')).answers, [
    'svc1.testns.deep.example.com. 77 A 1.2.3.4',
  ]);
  // Without the option headless services are for the inside.
  assert.equal((await askUdp(port, `svc-headless.${Z} A`)).rcode, 'NXDOMAIN');
  assert.equal((await askUdp(port, 'z.x.example.com. A')).rcode, 'REFUSED');
  const pending = service('testns/late', {
    type: 'LoadBalancer',
    clusterIP: '10.0.0.44',
    clusterIPs: ['10.0.0.44'],
    ports: ports('http:80'),
  });
  const created = await running.client.resource(services).create(pending);
  assert.equal((await askUdp(port, `late.${Z} A`)).rcode, 'NXDOMAIN');
  await running.client
    .resource(services)
    .update({ ...created, status: { loadBalancer: { ingress: [{ ip: '8.8.4.4' }] } } });
  for (let i = 0; ; i++) {
    const { answers } = await askUdp(port, `late.${Z} A`);
    if (answers[0] === `late.${Z} 77 A 8.8.4.4`) break;
    assert.ok(i < 200, `still ${answers.join()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
});

test('k8s_external: mistakes', async () => {
  const rows: [string, RegExp][] = [
    ['k8s_external', /line 2: k8s_external: name the zone/],
    ['k8s_external example.org {\n apex a.b\n }', /line 3: apex: "a\.b" is no label/],
    ['k8s_external example.org {\n ttl 9999\n }', /line 3: ttl: "9999" is no number/],
    ['k8s_external example.org {\n nonsense\n }', /line 3: k8s_external has no option "nonsense"/],
  ];
  for (const [text, message] of rows)
    assert.throws(
      () => blockOf(text),
      (error) => error instanceof DnsConfigError && message.test(error.message),
      text,
    );
  const { external } = blockOf('k8s_external example.org');
  assert.ok(external !== undefined);
  const { kubernetes: _k, ...without } = blockOf('kubernetes cluster.local');
  await assert.rejects(
    startTestServer([], {
      options: {
        config: {
          ...(await import('../../config/config.ts')).defaultDnsConfig(),
          port: 0,
          blocks: [{ ...without, external }],
        },
      },
    }),
    /k8s_external needs the kubernetes plugin/,
  );
});
