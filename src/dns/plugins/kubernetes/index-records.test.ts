// The index against itself: after any history of objects it answers as one that was built from the last state.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, encodeQuery, formatName, formatRecord, parseName, parseQuery } from '../../../dnswire/index.ts';
import { packAddress, QueryView, reverseName, Type } from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import { ClusterZone } from './cluster-zone.ts';
import type { DnsService, DnsSlice } from './dns-objects.ts';
import { RecordIndex } from './index-records.ts';
import type { IndexOptions } from './index-records.ts';
import { createKubernetesPlugin } from './kubernetes.ts';
import { endpointLabel } from './service-records.ts';

const ZONE = parseName('cluster.local');
const ARPA = parseName('in-addr.arpa');
const OPEN: IndexOptions = {
  zones: [ZONE],
  reverseZones: [ARPA],
  openReverseZones: [ARPA],
  podNames: true,
  endpointPodNames: false,
  ignoreEmptyService: false,
};
const CLOSED: IndexOptions = { ...OPEN, openReverseZones: [] };
const IGNORING: IndexOptions = { ...OPEN, ignoreEmptyService: true };

type Step =
  | { kind: 'service'; key: string; value: DnsService | undefined }
  | { kind: 'slice'; key: string; value: DnsSlice | undefined }
  | { kind: 'namespace'; key: string; value: boolean }
  | { kind: 'ask' };

