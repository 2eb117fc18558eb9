// The record table of the Kubernetes DNS specification and what CoreDNS adds to it, as data: each question over real UDP
// and TCP sockets, answers read by another decoder.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { askTcp, askUdp } from './testing/ask.ts';
import { FIXTURE_F } from './testing/fixture-f.ts';
import { clusterIp, namespace, pod, slice } from './testing/objects.ts';
import type { AnyObject } from './testing/objects.ts';
import { startTestServer, zone } from './testing/test-server.ts';
import type { TestServerOptions } from './testing/test-server.ts';

interface Case {
  readonly ask: string;
  readonly rcode?: string;
  readonly answers?: readonly string[];
  readonly additionals?: readonly string[];
  /** Default: the SOA of cluster.local when there is no answer. */
  readonly authorities?: readonly string[];
}

const SOA = 'cluster.local. 5 SOA ns.dns.cluster.local. hostmaster.cluster.local. SERIAL 7200 1800 86400 5';
const nx = (ask: string): Case => ({ ask, rcode: 'NXDOMAIN' });
const nodata = (ask: string): Case => ({ ask });

async function check(objects: readonly AnyObject[], options: TestServerOptions, cases: readonly Case[]): Promise<void> {
  await using running = await startTestServer(objects, options);
  const { port } = running.server;
  for (const wanted of cases) {
    const rcode = wanted.rcode ?? 'NOERROR';
    const answers = [...(wanted.answers ?? [])].sort();
    const authorities = [...(wanted.authorities ?? (answers.length === 0 ? [SOA] : []))].sort();
    const additionals = [...(wanted.additionals ?? [])].sort();
    for (const ask of [askUdp, askTcp]) {
      const reply = await ask(port, wanted.ask);
      const got = {
        ask: reply.question,
        rcode: reply.rcode,
        answers: reply.answers.toSorted(),
        authorities: reply.authorities.toSorted(),
        additionals: reply.additionals.toSorted(),
      };
      const expected = { ask: wanted.ask, rcode, answers, authorities, additionals };
      assert.deepEqual(got, expected, `${wanted.ask} by ${ask.name}`);
      assert.ok(reply.flags.includes('aa'), `${wanted.ask}: not authoritative`);
      assert.ok(reply.flags.includes('rd'), `${wanted.ask}: RD is not copied`);
    }
  }
}

const F: TestServerOptions = { kubernetes: { ttlSeconds: 5, namespaces: ['testns'], pods: 'disabled' } };
const Z = 'testns.svc.cluster.local.';

