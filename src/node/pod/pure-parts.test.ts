// Tables for the pure parts of a pod: variables, name resolution, hosts, resources.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { core, Pod } from '../../api/objects.ts';
import { ContainerConfigError, containerEnv, type EnvSources } from './container-env.ts';
import { formatResolvConf, parseResolvConf, podResolver } from './dns-config.ts';
import { fieldValue, resourceValue, type DownwardFacts } from './downward.ts';
import { expand } from './expand.ts';
import { hostPortRules } from '../host-ports/plan.ts';
import { changedUdpPorts, isStaleFlow } from '../host-ports/stale-flows.ts';
import { podHostsFile } from './hosts-file.ts';
import { hostnameOf, hostPorts, podFqdn } from './pod-spec.ts';
import { oomScoreAdj, qosClass, quantityValue, resourceLimits } from './qos.ts';
import { formatDelay, RestartBackOff } from './restart-back-off.ts';
import { serviceVariables } from './service-env.ts';

function podWith(spec: Partial<core.PodSpec>, o: { name?: string; status?: core.PodStatus } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: o.name ?? 'pod',
      namespace: 'ns',
      uid: 'uid-1',
      resourceVersion: '1',
      creationTimestamp: '2024-01-01T00:00:00Z',
      labels: { b: '2', a: 'x"y' },
    },
    spec: { containers: [{ name: 'c', image: 'portico/web' }], ...spec },
    ...(o.status === undefined ? {} : { status: o.status }),
  };
}

test('expand() replaces what it knows and keeps what it does not', () => {
  const v = new Map([
    ['A', 'one'],
    ['B_C', '$(A)'],
  ]);
  const cases: [text: string, expanded: string][] = [
    ['$(A)', 'one'],
    ['x$(A)y$(A)', 'xoneyone'],
    ['$(NOPE)', '$(NOPE)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$(B_C)', '$(A)'],
    ['$', '$'],
    ['$(A', '$(A'],
    ['$A ${A}', '$A ${A}'],
    ['', ''],
  ];
  for (const [text, expanded] of cases) assert.equal(expand(text, v), expanded, text);
});

test('serviceVariables() are those of Docker links', () => {
  const services = [
    {
      namespace: 'default',
      name: 'kubernetes',
      clusterIp: '10.96.0.1',
      ports: [{ name: 'https', port: 443, protocol: 'TCP' }],
    },
    {
      namespace: 'ns',
      name: 'my-db',
      clusterIp: 'fd00::5',
      ports: [
        { name: '', port: 53, protocol: 'UDP' },
        { name: 'web-ui', port: 80, protocol: 'TCP' },
      ],
    },
    { namespace: 'ns', name: 'headless', clusterIp: 'None', ports: [{ name: '', port: 1, protocol: 'TCP' }] },
    { namespace: 'other', name: 'far', clusterIp: '10.96.0.9', ports: [{ name: '', port: 1, protocol: 'TCP' }] },
  ];
  const text = (links: boolean) =>
    serviceVariables(services, { namespace: 'ns', enableServiceLinks: links }).map(([k, v]) => `${k}=${v}`);
  const kubernetes = [
    'KUBERNETES_SERVICE_HOST=10.96.0.1',
    'KUBERNETES_SERVICE_PORT=443',
    'KUBERNETES_SERVICE_PORT_HTTPS=443',
    'KUBERNETES_PORT=tcp://10.96.0.1:443',
    'KUBERNETES_PORT_443_TCP=tcp://10.96.0.1:443',
    'KUBERNETES_PORT_443_TCP_PROTO=tcp',
    'KUBERNETES_PORT_443_TCP_PORT=443',
    'KUBERNETES_PORT_443_TCP_ADDR=10.96.0.1',
  ];
  assert.deepEqual(text(false), kubernetes);
  assert.deepEqual(text(true), [
    ...kubernetes,
    'MY_DB_SERVICE_HOST=fd00::5',
    'MY_DB_SERVICE_PORT=53',
    'MY_DB_SERVICE_PORT_WEB_UI=80',
    'MY_DB_PORT=udp://[fd00::5]:53',
    'MY_DB_PORT_53_UDP=udp://[fd00::5]:53',
    'MY_DB_PORT_53_UDP_PROTO=udp',
    'MY_DB_PORT_53_UDP_PORT=53',
    'MY_DB_PORT_53_UDP_ADDR=fd00::5',
    'MY_DB_PORT_80_TCP=tcp://[fd00::5]:80',
    'MY_DB_PORT_80_TCP_PROTO=tcp',
    'MY_DB_PORT_80_TCP_PORT=80',
    'MY_DB_PORT_80_TCP_ADDR=fd00::5',
  ]);
});