const NAMES = ['a', 'b'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.1.1'];
const port = fc.record({
  name: fc.constantFrom('', 'http', 'dns'),
  protocol: fc.constantFrom('tcp', 'udp'),
  port: fc.constantFrom(80, 53),
});
const id = fc.tuple(fc.constantFrom('n1', 'n2'), fc.constantFrom(...NAMES));
const serviceValue = fc.record({
  type: fc.constantFrom('ClusterIP' as const, 'Headless' as const, 'ExternalName' as const),
  ip: fc.constantFrom('', ...ADDRESSES),
  ports: fc.array(port, { maxLength: 2 }),
  external: fc.constantFrom('x.example', '10.0.0.1', 'a.n1.svc.cluster.local'),
});
const service: fc.Arbitrary<Step> = fc
  .tuple(id, fc.option(serviceValue, { nil: undefined }))
  .map(([[namespace, name], v]) => ({
    kind: 'service',
    key: `${namespace}/${name}`,
    value:
      v === undefined
        ? undefined
        : {
            namespace,
            name,
            revision: '1',
            type: v.type,
            clusterIps: v.type === 'ClusterIP' && v.ip !== '' ? [v.ip] : [],
            externalName: v.type === 'ExternalName' ? v.external : '',
            external: undefined,
            ports: v.ports,
            changedAtMs: 0,
          },
  }));
const endpoints = fc.uniqueArray(fc.constantFrom(...ADDRESSES), { maxLength: 3 });
const slice: fc.Arbitrary<Step> = fc
  .tuple(
    id,
    fc.constantFrom('x', 'y'),
    fc.option(
      fc.record({ endpoints, hostname: fc.constantFrom('', 'web-0'), ports: fc.array(port, { maxLength: 2 }) }),
      { nil: undefined },
    ),
  )
  .map(([[namespace, name], suffix, v]) => ({
    kind: 'slice',
    // The key says nothing about the service: a slice may change its owner.
    key: `${namespace}/${suffix}`,
    value:
      v === undefined
        ? undefined
        : {
            namespace,
            name: suffix,
            service: name,
            revision: '1',
            ports: v.ports,
            endpoints: {
              addresses: v.endpoints,
              hostnames: v.hostname === '' ? undefined : v.endpoints.map(() => v.hostname),
              pods: undefined,
              zones: undefined,
            },
            notReady: 0,
            changedAtMs: 0,
          },
  }));
const namespace: fc.Arbitrary<Step> = fc
  .tuple(fc.constantFrom('n1', 'n2'), fc.boolean())
  .map(([key, value]) => ({ kind: 'namespace', key, value }));
const history = fc.array(fc.oneof(service, slice, namespace, fc.constant<Step>({ kind: 'ask' })), { maxLength: 40 });

const clusterIpService = (namespace: string, ...clusterIps: string[]): Step => ({
  kind: 'service',
  key: `${namespace}/a`,
  value: {
    namespace,
    name: 'a',
    revision: '1',
    type: 'ClusterIP',
    clusterIps,
    externalName: '',
    external: undefined,
    ports: [],
    changedAtMs: 0,
  },
});
const oneEndpoint = (namespace: string): Step => ({
  kind: 'slice',
  key: `${namespace}/x`,
  value: {
    namespace,
    name: 'x',
    service: 'a',
    revision: '1',
    ports: [],
    endpoints: { addresses: ['10.0.0.1'], hostnames: undefined, pods: undefined, zones: undefined },
    notReady: 0,
    changedAtMs: 0,
  },
});
/** Two services share an endpoint; the second of them gets its name after the address was asked for. */
const LATE_SECOND: Step[] = [
  oneEndpoint('n1'),
  oneEndpoint('n2'),
  clusterIpService('n1'),
  clusterIpService('n2', '10.0.0.2'),
  { kind: 'ask' },
  clusterIpService('n1', '10.0.1.1'),
];

class World {
  readonly services = new Map<string, DnsService>();
  readonly slices = new Map<string, DnsSlice>();
  readonly namespaces = new Set<string>();

  apply(step: Step, index: RecordIndex): void {
    if (step.kind === 'service') {
      if (step.value === undefined) this.services.delete(step.key);
      else this.services.set(step.key, step.value);
      index.setService(step.key, step.value);
    } else if (step.kind === 'slice') {
      const before = this.slices.get(step.key);
      if (step.value === undefined) this.slices.delete(step.key);
      else this.slices.set(step.key, step.value);
      index.setSlice(step.key, before, step.value);
    } else if (step.kind === 'namespace') {
      if (step.value) this.namespaces.add(step.key);
      else this.namespaces.delete(step.key);
      index.setNamespace(step.key, step.value ? { name: step.key, revision: '1' } : undefined);
    }
  }

  rebuild(options: IndexOptions): RecordIndex {
    const index = new RecordIndex(options);
    for (const name of this.namespaces) index.setNamespace(name, { name, revision: '1' });
    for (const [key, value] of this.slices) index.setSlice(key, undefined, value);
    for (const [key, value] of this.services) index.setService(key, value);
    index.commit();
    return index;
  }
}

/** Every name that could exist in this world, and neighbours of them. */
const PROBES: WireName[] = ['n1', 'n2'].flatMap((ns) => [
  parseName(`${ns}.svc.cluster.local`),
  parseName(`${ns}.pod.cluster.local`),
  ...NAMES.flatMap((name) => {
    const base = `${name}.${ns}.svc.cluster.local`;
    const labels = [
      'web-0',
      '10-0-0-1',
      '10-0-0-2',
      '10-0-1-1',
      '_tcp',
      '_udp',
      '_http._tcp',
      '_dns._udp',
      '_http._udp',
      'nope',
    ];
    return [parseName(base), ...labels.map((label) => parseName(`${label}.${base}`))];
  }),
]);
PROBES.push(
  ...ADDRESSES.map((a) => reverseName(packAddress(a) ?? '')),
  parseName('0.0.10.in-addr.arpa'),
  parseName('10.in-addr.arpa'),
);

const TYPES = ['A', 'SRV', 'PTR', 'CNAME'] as const;
const QUESTIONS = PROBES.flatMap((name) =>
  TYPES.map((type) => ({ name, type: Type[type], packet: encodeQuery({ name: formatName(name), type }) })),
);
const view = new QueryView();
const out = Buffer.alloc(65_535);

/** What every question gets: the values, and what the prepared reply says. */
function answers(index: RecordIndex, options: IndexOptions): string[] {
  const zone = new ClusterZone({
    zones: options.zones,
    reverseZones: options.reverseZones,
    fallthrough: options.openReverseZones,
    ttlSeconds: 30,
    pods: 'insecure',
    zonal: false,
    index,
    synced: () => true,
    hasPod: () => false,
    localAddresses: () => [],
    serial: () => 1,
  });
  const resolve = () => Promise.reject(new Error('nothing is followed here'));
  const plugin = createKubernetesPlugin({ zone, recursion: false, resolve });
  const text = (...records: ResourceRecord[]) => records.map(formatRecord).toSorted().join('|');
  return QUESTIONS.map(({ name, type, packet }) => {
    const found = zone.answer(name, name, type);
    const records = found.kind === 'records' ? text(...found.answers, ...found.additionals) : '';
    const target = found.kind === 'alias' ? found.target : '';
    assert.equal(parseQuery(packet, packet.length, view), 'ok');
    const length = plugin.fast(view, packet, out, 65_535);
    const reply = length === 0 ? undefined : decodeMessage(out.subarray(0, length));
    const prepared =
      reply === undefined ? '' : `${reply.rcode} ${text(...reply.answers, ...reply.authorities, ...reply.additionals)}`;
    return `${formatName(name)} ${type} ${found.kind} ${target} ${records} / ${prepared}`;
  });
}

for (const [what, options] of [
  ['open reverse zones', OPEN],
  ['closed reverse zones', CLOSED],
  ['empty services ignored', IGNORING],
] as const)
  test(`after any history the answers are those of a rebuilt index (${what})`, () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = new World();
        const index = new RecordIndex(options);
        for (const step of steps) {
          if (step.kind === 'ask') {
            index.commit();
            answers(index, options);
          } else world.apply(step, index);
        }
        index.commit();
        const rebuilt = world.rebuild(options);
        assert.deepEqual(answers(index, options), answers(rebuilt, options));
        assert.deepEqual(existing(index), existing(rebuilt));
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 100), examples: [[LATE_SECOND]] },
    );
  });