test('services with a cluster IP: A, AAAA, SRV', async () => {
  await check(FIXTURE_F, F, [
    { ask: `svc1.${Z} A`, answers: [`svc1.${Z} 5 A 10.0.0.1`] },
    { ask: `svcempty.${Z} A`, answers: [`svcempty.${Z} 5 A 10.0.0.1`] },
    { ask: `svc1.${Z} SRV`, answers: [`svc1.${Z} 5 SRV 0 100 80 svc1.${Z}`], additionals: [`svc1.${Z} 5 A 10.0.0.1`] },
    {
      ask: `svcempty.${Z} SRV`,
      answers: [`svcempty.${Z} 5 SRV 0 100 80 svcempty.${Z}`],
      additionals: [`svcempty.${Z} 5 A 10.0.0.1`],
    },
    {
      ask: `svc6.${Z} SRV`,
      answers: [`svc6.${Z} 5 SRV 0 100 80 svc6.${Z}`],
      additionals: [`svc6.${Z} 5 AAAA 1234:abcd::1`],
    },
    {
      ask: `_http._tcp.svc1.${Z} SRV`,
      answers: [`_http._tcp.svc1.${Z} 5 SRV 0 100 80 svc1.${Z}`],
      additionals: [`svc1.${Z} 5 A 10.0.0.1`],
    },
    {
      ask: `_http._tcp.svcempty.${Z} SRV`,
      answers: [`_http._tcp.svcempty.${Z} 5 SRV 0 100 80 svcempty.${Z}`],
      additionals: [`svcempty.${Z} 5 A 10.0.0.1`],
    },
    {
      ask: `_http._tcp.svc6.${Z} SRV`,
      answers: [`_http._tcp.svc6.${Z} 5 SRV 0 100 80 svc6.${Z}`],
      additionals: [`svc6.${Z} 5 AAAA 1234:abcd::1`],
    },
    {
      ask: `http.tcp.svc1.${Z} SRV`,
      answers: [`http.tcp.svc1.${Z} 5 SRV 0 100 80 svc1.${Z}`],
      additionals: [`svc1.${Z} 5 A 10.0.0.1`],
    },
    { ask: `_http._tcp.svc1.${Z} A`, answers: [`_http._tcp.svc1.${Z} 5 A 10.0.0.1`] },
    { ask: `svc6.${Z} AAAA`, answers: [`svc6.${Z} 5 AAAA 1234:abcd::1`] },
    { ask: `svc-dual-stack.${Z} A`, answers: [`svc-dual-stack.${Z} 5 A 10.0.0.3`] },
    { ask: `svc-dual-stack.${Z} AAAA`, answers: [`svc-dual-stack.${Z} 5 AAAA 10::3`] },
    {
      ask: `svc-dual-stack.${Z} SRV`,
      answers: [`svc-dual-stack.${Z} 5 SRV 0 50 80 svc-dual-stack.${Z}`],
      additionals: [`svc-dual-stack.${Z} 5 A 10.0.0.3`, `svc-dual-stack.${Z} 5 AAAA 10::3`],
    },
    nodata(`svc1.${Z} AAAA`),
    nodata(`svc6.${Z} A`),
    nodata(`svc1.${Z} TXT`),
    nodata(`svc1.${Z} SOA`),
    nodata(`svc1.${Z} PTR`),
    nodata(`svc1.${Z} MX`),
    { ask: `svc1.${Z} ANY`, answers: [`svc1.${Z} 5 HINFO "RFC8482" ""`] },
  ]);
});

test('headless services: addresses, endpoint names, SRV', async () => {
  const H = `hdls1.${Z}`;
  const srv = (label: string) => `_http._tcp.${H} 5 SRV 0 16 80 ${label}.${H}`;
  await check(FIXTURE_F, F, [
    { ask: `${H} A`, answers: ['172.0.0.2', '172.0.0.3', '172.0.0.4', '172.0.0.5'].map((ip) => `${H} 5 A ${ip}`) },
    { ask: `${H} AAAA`, answers: ['5678:abcd::1', '5678:abcd::2'].map((ip) => `${H} 5 AAAA ${ip}`) },
    { ask: `hdlsprtls.${Z} A`, answers: [`hdlsprtls.${Z} 5 A 172.0.0.20`] },
    nodata(`hdlsprtls.${Z} SRV`),
    {
      ask: `_http._tcp.${H} SRV`,
      answers: ['172-0-0-2', '172-0-0-3', '5678-abcd--1', '5678-abcd--2', 'dup-name'].map(srv),
      additionals: [
        `172-0-0-2.${H} 5 A 172.0.0.2`,
        `172-0-0-3.${H} 5 A 172.0.0.3`,
        `dup-name.${H} 5 A 172.0.0.4`,
        `dup-name.${H} 5 A 172.0.0.5`,
        `5678-abcd--1.${H} 5 AAAA 5678:abcd::1`,
        `5678-abcd--2.${H} 5 AAAA 5678:abcd::2`,
      ],
    },
    { ask: `5678-abcd--1.${H} AAAA`, answers: [`5678-abcd--1.${H} 5 AAAA 5678:abcd::1`] },
    { ask: `5678-abcd--2.${H} AAAA`, answers: [`5678-abcd--2.${H} 5 AAAA 5678:abcd::2`] },
    nodata(`5678-abcd--2.${H} A`),
    { ask: `172-0-0-20.hdlsprtls.${Z} A`, answers: [`172-0-0-20.hdlsprtls.${Z} 5 A 172.0.0.20`] },
    { ask: `172-0-0-2.${H} A`, answers: [`172-0-0-2.${H} 5 A 172.0.0.2`] },
    { ask: `dup-name.${H} A`, answers: [`dup-name.${H} 5 A 172.0.0.4`, `dup-name.${H} 5 A 172.0.0.5`] },
    // An extension: endpoints of a service with a cluster IP have names too.
    { ask: `ep1a.svc1.${Z} A`, answers: [`ep1a.svc1.${Z} 5 A 172.0.0.1`] },
  ]);
});