const host = { nameservers: ['192.0.2.1'], searches: ['corp.example'], options: ['edns0'] };
const dns = { clusterDns: ['10.96.0.10'], clusterDomain: 'cluster.local', host };

test('podResolver() follows dnsPolicy and dnsConfig', () => {
  const inCluster =
    'nameserver 10.96.0.10\nsearch ns.svc.cluster.local svc.cluster.local cluster.local corp.example\noptions ndots:5\n';
  const onHost = 'nameserver 192.0.2.1\nsearch corp.example\noptions edns0\n';
  const cases: [title: string, spec: Partial<core.PodSpec>, file: string][] = [
    ['ClusterFirst', {}, inCluster],
    ['ClusterFirst on the host network', { hostNetwork: true }, onHost],
    ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, inCluster],
    ['Default', { dnsPolicy: 'Default' }, onHost],
    [
      'None',
      {
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['1.1.1.1'],
          searches: ['x.y'],
          options: [{ name: 'ndots', value: '2' }, { name: 'debug' }],
        },
      },
      'nameserver 1.1.1.1\nsearch x.y\noptions ndots:2 debug\n',
    ],
    [
      'additions to ClusterFirst',
      {
        dnsConfig: {
          nameservers: ['1.1.1.1', '10.96.0.10'],
          searches: ['x.y'],
          options: [{ name: 'ndots', value: '1' }],
        },
      },
      'nameserver 10.96.0.10\nnameserver 1.1.1.1\nsearch ns.svc.cluster.local svc.cluster.local cluster.local corp.example x.y\noptions ndots:1\n',
    ],
  ];
  for (const [title, spec, file] of cases)
    assert.equal(formatResolvConf(podResolver(podWith(spec), dns).config), file, title);
});

test('podResolver() keeps the limits and says what it dropped', () => {
  const searches = Array.from({ length: 40 }, (_, i) => `s${i}.example`);
  const pod = podWith({
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4'], searches },
  });
  const { config, problems } = podResolver(pod, dns);
  assert.equal(config.nameservers.length, 3);
  assert.equal(config.searches.length, 32);
  assert.deepEqual(problems, [
    'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.1.1.1 2.2.2.2 3.3.3.3',
    `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.slice(0, 32).join(' ')}`,
  ]);
});

test('parseResolvConf() reads what resolv.conf(5) allows', () => {
  assert.deepEqual(
    parseResolvConf('# c\nnameserver 1.1.1.1 # x\ndomain old\nsearch a b\noptions ndots:2 rotate\n; x\nnameserver ::1'),
    {
      nameservers: ['1.1.1.1', '::1'],
      searches: ['a', 'b'],
      options: ['ndots:2', 'rotate'],
    },
  );
});

test('podHostsFile() names the pod, its service name and its aliases', () => {
  const pod = podWith({ hostname: 'h', subdomain: 'sub', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] });
  const text = podHostsFile(pod, { podIps: ['10.0.0.1', 'fd00::1'], clusterDomain: 'cluster.local', host: '' });
  assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(text, /10\.0\.0\.1\th\.sub\.ns\.svc\.cluster\.local\th\nfd00::1\th\.sub\.ns\.svc\.cluster\.local\th\n/);
  assert.match(text, /# Entries added by HostAliases\.\n1\.2\.3\.4\ta\tb\n$/);
  const onHost = podHostsFile(podWith({ hostNetwork: true }), {
    podIps: [],
    clusterDomain: 'x',
    host: '127.0.0.1 me\n',
  });
  assert.equal(onHost, '# Kubernetes-managed hosts file (host network).\n127.0.0.1 me\n');
});

