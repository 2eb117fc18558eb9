// What kubectl prints: rows as text, for objects in the states that people look at.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Resource } from '../resources.ts';
import * as r from '../resources.ts';
import { renderTable } from './render-table.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const metadata = {
  name: 'a',
  namespace: 'default',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:55:30Z',
};

function table(resource: Resource, object: object) {
  const whole = { apiVersion: 'v1', kind: resource.kind, metadata, ...object };
  const { columnDefinitions, rows } = renderTable(resource, [whole], { now, includeObject: 'None' });
  const [row] = rows;
  assert.ok(columnDefinitions !== null && row !== undefined);
  assert.equal(row.cells.length, columnDefinitions.length);
  const pick = (priority: number): string =>
    columnDefinitions.flatMap((c, i) => (c.priority === priority ? [`${c.name}=${row.cells[i]}`] : [])).join(' ');
  return { narrow: pick(0), wide: pick(1) };
}

const rows: readonly [string, Resource, object, string, string?][] = [
  ['limit range', r.limitRanges, { spec: { limits: [] } }, 'Name=a Created At=2026-01-01T00:55:30Z'],
  [
    'priority class',
    r.priorityClasses,
    { value: 1000, preemptionPolicy: 'Never' },
    'Name=a Value=1000 Global-Default=false Age=4m30s PreemptionPolicy=Never',
  ],
  [
    'service',
    r.services,
    {
      spec: {
        type: 'NodePort',
        clusterIPs: ['10.96.0.9'],
        ports: [
          { port: 80, nodePort: 30_080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { b: '2', a: '1' },
      },
    },
    'Name=a Type=NodePort Cluster-IP=10.96.0.9 External-IP=<none> Port(s)=80:30080/TCP,53/UDP Age=4m30s',
    'Selector=a=1,b=2',
  ],
  [
    'headless service',
    r.services,
    { spec: { type: 'ClusterIP', clusterIPs: ['None'] } },
    'Name=a Type=ClusterIP Cluster-IP=None External-IP=<none> Port(s)=<none> Age=4m30s',
  ],
  [
    'load balancer that waits',
    r.services,
    { spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.9'] } },
    'Name=a Type=LoadBalancer Cluster-IP=10.96.0.9 External-IP=<pending> Port(s)=<none> Age=4m30s',
  ],
  [
    'alias',
    r.services,
    { spec: { type: 'ExternalName', externalName: 'x.example' } },
    'Name=a Type=ExternalName Cluster-IP=<none> External-IP=x.example Port(s)=<none> Age=4m30s',
  ],
  [
    'slice',
    r.endpointSlices,
    {
      addressType: 'IPv4',
      ports: [{ port: 80 }, {}],
      endpoints: ['1', '2', '3', '4', '5'].map((n) => ({ addresses: [`10.0.0.${n}`] })),
    },
    'Name=a AddressType=IPv4 Ports=80,* Endpoints=10.0.0.1,10.0.0.2,10.0.0.3 + 2 more... Age=4m30s',
  ],
  [
    'empty slice',
    r.endpointSlices,
    { addressType: 'IPv4' },
    'Name=a AddressType=IPv4 Ports=<unset> Endpoints=<unset> Age=4m30s',
  ],
  [
    'endpoints',
    r.endpoints,
    { subsets: [{ addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ports: [{ port: 80 }] }] },
    'Name=a Endpoints=10.0.0.1:80,[fd00::1]:80 Age=4m30s',
  ],
  [
    'deployment',
    r.deployments,
    {
      spec: {
        replicas: 3,
        selector: { matchLabels: { app: 'x' } },
        template: { spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
      status: { readyReplicas: 1, updatedReplicas: 2 },
    },
    'Name=a Ready=1/3 Up-to-date=2 Available=0 Age=4m30s',
    'Containers=c Images=i Selector=app=x',
  ],
  [
    'node',
    r.nodes,
    {
      metadata: { ...metadata, labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1' },
        addresses: [{ type: 'InternalIP', address: '172.30.0.2' }],
      },
    },
    'Name=a Status=Ready,SchedulingDisabled Roles=control-plane Age=4m30s Version=v1',
    'Internal-IP=172.30.0.2 External-IP=<none> OS-Image=<unknown> Kernel-Version=<unknown> Container-Runtime=<unknown>',
  ],
  ['config map', r.configMaps, { data: { a: 'b' }, binaryData: { c: '' } }, 'Name=a Data=2 Age=4m30s'],
  ['secret', r.secrets, { type: 'Opaque', data: { a: '' } }, 'Name=a Type=Opaque Data=1 Age=4m30s'],
  [
    'event',
    r.events,
    {
      type: 'Normal',
      reason: 'Started',
      message: ' Started it\n',
      involvedObject: { kind: 'Pod', name: 'p' },
      source: { component: 'agent', host: 'n' },
      firstTimestamp: '2026-01-01T00:50:00Z',
      lastTimestamp: '2026-01-01T00:59:50Z',
      count: 3,
    },
    'Last Seen=10s Type=Normal Reason=Started Object=pod/p Message=Started it',
    'Subobject= Source=agent, n First Seen=10m Count=3 Name=a',
  ],
  [
    'address',
    r.ipAddresses,
    { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'a' } } },
    'Name=a ParentRef=services/default/a',
  ],
  [
    'binding',
    r.roleBindings,
    { roleRef: { kind: 'Role', name: 'x' }, subjects: [{ kind: 'ServiceAccount', namespace: 'n', name: 's' }] },
    'Name=a Role=Role/x Age=4m30s',
    'Users= Groups= ServiceAccounts=n/s',
  ],
];

describe('rows', () => {
  for (const [what, resource, object, narrow, wide] of rows) {
    test(what, () => {
      const shown = table(resource, object);
      assert.equal(shown.narrow, narrow);
      if (wide !== undefined) assert.equal(shown.wide, wide);
    });
  }
});

const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const status = (more: object): object => ({ name: 'c', ready: false, restartCount: 0, state: {}, ...more });
const spec = { containers: [{ name: 'c' }] };

const podRows: readonly [string, object, string][] = [
  ['waits for a node', { spec, status: { phase: 'Pending' } }, 'Ready=0/1 Status=Pending Restarts=0'],
  [
    'runs',
    { spec, status: { phase: 'Running', containerStatuses: [status({ ready: true, state: running })] } },
    'Ready=1/1 Status=Running Restarts=0',
  ],
  [
    'crashes',
    {
      spec,
      status: {
        phase: 'Running',
        containerStatuses: [
          status({
            restartCount: 4,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:00Z' } },
          }),
        ],
      },
    },
    'Ready=0/1 Status=CrashLoopBackOff Restarts=4 (60s ago)',
  ],
  [
    'was killed by a signal',
    {
      spec,
      status: { phase: 'Failed', containerStatuses: [status({ state: { terminated: { exitCode: 137, signal: 9 } } })] },
    },
    'Ready=0/1 Status=Signal:9 Restarts=0',
  ],
  [
    'is done',
    {
      spec,
      status: {
        phase: 'Succeeded',
        containerStatuses: [status({ state: { terminated: { exitCode: 0, reason: 'Completed' } } })],
      },
    },
    'Ready=0/1 Status=Completed Restarts=0',
  ],
  [
    'one done, one running and ready',
    {
      spec: { containers: [{ name: 'c' }, { name: 'd' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [
          status({ state: { terminated: { exitCode: 0, reason: 'Completed' } } }),
          status({ name: 'd', ready: true, state: running }),
        ],
      },
    },
    'Ready=1/2 Status=Running Restarts=0',
  ],
  [
    'goes',
    { metadata: { ...metadata, deletionTimestamp: '2026-01-01T01:00:00Z' }, spec, status: { phase: 'Running' } },
    'Ready=0/1 Status=Terminating Restarts=0',
  ],
  [
    'second init container at work',
    {
      spec: { ...spec, initContainers: [{ name: 'x' }, { name: 'y' }] },
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          status({ name: 'x', state: { terminated: { exitCode: 0 } } }),
          status({ name: 'y', state: running }),
        ],
      },
    },
    'Ready=0/1 Status=Init:1/2 Restarts=0',
  ],
  [
    'init container fails',
    {
      spec: { ...spec, initContainers: [{ name: 'x' }] },
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          status({ name: 'x', restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } }),
        ],
      },
    },
    'Ready=0/1 Status=Init:CrashLoopBackOff Restarts=2',
  ],
  [
    'a side container counts',
    {
      spec: { ...spec, initContainers: [{ name: 'x', restartPolicy: 'Always' }] },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Initialized', status: 'True' }],
        initContainerStatuses: [status({ name: 'x', started: true, ready: true, state: running })],
        containerStatuses: [status({ ready: true, state: running })],
      },
    },
    'Ready=2/2 Status=Running Restarts=0',
  ],
];

describe('a pod that', () => {
  for (const [what, object, expected] of podRows) {
    test(what, () => assert.equal(table(r.pods, object).narrow, `Name=a ${expected} Age=4m30s`));
  }
});

test('rows carry metadata, the object, or nothing', () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  const rowObject = (includeObject: 'None' | 'Metadata' | 'Object'): unknown =>
    renderTable(r.configMaps, [object], { now, includeObject }).rows[0]?.object;
  assert.equal(rowObject('None'), null);
  assert.deepEqual(rowObject('Metadata'), { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata });
  assert.equal(rowObject('Object'), object);
});