test('what does not exist, and what exists without records', async () => {
  await check(FIXTURE_F, F, [
    nx(`svc0.${Z} A`),
    nx(`svc0.${Z} AAAA`),
    nx(`svc0.svc-nons.svc.cluster.local. A`),
    nx(`svc0.svc-nons.svc.cluster.local. TXT`),
    nx(`bogusendpoint.hdls1.${Z} A`),
    nx(`bogusendpoint.svc0.${Z} A`),
    nx(`_x._tcp.svc1.${Z} SRV`),
    nx(`_http._udp.svc1.${Z} SRV`),
    nx(`a.b.c.svc1.${Z} A`),
    nx('foo.cluster.local. NS'),
    nx('foo.svc.cluster.local. NS'),
    nx('svc1.unexposedns.svc.cluster.local. A'),
    nx('svc1.testns.pood.cluster.local. A'),
    nx('unexposedns.svc.cluster.local. A'),
    nx('100.0.0.10.cluster.local. PTR'),
    nx('example.org.cluster.local. PTR'),
    nodata('svc.cluster.local. A'),
    nodata('pod.cluster.local. A'),
    nodata(`${Z} A`),
    nodata(`${Z} NS`),
    nodata('svc.cluster.local. NS'),
    // Names exist below these: RFC 8020 (CoreDNS says NXDOMAIN).
    nodata(`_tcp.svc1.${Z} A`),
    nodata(`_tcp.hdls1.${Z} SRV`),
    nodata('dns.cluster.local. A'),
    nodata('dns-version.cluster.local. A'),
    { ask: 'dns-version.cluster.local. TXT', answers: ['dns-version.cluster.local. 28800 TXT "1.1.0"'] },
  ]);
});

test('the apex', async () => {
  await check(FIXTURE_F, F, [
    { ask: 'cluster.local. SOA', answers: [SOA] },
    nodata('cluster.local. A'),
    nodata('cluster.local. AAAA'),
    nodata('cluster.local. SRV'),
    nodata('cluster.local. HINFO'),
  ]);
});

test('letters of the question come back, service names in canonical case', async () => {
  const mixedSoa = SOA.replaceAll('cluster.local', 'ClUsTeR.lOcAl');
  const C = 'cLuStEr.LoCaL.';
  await check(FIXTURE_F, F, [
    { ask: 'not-a-service.testns.svc.ClUsTeR.lOcAl. A', rcode: 'NXDOMAIN', authorities: [mixedSoa] },
    { ask: `SvC1.TeStNs.SvC.${C} A`, answers: [`SvC1.TeStNs.SvC.${C} 5 A 10.0.0.1`] },
    {
      ask: `_HtTp._TcP.sVc1.TeStNs.SvC.${C} SRV`,
      answers: [`_HtTp._TcP.sVc1.TeStNs.SvC.${C} 5 SRV 0 100 80 svc1.testns.svc.${C}`],
      additionals: [`svc1.testns.svc.${C} 5 A 10.0.0.1`],
    },
    { ask: 'Cluster.local. SOA', answers: [SOA.replaceAll('cluster.local', 'Cluster.local')] },
  ]);
});

test('ExternalName: inside the cluster, and what is below it', async () => {
  const alias = `external-to-service.${Z} 5 CNAME svc1.${Z}`;
  await check(FIXTURE_F, F, [
    { ask: `external.${Z} CNAME`, answers: [`external.${Z} 5 CNAME ext.interwebs.test.`] },
    { ask: `external-to-service.${Z} A`, answers: [alias, `svc1.${Z} 5 A 10.0.0.1`] },
    { ask: `external-to-service.${Z} CNAME`, answers: [alias] },
    // The target exists without such a record.
    nodata(`external-to-service.${Z} AAAA`),
    nodata(`external.${Z} SRV`),
    nx(`endpoint.external.${Z} CNAME`),
    nx(`subdomain.subdomain.external.${Z} CNAME`),
  ]);
});

const PODS: readonly AnyObject[] = [namespace('podns'), namespace('svcns'), pod('podns/p', '10.240.0.1')];
const podA = (label: string, ip: string) => ({
  ask: `${label}.podns.pod.cluster.local. A`,
  answers: [`${label}.podns.pod.cluster.local. 5 A ${ip}`],
});