test('host names: from the spec, the pod, or the node', () => {
  assert.equal(hostnameOf(podWith({}), 'node-1'), 'pod');
  assert.equal(hostnameOf(podWith({ hostname: 'h' }), 'node-1'), 'h');
  const override: Partial<core.PodSpec> & { hostnameOverride: string } = { hostname: 'h', hostnameOverride: 'o' };
  assert.equal(hostnameOf(podWith(override), 'node-1'), 'o');
  assert.equal(hostnameOf(podWith({ hostNetwork: true, hostname: 'h' }), 'node-1'), 'node-1');
  assert.equal(hostnameOf(podWith({}, { name: `${'a'.repeat(62)}-b` }), 'node-1'), 'a'.repeat(62));
  assert.equal(podFqdn(podWith({}), 'cluster.local'), undefined);
});

test('hostPorts() asks for each protocol and address once', () => {
  const c: core.Container = {
    name: 'c',
    ports: [
      { containerPort: 80 },
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '192.0.2.1' },
      { containerPort: 54, hostPort: 54, hostIP: '0.0.0.0' },
    ],
  };
  assert.deepEqual(hostPorts(podWith({ containers: [c] })), [
    { protocol: 'TCP', hostPort: 8080, containerPort: 80, hostIp: '' },
    { protocol: 'UDP', hostPort: 53, containerPort: 53, hostIp: '192.0.2.1' },
    { protocol: 'TCP', hostPort: 54, containerPort: 54, hostIp: '' },
  ]);
});

test('hostPortRules() for both families', () => {
  const pods = [
    {
      pod: 'ns/p',
      ips: ['10.0.0.1', 'fd00::1'],
      ports: [
        { protocol: 'TCP' as const, hostPort: 8080, containerPort: 80, hostIp: '' },
        { protocol: 'UDP' as const, hostPort: 53, containerPort: 53, hostIp: '192.0.2.1' },
      ],
    },
  ];
  assert.equal(
    hostPortRules(pods, 'IPv4'),
    `*nat
:KUBE-HOSTPORTS - [0:0]
:KUBE-HOSTPORT-MASQ - [0:0]
-A KUBE-HOSTPORTS -p tcp -m tcp --dport 8080 -m comment --comment "ns/p hostport 8080" -j DNAT --to-destination 10.0.0.1:80
-A KUBE-HOSTPORTS -d 192.0.2.1 -p udp -m udp --dport 53 -m comment --comment "ns/p hostport 53" -j DNAT --to-destination 10.0.0.1:53
-A KUBE-HOSTPORT-MASQ -s 10.0.0.1 -d 10.0.0.1 -j MASQUERADE
-A KUBE-HOSTPORT-MASQ -s 127.0.0.0/8 -d 10.0.0.1 -j MASQUERADE
COMMIT
*filter
:KUBE-HOSTPORT-GUARD - [0:0]
-A KUBE-HOSTPORT-GUARD -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
COMMIT
`,
  );
  assert.match(hostPortRules(pods, 'IPv6'), /--to-destination \[fd00::1\]:80\n-A KUBE-HOSTPORT-MASQ/);
  assert.equal(hostPortRules([], 'IPv6').split('\n').length, 5);
});

