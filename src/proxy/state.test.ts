import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice } from './fixtures/objects.ts';
import { sameState } from './state.ts';
import { serviceView, sliceView } from './views.ts';

const PORTS = [{ name: 'p', port: 80 }];
const SLICE_PORTS = [{ name: 'p', port: 8080 }];

test('services that are not ours have no state', () => {
  const labels = (label: string) => ({
    metadata: {
      uid: '',
      resourceVersion: '',
      creationTimestamp: '',
      name: 'x',
      namespace: 'ns',
      labels: { [label]: 'x' },
    },
  });
  const others = [
    service('ns/a', { clusterIP: 'None', ports: PORTS }),
    service('ns/b', { type: 'ExternalName', externalName: 'example.com' }),
    service('ns/c', { clusterIP: '', ports: PORTS }),
    service('ns/x', { clusterIP: '10.96.0.1', ports: PORTS }, labels('service.kubernetes.io/service-proxy-name')),
    service('ns/d', { clusterIP: 'fd00::1', ports: PORTS }),
    service('ns/e', { clusterIP: '10.96.0.1' }),
  ];
  assert.equal(new InformedTracker(others).take().size, 0);
});

test('absurd objects are told and never stop others', () => {
  const bad = serviceView(
    service('ns/bad', {
      clusterIP: '10.96.0.300',
      externalIPs: ['nonsense', '1.2.3.4'],
      loadBalancerSourceRanges: ['10.0.0.0/99', '10.0.0.0/8'],
      ports: [
        { name: 'a', port: 70_000 },
        { name: 'b', port: 80, protocol: 'ICMP' },
        { name: 'c', port: 81 },
        { name: 'c', port: 82 },
      ],
    }),
  );
  assert.equal(bad.problems.length, 5);
  assert.deepEqual(bad.clusterIps, []);
  assert.deepEqual(bad.externalIps, ['1.2.3.4']);
  assert.deepEqual(bad.sourceRanges, ['10.0.0.0/8']);
  assert.deepEqual(
    bad.ports.map((p) => p.port),
    [82],
    'of two ports with one name the later stands',
  );
  const odd = sliceView({
    ...slice('ns/s', [{ ip: 'fd00::1' }, { ip: '10.0.0.999' }, { ip: '010.1.0.1' }, { ip: '10.1.0.2' }], {
      family: 'IPv4',
    }),
    ports: [{ name: 'p' }, { name: 'q', port: 0 }, { name: 'r', port: 80, protocol: 'XXX' }],
  });
  assert.deepEqual(odd.ports, []);
  assert.ok(odd.endpoints.every((e) => /^10\.1\.0\.\d$/.test(e.ip)));
});

test('several slices are joined, each port name with its own number; of doubles the better one counts', () => {
  const tracker = new InformedTracker([
    service('ns/s', { clusterIP: '10.96.0.1', ports: PORTS }),
    slice('ns/s', [{ ip: '10.1.0.2' }, { ip: '10.1.0.1', ready: false, serving: true, terminating: true }], {
      name: 's-1',
      ports: SLICE_PORTS,
    }),
    slice('ns/s', [{ ip: '10.1.0.1' }], { name: 's-2', ports: SLICE_PORTS }),
    slice('ns/s', [{ ip: '10.1.0.1' }], { name: 's-3', ports: [{ name: 'p', port: 9090 }] }),
    slice('ns/s', [{ ip: '10.1.0.9' }], { name: 's-4', ports: [{ name: 'other', port: 1 }] }),
  ]);
  const port = tracker.stateOf('ns/s')?.ports[0];
  assert.deepEqual(
    port?.cluster.map((e) => e.text),
    ['10.1.0.1:8080', '10.1.0.1:9090', '10.1.0.2:8080'],
  );
});