/** Names with a source of their own or below them; what questions have added comes and goes. */
function existing(index: RecordIndex): string[] {
  return [...index.entries()]
    .map((e) => e.key)
    .filter((key) => !key.endsWith('\x04arpa\0') && !/^[^]web-0|^[^]10-/.test(key))
    .toSorted();
}

test('an empty non-terminal lives exactly as long as a name below it', () => {
  const index = new RecordIndex(OPEN);
  const name = parseName('_tcp.a.n1.svc.cluster.local');
  const base: DnsService = {
    namespace: 'n1',
    name: 'a',
    revision: '1',
    type: 'ClusterIP',
    clusterIps: ['10.0.0.1'],
    externalName: '',
    external: undefined,
    ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    changedAtMs: 0,
  };
  index.setService('n1/a', base);
  index.commit();
  assert.ok(index.find(name) !== undefined);
  // No namespace object yet: its name exists because the service's name does.
  assert.ok(index.find(parseName('n1.svc.cluster.local')) !== undefined);
  index.setService('n1/a', { ...base, ports: [] });
  index.commit();
  assert.equal(index.find(name), undefined);
  index.setService('n1/a', undefined);
  index.commit();
  assert.equal(index.find(parseName('n1.svc.cluster.local')), undefined);
  assert.ok(index.find(parseName('svc.cluster.local')) !== undefined);
});

test('commit() counts only what DNS can see', () => {
  const index = new RecordIndex(OPEN);
  const base = { namespace: 'n1', name: 'x', service: 'a', revision: '1', notReady: 0, changedAtMs: 0 };
  const ports = [
    { name: 'http', protocol: 'tcp', port: 80 },
    { name: 'dns', protocol: 'udp', port: 53 },
  ];
  const none = { hostnames: undefined, pods: undefined, zones: undefined };
  const first: DnsSlice = { ...base, ports, endpoints: { addresses: ['10.0.0.1'], ...none } };
  const headless: DnsService = {
    namespace: 'n1',
    name: 'a',
    revision: '1',
    type: 'Headless',
    clusterIps: [],
    externalName: '',
    external: undefined,
    ports: [],
    changedAtMs: 0,
  };
  index.commit();
  index.setSlice('n1/x', undefined, first);
  assert.equal(index.commit(), 0, 'slices of no service');
  index.setService('n1/a', headless);
  assert.equal(index.commit(), 1);
  index.setService('n1/a', { ...headless, revision: '2' });
  const neutral = { ...first, revision: '2', notReady: 3, ports: ports.toReversed() };
  index.setSlice('n1/x', first, neutral);
  assert.equal(index.commit(), 0, 'another revision, order of ports, unready endpoints');
  index.setSlice('n1/x', neutral, { ...first, endpoints: { addresses: ['10.0.0.2'], ...none } });
  assert.equal(index.commit(), 1);
});

test('labels of endpoints', () => {
  const rows: [address: string, hostname: string, pod: string, usePodNames: boolean, label: string][] = [
    ['10.11.12.13', '', '', false, '10-11-12-13'],
    ['10.11.12.13', 'epname', '', false, 'epname'],
    ['10.11.12.13', '', 'hello-abcde', false, '10-11-12-13'],
    ['10.11.12.13', 'epname', 'hello-abcde', false, 'epname'],
    ['10.11.12.13', 'epname', 'hello-abcde', true, 'epname'],
    ['10.11.12.13', '', 'hello-abcde', true, 'hello-abcde'],
    ['2001:db8:3333:4444:5555:6666:7777:8888', '', '', false, '2001-db8-3333-4444-5555-6666-7777-8888'],
    ['2001:db8:3333:4444:5555:6666::', '', '', false, '2001-db8-3333-4444-5555-6666--0'],
    ['10.11.12.13', '', 'x'.repeat(64), true, '10-11-12-13'],
  ];
  for (const [address, hostname, pod, usePodNames, label] of rows) {
    const endpoints = { addresses: [address], hostnames: [hostname], pods: [pod], zones: undefined };
    assert.equal(endpointLabel(endpoints, 0, usePodNames), label);
  }
});
