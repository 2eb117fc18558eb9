import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoints, Pod, Service, core } from '../../api/objects.ts';
import { mirroredGroups, mirroredMetadata, needsMirror } from '../endpointslice-mirroring/mirrored-groups.ts';
import { desiredSubsets } from './desired-subsets.ts';

const stored = (name: string) => ({ name, namespace: 'x', uid: name, resourceVersion: '1', creationTimestamp: '' });
const service = (spec: core.ServiceSpec = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: stored('web'),
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ipFamilies: ['IPv4'], ...spec },
});
const pod = (n: number, ready = true, more: { port?: number; deleting?: boolean } = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...stored(`p${n}`), ...(more.deleting === true ? { deletionTimestamp: 'x' } : {}) },
  spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: more.port ?? 8080 }] }] },
  status: {
    podIPs: [{ ip: `10.0.${n >> 8}.${n & 255}` }, { ip: `fd00::${n}` }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});
const shape = (subsets: core.EndpointSubset[]) =>
  subsets.map((s) => ({
    ready: s.addresses?.map((a) => a.ip) ?? [],
    not: s.notReadyAddresses?.map((a) => a.ip) ?? [],
    ports: s.ports?.map((p) => p.port),
  }));

test('ready and other addresses of the primary family, grouped by ports', () => {
  const pods = [pod(1), pod(2, false), pod(3, true, { port: 9090 }), pod(4, true, { deleting: true })];
  assert.deepEqual(shape(desiredSubsets(service(), pods).subsets), [
    { ready: ['10.0.0.1'], not: ['10.0.0.2'], ports: [8080] },
    { ready: ['10.0.0.3'], not: [], ports: [9090] },
  ]);
  const all = shape(desiredSubsets(service({ publishNotReadyAddresses: true }), pods).subsets);
  assert.deepEqual(all[0], { ready: ['10.0.0.1', '10.0.0.2', '10.0.0.4'], not: [], ports: [8080] });
  assert.deepEqual(desiredSubsets(service(), []).subsets, []);
});

test('more than a thousand addresses are cut, ready ones last', () => {
  const pods = Array.from({ length: 1200 }, (_, i) => pod(i + 1, i % 4 !== 0));
  const { subsets, truncated } = desiredSubsets(service(), pods);
  assert.equal(truncated, true);
  assert.deepEqual([subsets[0]?.addresses?.length, subsets[0]?.notReadyAddresses?.length], [900, 100]);
});

const endpoints = (subsets: core.EndpointSubset[], metadata = {}): Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: { ...stored('web'), ...metadata },
  subsets,
});

test('hand-written Endpoints are mirrored family by family', () => {
  const source = endpoints([
    {
      addresses: [{ ip: '10.0.0.1', nodeName: 'n' }, { ip: 'fd00::1' }],
      notReadyAddresses: [{ ip: '10.0.0.2' }],
      ports: [{ name: 'http', port: 80 }],
    },
    { addresses: [{ ip: 'nonsense' }], ports: [{ port: 81 }] },
  ]);
  const [v4, ...others] = mirroredGroups(source, 'IPv4').values();
  assert.equal(others.length, 0);
  assert.deepEqual(v4, {
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    endpoints: [
      { addresses: ['10.0.0.1'], conditions: { ready: true }, nodeName: 'n' },
      { addresses: ['10.0.0.2'], conditions: { ready: false } },
    ],
  });
  assert.deepEqual(
    [...mirroredGroups(source, 'IPv6').values()].flatMap((g) => g.endpoints.flatMap((e) => e.addresses)),
    ['fd00::1'],
  );
});

test('what is mirrored, and what is said on the mirror', () => {
  const plain = service({ selector: {} });
  assert.equal(needsMirror(endpoints([]), plain), true);
  assert.equal(needsMirror(endpoints([]), service()), false);
  assert.equal(needsMirror(endpoints([]), undefined), false);
  assert.equal(
    needsMirror(endpoints([], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }), plain),
    false,
  );
  assert.equal(
    needsMirror(endpoints([], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '' } }), plain),
    false,
  );
  const annotations = { note: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  assert.deepEqual(mirroredMetadata(endpoints([], { labels: { a: 'b' }, annotations })), {
    labels: {
      a: 'b',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    },
    annotations: { note: 'x' },
  });
});