test('conditions that are absent mean ready, serving, and not terminating, each for itself', () => {
  const ends = slice('ns/s', [{ ip: '10.1.0.1', ready: false, terminating: true }], { ports: SLICE_PORTS });
  const tracker = new InformedTracker([service('ns/s', { clusterIP: '10.96.0.1', ports: PORTS }), ends]);
  assert.deepEqual(
    tracker.stateOf('ns/s')?.ports[0]?.cluster.map((e) => [e.ip, e.ready, e.serving, e.terminating]),
    [['10.1.0.1', false, true, true]],
    'it still serves',
  );
  const plain = sliceView({ ...ends, endpoints: [{ addresses: ['10.1.0.2'] }] }).endpoints[0];
  assert.deepEqual([plain?.ready, plain?.serving, plain?.terminating], [true, true, false]);
});

test('dual stack: each family has its own state', () => {
  const objects = [
    service('ns/s', {
      clusterIP: '10.96.0.1',
      clusterIPs: ['10.96.0.1', 'fd00::1'],
      externalIPs: ['1.2.3.4', '2001:db8::1'],
      ports: PORTS,
    }),
    slice('ns/s', [{ ip: '10.1.0.1' }], { ports: SLICE_PORTS }),
    slice('ns/s', [{ ip: 'fd00:1::1' }], { ports: SLICE_PORTS }),
  ];
  const [v4, v6] = (['IPv4', 'IPv6'] as const).map((f) => new InformedTracker(objects, f).stateOf('ns/s')?.ports[0]);
  assert.deepEqual([v4?.clusterIp, v4?.externalIps, v4?.cluster[0]?.text], ['10.96.0.1', ['1.2.3.4'], '10.1.0.1:8080']);
  assert.deepEqual(
    [v6?.clusterIp, v6?.externalIps, v6?.cluster[0]?.text],
    ['fd00::1', ['2001:db8::1'], '[fd00:1::1]:8080'],
  );
});

test('take() hands over what differs from the last commit only', () => {
  const tracker = new InformedTracker([
    service('ns/s', { clusterIP: '10.96.0.1', ports: PORTS }),
    slice('ns/s', [{ ip: '10.1.0.1' }], { ports: SLICE_PORTS }),
  ]);
  const first = tracker.take();
  assert.equal(first.get('ns/s')?.before, undefined);
  tracker.abort(first);
  const again = tracker.take();
  assert.ok(sameState(again.get('ns/s')?.after, first.get('ns/s')?.after), 'an aborted change is pending again');
  tracker.commit(again);
  tracker.apply({
    kind: 'slice',
    key: 'ns/s-ipv4',
    object: slice('ns/s', [{ ip: '10.1.0.1' }], { ports: SLICE_PORTS }),
  });
  assert.equal(tracker.take().size, 0, 'the same again is no change');
  tracker.apply({ kind: 'service', key: 'ns/s', object: undefined });
  const last = tracker.take();
  assert.equal(last.get('ns/s')?.after, undefined);
  tracker.commit(last);
  assert.equal(tracker.committed.size, 0);
});

test('objects that are not what their type says are told and stop nothing', () => {
  const spec = { clusterIP: '10.96.0.1', ports: 7, sessionAffinity: 'ClientIP' };
  const broken = serviceView(JSON.parse(JSON.stringify({ ...service('ns/a', { ports: [] }), spec })));
  assert.equal(broken.key, 'ns/a');
  assert.deepEqual(broken.clusterIps, []);
  assert.match(broken.problems.join(), /cannot be read/);
  const slices = sliceView(JSON.parse(JSON.stringify({ ...slice('ns/a', [{ ip: '10.1.0.1' }]), endpoints: [null] })));
  assert.deepEqual(slices.endpoints, []);
  for (const timeoutSeconds of [-1, 0, 1.5, 1e9]) {
    const sessionAffinityConfig = { clientIP: { timeoutSeconds } };
    const odd = serviceView(service('ns/a', { sessionAffinity: 'ClientIP', sessionAffinityConfig, ports: PORTS }));
    assert.equal(odd.affinitySeconds, 10_800);
    assert.match(odd.problems.join(), /affinity timeout/);
  }
});
