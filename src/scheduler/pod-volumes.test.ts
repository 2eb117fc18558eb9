// Where a pod can go because of its claims: a table, and the way of a claim that waits for its pod.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodes, persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../api/objects.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../api/objects.ts';
import { createFakeClient } from '../client/index.ts';
import { ClusterState } from './cluster-state.ts';
import { placePod } from './place-pod.ts';
import { startScheduler } from './scheduler.ts';
import { node, pod } from './testing/objects.ts';

const stored = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});
const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };
const SELECTED = 'volume.kubernetes.io/selected-node';

interface ClaimFacts {
  className?: string;
  volumeName?: string;
  annotations?: Record<string, string>;
  mode?: string;
  deleted?: boolean;
}
const claim = (facts: ClaimFacts = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    ...stored('data'),
    namespace: 'default',
    annotations: facts.annotations ?? {},
    ...(facts.deleted === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: {
    accessModes: [facts.mode ?? 'ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: facts.className ?? 'wait',
    ...(facts.volumeName === undefined ? {} : { volumeName: facts.volumeName }),
  },
});
const volumeOn = (host: string, storageClassName = 'hand'): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: stored('v'),
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    storageClassName,
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] }],
      },
    },
  },
});
const storageClass = (name: string, provisioner: string, volumeBindingMode: string): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: stored(name),
  provisioner,
  volumeBindingMode,
});
const classes = [
  storageClass('wait', 'portico/local-path', 'WaitForFirstConsumer'),
  storageClass('hand', 'kubernetes.io/no-provisioner', 'WaitForFirstConsumer'),
  storageClass('now', 'example.com/p', 'Immediate'),
];
const user = (name = 'p'): Pod =>
  pod(name, { spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } });

function place(c: PersistentVolumeClaim | undefined, volume?: PersistentVolume, running: readonly Pod[] = []): string {
  const state = new ClusterState({
    claims: new Map(c === undefined ? [] : [['default/data', c]]),
    volumes: new Map(volume === undefined ? [] : [['v', volume]]),
    classes: new Map(classes.map((k) => [k.metadata.name, k])),
  });
  for (const name of ['node-1', 'node-2', 'node-3']) state.setNode(name, node(name));
  for (const other of running) state.place(other, 'node-3');
  const placement = placePod(user(), state);
  return 'node' in placement ? placement.node : placement.unschedulable;
}

const no = (why: string) => `0/3 nodes are available: ${why}.`;
const conflict = no("3 node(s) didn't match PersistentVolume's node affinity");
const nothing = no("3 node(s) didn't find available persistent volumes to bind");
const rows: [what: string, got: string, expected: string][] = [
  ['no claim', place(undefined), no('persistentvolumeclaim "data" not found')],
  ['a claim that ends', place(claim({ deleted: true })), no('persistentvolumeclaim "data" is being deleted')],
  ['unbound', place(claim({ className: 'now' })), no('pod has unbound immediate PersistentVolumeClaims')],
  ['no class', place(claim({ className: '' })), no('pod has unbound immediate PersistentVolumeClaims')],
  ['the volume’s node', place(claim({ volumeName: 'v', annotations: BOUND }), volumeOn('node-2')), 'node-2'],
  ['a volume of no node here', place(claim({ volumeName: 'v', annotations: BOUND }), volumeOn('gone')), conflict],
  [
    'a volume that is gone',
    place(claim({ volumeName: 'v', annotations: BOUND })),
    no('3 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'),
  ],
  ['a claim that is made where the pod goes', place(claim()), 'node-1'],
  ['a choice that was made', place(claim({ annotations: { [SELECTED]: 'node-3' } })), 'node-3'],
  ['volumes by hand', place(claim({ className: 'hand' }), volumeOn('node-2')), 'node-2'],
  ['volumes by hand, none', place(claim({ className: 'hand' })), nothing],
  [
    'a claim for one pod only',
    place(claim({ volumeName: 'v', annotations: BOUND, mode: 'ReadWriteOncePod' }), volumeOn('node-2'), [user('q')]),
    no('3 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'),
  ],
];
for (const [what, got, expected] of rows) test(what, () => assert.equal(got, expected));

test('a claim that waits is told the pod’s node; the pod is bound when its volume is there', async () => {
  const client = createFakeClient();
  const scheduler = startScheduler({ client });
  const until = async (what: string, done: () => boolean) => {
    const end = performance.now() + 5000;
    while (!done()) {
      if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const unstored = <T extends { metadata: object }>(object: T): T => {
    const {
      uid: _u,
      resourceVersion: _r,
      creationTimestamp: _c,
      ...metadata
    } = object.metadata as Record<string, unknown>;
    return { ...object, metadata };
  };
  const found = () => client.find(persistentVolumeClaims, 'default/data');
  const selected = () => found()?.metadata.annotations?.[SELECTED];
  const nodeOf = () => client.find(pods, 'default/p')?.spec?.nodeName;
  try {
    for (const k of classes) await client.resource(storageClasses).create(unstored(k));
    for (const name of ['node-1', 'node-2']) await client.resource(nodes).create(unstored(node(name)));
    await client.resource(persistentVolumeClaims).create(unstored(claim()));
    await client.resource(pods).create(unstored(user()));
    await until('a choice', () => selected() !== undefined);
    assert.equal(nodeOf(), undefined, 'its volume is not there yet');
    // Taken back: it is made again.
    const api = client.resource(persistentVolumeClaims);
    await api.patch(
      'data',
      { metadata: { annotations: { [SELECTED]: null } } },
      { type: 'merge', namespace: 'default' },
    );
    await until('another choice', () => selected() !== undefined);
    const host = selected() ?? '';
    await client.resource(persistentVolumes).create(unstored(volumeOn(host, 'wait')));
    const bound = { metadata: { annotations: BOUND }, spec: { volumeName: 'v' } };
    await api.patch('data', bound, { type: 'merge', namespace: 'default' });
    await until('binding', () => nodeOf() === host);
  } finally {
    client.intercept = () => undefined;
    await scheduler.stop();
  }
});