test('UDP flows are stale when their host port leads elsewhere now', () => {
  const udp = (hostIp = '', hostPort = 53) => ({ protocol: 'UDP' as const, hostPort, containerPort: 5353, hostIp });
  const tcp = { ...udp(), protocol: 'TCP' as const };
  const [old, now] = [
    { pod: 'ns/old', ips: ['10.0.0.1'], ports: [udp(), tcp] },
    { pod: 'ns/now', ips: ['10.0.0.2'], ports: [udp('192.0.2.1')] },
  ];
  assert.deepEqual(changedUdpPorts([old], [now]), [53]);
  assert.deepEqual(changedUdpPorts([old], [old]), []);
  assert.deepEqual(changedUdpPorts([], [{ ...now, ports: [tcp] }]), [], 'TCP clients notice by themselves');
  const flow = (destination: string, source: string) => ({
    original: { destination, destinationPort: 53 },
    reply: { source, sourcePort: 5353 },
  });
  const isLocal = (ip: string) => ip.startsWith('192.0.2.');
  const cases: [destination: string, answeredBy: string, stale: boolean][] = [
    ['192.0.2.1', '10.0.0.1', true],
    ['192.0.2.1', '10.0.0.2', false],
    ['192.0.2.7', '10.0.0.2', true],
    ['198.51.100.1', '198.51.100.1', false],
  ];
  for (const [destination, answeredBy, stale] of cases) {
    assert.equal(isStaleFlow(flow(destination, answeredBy), [now], isLocal), stale, `${destination} by ${answeredBy}`);
  }
});

const limited = (requests: Record<string, string>, limits: Record<string, string>): core.Container => ({
  name: 'c',
  resources: { requests, limits },
});
const facts: DownwardFacts = {
  pod: podWith({ containers: [limited({ cpu: '100m' }, { cpu: '1500m', memory: '64Mi' })], serviceAccountName: 'sa' }),
  nodeName: 'node-1',
  hostIps: ['172.30.0.11'],
  podIps: ['10.0.0.1', 'fd00::1'],
  allocatable: { cpu: 4, memory: 2 ** 30 },
};

test('fieldValue() and resourceValue() are the downward API', () => {
  const fields: [path: string, value: string][] = [
    ['metadata.name', 'pod'],
    ['metadata.namespace', 'ns'],
    ['metadata.uid', 'uid-1'],
    ["metadata.labels['b']", '2'],
    ["metadata.labels['none']", ''],
    ['metadata.labels', 'a="x\\"y"\nb="2"'],
    ['metadata.annotations', ''],
    ['spec.nodeName', 'node-1'],
    ['spec.serviceAccountName', 'sa'],
    ['status.hostIP', '172.30.0.11'],
    ['status.podIP', '10.0.0.1'],
    ['status.podIPs', '10.0.0.1,fd00::1'],
  ];
  for (const [path, value] of fields) assert.equal(fieldValue(path, facts), value, path);
  assert.throws(() => fieldValue('spec.priority', facts), /unsupported fieldPath/);
  const resources: [resource: string, divisor: string | undefined, value: string][] = [
    ['limits.cpu', undefined, '2'],
    ['limits.cpu', '1m', '1500'],
    ['requests.cpu', '1m', '100'],
    ['limits.memory', '1Mi', '64'],
    ['requests.memory', '1', String(64 * 2 ** 20)],
    ['limits.ephemeral-storage', undefined, '0'],
  ];
  for (const [resource, divisor, value] of resources) {
    const ref = { resource, ...(divisor === undefined ? {} : { divisor }) };
    assert.equal(resourceValue(ref, 'c', facts), value, `${resource} / ${divisor}`);
  }
  assert.throws(
    () => resourceValue({ resource: 'limits.cpu', containerName: 'x' }, 'c', facts),
    /unable to find the container x/,
  );
});