test('pod names: disabled, insecure, verified', async () => {
  const P = 'podns.pod.cluster.local.';
  await check(PODS, { kubernetes: { ttlSeconds: 5, pods: 'disabled' } }, [
    nx(`10-240-0-1.${P} A`),
    nx(`172-0-0-2.${P} A`),
    nx(`${P} A`),
  ]);
  await check(PODS, { kubernetes: { ttlSeconds: 5, pods: 'insecure' } }, [
    podA('10-240-0-1', '10.240.0.1'),
    podA('172-0-0-2', '172.0.0.2'),
    { ask: `fd00--1.${P} AAAA`, answers: [`fd00--1.${P} 5 AAAA fd00::1`] },
    nodata(`10-240-0-1.${P} AAAA`),
    nx(`blah.${P} A`),
    nx(`blah.${P} AAAA`),
    nx(`blah.${P} HINFO`),
    nx('blah.pod-nons.pod.cluster.local. A'),
    nx('10-240-0-1.pod-nons.pod.cluster.local. A'),
    nx(`x.10-240-0-1.${P} A`),
    nodata(`${P} A`),
  ]);
  await check(PODS, { kubernetes: { ttlSeconds: 5, pods: 'verified' } }, [
    podA('10-240-0-1', '10.240.0.1'),
    nx(`172-0-0-2.${P} A`),
    nodata(`${P} A`),
    nodata('svcns.svc.cluster.local. A'),
    nx('pod-nons.pod.cluster.local. A'),
  ]);
});

test('empty services can be hidden', async () => {
  await check(FIXTURE_F, { kubernetes: { ...F.kubernetes, ignoreEmptyService: true } }, [
    nx(`svcempty.${Z} A`),
    { ask: `svc1.${Z} A`, answers: [`svc1.${Z} 5 A 10.0.0.1`] },
    { ask: `external.${Z} CNAME`, answers: [`external.${Z} 5 CNAME ext.interwebs.test.`] },
  ]);
});

test('reverse names', async () => {
  const objects: AnyObject[] = [
    namespace('testns'),
    clusterIp('testns/svc1', '192.168.1.100', 'http:80'),
    slice('testns/svc1/a', ['http:80'], '10.0.0.100=ep1a', '10.0.0.99=double-ep'),
    slice('testns/svc1/b', ['http:80'], '10.0.0.100=ep1a'),
    slice('testns/svc1/c', ['http:80'], '1234:abcd::1=ep1b'),
    clusterIp('testns/svc2', '192.168.1.101', 'http:80'),
    slice('testns/svc2', ['http:80'], '10.0.0.99=double-ep'),
    clusterIp('testns/ip6svc1', '1234:abcd::9', 'http:80'),
  ];
  const [four, six] = ['0.10.in-addr.arpa', '168.192.in-addr.arpa'];
  const kubernetes = {
    ttlSeconds: 5,
    reverseZones: [zone(four), zone(six), zone('d.c.b.a.4.3.2.1.ip6.arpa')],
    fallthrough: [],
  };
  const soa = (z: string) => SOA.replaceAll('cluster.local', z);
  const v6 = (last: string) => `${last}.${'0.'.repeat(23)}d.c.b.a.4.3.2.1.ip6.arpa.`;
  const ptr = (owner: string, target: string) => `${owner} 5 PTR ${target}.${Z}`;
  await check(objects, { kubernetes }, [
    { ask: '100.0.0.10.in-addr.arpa. PTR', answers: [ptr('100.0.0.10.in-addr.arpa.', 'ep1a.svc1')] },
    { ask: '100.1.168.192.in-addr.arpa. PTR', answers: [ptr('100.1.168.192.in-addr.arpa.', 'svc1')] },
    {
      ask: '99.0.0.10.in-addr.arpa. PTR',
      answers: ['double-ep.svc1', 'double-ep.svc2'].map((t) => ptr('99.0.0.10.in-addr.arpa.', t)),
    },
    { ask: `${v6('1')} PTR`, answers: [ptr(v6('1'), 'ep1b.svc1')] },
    { ask: `${v6('9')} PTR`, answers: [ptr(v6('9'), 'ip6svc1')] },
    { ask: '101.0.0.10.in-addr.arpa. PTR', rcode: 'NXDOMAIN', authorities: [soa(four)] },
    { ask: '0.0.10.in-addr.arpa. PTR', authorities: [soa(four)] },
    { ask: `svc1.testns.svc.${four}. A`, rcode: 'NXDOMAIN', authorities: [soa(four)] },
    nx('100.0.0.10.cluster.local. PTR'),
  ]);
});

