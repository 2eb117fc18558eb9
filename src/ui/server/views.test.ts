import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { EndpointSlice, Node, Pod, Service } from '../../api/index.ts';
import { nodeView, podView, serviceView, sliceView } from './views.ts';

const meta = (name: string, more: object = {}) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

const pod = (more: { metadata?: object; status?: Pod['status'] }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: meta('web-5d-abc', more.metadata),
  spec: { nodeName: 'node-1', containers: [{ name: 'web' }] },
  ...(more.status === undefined ? {} : { status: more.status }),
});

test('podView() of a ready pod of a Deployment', () => {
  const view = podView(
    pod({
      metadata: {
        labels: { 'pod-template-hash': '5d' },
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-5d', uid: 'r', controller: true }],
      },
      status: {
        phase: 'Running',
        podIP: '10.244.0.4',
        podIPs: [{ ip: '10.244.0.4' }],
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    }),
  );
  assert.equal(view.key, 'default/web-5d-abc');
  assert.equal(view.workload, 'web');
  assert.deepEqual(view.addresses, ['10.244.0.4']);
  assert.deepEqual([view.ready, view.running, view.terminating], [true, true, false]);
});

test('podView() of one that goes can start no trace', () => {
  const view = podView(pod({ metadata: { deletionTimestamp: '2026-01-01T00:00:01Z' }, status: { phase: 'Running' } }));
  assert.deepEqual([view.ready, view.running, view.terminating], [false, false, true]);
  assert.equal(view.workload, 'web-5d-abc');
  assert.deepEqual(view.addresses, []);
});

test('nodeView() says why a node is not ready', () => {
  const node = (status: string, unschedulable: boolean): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: meta('node-1'),
    spec: { podCIDR: '10.244.0.0/24', unschedulable },
    status: {
      addresses: [{ type: 'InternalIP', address: '172.30.0.11' }],
      conditions: [{ type: 'Ready', status, message: 'agent is away' }],
    },
  });
  assert.deepEqual(nodeView(node('True', false)).note, '');
  assert.deepEqual(nodeView(node('Unknown', true)).note, 'agent is away; takes no new pods');
  assert.deepEqual(nodeView(node('True', false)).podCidrs, ['10.244.0.0/24']);
});

test('serviceView() of a headless service has no address', () => {
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta('web'),
    spec: {
      clusterIP: 'None',
      clusterIPs: ['None'],
      ports: [{ port: 80 }, { port: 53, protocol: 'UDP', nodePort: 30053 }],
    },
  };
  const view = serviceView(service);
  assert.deepEqual(view.addresses, []);
  assert.deepEqual(view.ports, [
    { name: '', protocol: 'TCP', port: 80 },
    { name: '', protocol: 'UDP', port: 53, nodePort: 30053 },
  ]);
});

test('sliceView() fills in conditions as consumers must read them', () => {
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta('web-x', { labels: { 'kubernetes.io/service-name': 'web' } }),
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: [
      { addresses: ['10.244.0.4'], targetRef: { kind: 'Pod', name: 'web-1' }, nodeName: 'node-1' },
      { addresses: ['10.244.0.5'], conditions: { ready: false, serving: true, terminating: true } },
    ],
  };
  const view = sliceView(slice);
  assert.equal(view.service, 'default/web');
  assert.deepEqual(view.endpoints, [
    { address: '10.244.0.4', pod: 'default/web-1', node: 'node-1', ready: true, serving: true, terminating: false },
    { address: '10.244.0.5', ready: false, serving: true, terminating: true },
  ]);
});