test('containerEnv() puts sources together in order and says what is missing', () => {
  const sources: EnvSources = {
    configMap: (name) => (name === 'cm' ? { A: 'from-map', 'not a name': 'x', B: 'b' } : undefined),
    secret: (name) => (name === 's' ? { KEY: 'secret' } : undefined),
    facts,
    services: [['A', 'from-service']],
    defaults: [['PATH', '/bin']],
  };
  const env = containerEnv(
    {
      name: 'c',
      envFrom: [
        { configMapRef: { name: 'cm' }, prefix: 'P_' },
        { configMapRef: { name: 'cm' } },
        { secretRef: { name: 'no', optional: true } },
      ],
      env: [
        { name: 'X', value: '$(A)/$(P_B)/$(LATER)' },
        { name: 'LATER', value: '1' },
        { name: 'S', valueFrom: { secretKeyRef: { name: 's', key: 'KEY' } } },
        { name: 'GONE', valueFrom: { configMapKeyRef: { name: 'cm', key: 'no', optional: true } } },
        { name: 'EMPTY' },
      ],
    },
    sources,
  );
  assert.deepEqual(Object.fromEntries(env), {
    PATH: '/bin',
    A: 'from-map',
    P_A: 'from-map',
    P_B: 'b',
    B: 'b',
    X: 'from-map/b/$(LATER)',
    LATER: '1',
    S: 'secret',
    EMPTY: '',
  });
  const fails: [c: Partial<core.Container>, message: RegExp][] = [
    [{ envFrom: [{ configMapRef: { name: 'no' } }] }, /^configmap "no" not found$/],
    [{ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'no', key: 'k' } } }] }, /^secret "no" not found$/],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
      /^couldn't find key k in Secret ns\/s$/,
    ],
  ];
  for (const [c, message] of fails) {
    assert.throws(
      () => containerEnv({ name: 'c', ...c }, sources),
      (e: unknown) => e instanceof ContainerConfigError && message.test(e.message),
    );
  }
});

test('quantityValue() and resourceLimits()', () => {
  const cases: [text: string, value: number | undefined][] = [
    ['500m', 0.5],
    ['1', 1],
    ['1.5', 1.5],
    ['1Gi', 2 ** 30],
    ['2e3', 2000],
    ['1k', 1000],
    ['abc', undefined],
  ];
  for (const [text, value] of cases) assert.equal(quantityValue(text), value, text);
  assert.deepEqual(resourceLimits(limited({ cpu: '100m' }, { cpu: '0.5', memory: '1Ki' })), {
    cpuMillis: 500,
    cpuRequestMillis: 100,
    memoryBytes: 1024,
  });
});

test('oomScoreAdj()', () => {
  const adj = (c: core.Container) => oomScoreAdj(podWith({ containers: [c] }), c, 2 ** 30);
  assert.equal(adj({ name: 'c' }), 1000);
  assert.equal(adj(limited({}, { cpu: '1', memory: '1Gi' })), 0);
  assert.equal(adj(limited({ memory: '512Mi' }, {})), 500);
  assert.equal(adj(limited({ cpu: '1' }, {})), 999);
  assert.equal(adj(limited({ memory: '2Gi' }, {})), 3);
});

test('qosClass()', () => {
  const cases: [c: core.Container, qos: string][] = [
    [{ name: 'c' }, 'BestEffort'],
    [limited({ cpu: '1' }, {}), 'Burstable'],
    [limited({}, { cpu: '1', memory: '1Gi' }), 'Guaranteed'],
    [limited({ cpu: '1', memory: '1Gi' }, { cpu: '1000m', memory: '1024Mi' }), 'Guaranteed'],
    [limited({ cpu: '500m', memory: '1Gi' }, { cpu: '1', memory: '1Gi' }), 'Burstable'],
  ];
  for (const [c, qos] of cases) assert.equal(qosClass(podWith({ containers: [c] })), qos);
});

test('RestartBackOff: at once, then 10 s doubled up to 5 minutes, forgotten after 10 quiet minutes', () => {
  const b = new RestartBackOff();
  let now = 1_000_000;
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const at = b.nextStartMs('c', now);
    waits.push((at - now) / 1000);
    now = at;
    b.raise('c', now);
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(b.nextStartMs('c', now + 601_000), now + 601_000);
  assert.deepEqual([10_000, 80_000, 300_000].map(formatDelay), ['10s', '1m20s', '5m0s']);
});