test('endpoints by zone, when asked for', async () => {
  const objects: AnyObject[] = [
    namespace('ns'),
    clusterIp('ns/hdl', 'None', 'http:80'),
    slice('ns/hdl', ['http:80'], '10.0.0.1@zone-2a', '10.0.0.2@zone-2b', '10.0.0.3@zone-2b'),
    clusterIp('ns/svc', '10.9.0.1', 'http:80'),
    slice('ns/svc', ['http:80'], '10.0.1.1@zone-2a'),
  ];
  const H = 'hdl.ns.svc.cluster.local.';
  const a = (name: string, ...ips: string[]) => ({ ask: `${name} A`, answers: ips.map((ip) => `${name} 5 A ${ip}`) });
  await check(objects, { kubernetes: { ttlSeconds: 5, zonal: true } }, [
    a(`zone-2a.pin._zone.${H}`, '10.0.0.1'),
    a(`zone-2b.pin._zone.${H}`, '10.0.0.2', '10.0.0.3'),
    nodata(`zone-2c.pin._zone.${H} A`),
    a(`zone-2b.prefer._zone.${H}`, '10.0.0.2', '10.0.0.3'),
    a(`zone-2c.prefer._zone.${H}`, '10.0.0.1', '10.0.0.2', '10.0.0.3'),
    nodata(`zone-2a.pin._zone.${H} TXT`),
    nx('zone-2a.pin._zone.ghost.ns.svc.cluster.local. A'),
    nx('zone-2a.pin._zone.svc.ns.svc.cluster.local. A'),
    nx(`zone-2a.florp._zone.${H} A`),
    {
      ask: `zone-2b.pin._zone.${H} SRV`,
      answers: ['10-0-0-2', '10-0-0-3'].map((l) => `zone-2b.pin._zone.${H} 5 SRV 0 50 80 ${l}.${H}`),
      additionals: [`10-0-0-2.${H} 5 A 10.0.0.2`, `10-0-0-3.${H} 5 A 10.0.0.3`],
    },
    {
      ask: `zone-2c.prefer._zone.${H} SRV`,
      answers: ['10-0-0-1', '10-0-0-2', '10-0-0-3'].map((l) => `zone-2c.prefer._zone.${H} 5 SRV 0 33 80 ${l}.${H}`),
      additionals: ['1', '2', '3'].map((n) => `10-0-0-${n}.${H} 5 A 10.0.0.${n}`),
    },
  ]);
  await check(objects, { kubernetes: { ttlSeconds: 5 } }, [nx(`zone-2a.pin._zone.${H} A`)]);
});

test('records of the DNS service itself: NS through the Services that lead here', async () => {
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find((a) => !a.internal && a.family === 'IPv4')?.address;
  assert.ok(own !== undefined, 'a machine with an address');
  const objects: AnyObject[] = [
    namespace('kube-system'),
    clusterIp('kube-system/kube-dns', ['10.0.0.111', '10::111'], 'dns:53/UDP'),
    slice('kube-system/kube-dns', ['dns:53/UDP'], own),
    clusterIp('kube-system/hdls-dns', 'None', 'dns:53/UDP'),
    slice('kube-system/hdls-dns', ['dns:53/UDP'], own),
  ];
  const label = `${own.replaceAll('.', '-')}.hdls-dns.kube-system.svc.cluster.local.`;
  const dns = 'kube-dns.kube-system.svc.cluster.local.';
  await check(objects, { kubernetes: { ttlSeconds: 5 } }, [
    {
      ask: 'cluster.local. NS',
      answers: [`cluster.local. 5 NS ${dns}`, `cluster.local. 5 NS ${label}`],
      additionals: [`${dns} 5 A 10.0.0.111`, `${dns} 5 AAAA 10::111`, `${label} 5 A ${own}`],
    },
  ]);
});
