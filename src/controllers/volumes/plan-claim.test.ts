// What becomes of a claim, and of a volume whose claim went: tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/objects.ts';
import { localVolume } from './local-volume.ts';
import { planClaim } from './plan-claim.ts';
import type { ClaimStep } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const stored = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});
type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>;
const claim = (spec: Partial<ClaimSpec> = {}, annotations: Record<string, string> = {}): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { ...stored('data'), namespace: 'default', annotations },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '2Gi' } },
    storageClassName: 'standard',
    ...spec,
  },
});
type VolumeSpec = NonNullable<PersistentVolume['spec']>;
const volume = (name: string, storage: string, spec: Partial<VolumeSpec> = {}): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: stored(name),
  spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: '', ...spec },
});
const storageClass = (name: string, provisioner: string, volumeBindingMode = 'WaitForFirstConsumer'): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: stored(name),
  provisioner,
  volumeBindingMode,
});
const node = (name: string, hasFolder = true): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    ...stored(name),
    labels: { 'kubernetes.io/hostname': name },
    ...(hasFolder ? { annotations: { 'portico/local-volumes': `/state/${name}/volumes` } } : {}),
  },
});
const pod = (name: string, nodeName = ''): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { ...stored(name), namespace: 'default' },
  spec: { containers: [], nodeName },
});
const named = <T extends { metadata: { name: string } }>(objects: readonly T[]) =>
  new Map(objects.map((o) => [o.metadata.name, o]));
const classes = [
  storageClass('standard', 'portico/local-path'),
  storageClass('now', 'portico/local-path', 'Immediate'),
  storageClass('hand', 'kubernetes.io/no-provisioner'),
  storageClass('other', 'example.com/disks', 'Immediate'),
];
const onNode = (name: string): Partial<VolumeSpec> => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }],
    },
  },
});
const plan = (c: PersistentVolumeClaim, volumes: PersistentVolume[] = [], pods: Pod[] = []): ClaimStep =>
  planClaim({
    claim: c,
    volumes: named(volumes),
    classes: named(classes),
    nodes: named([node('node-1'), node('node-2')]),
    pods,
  });
const brief = (step: ClaimStep): string => {
  switch (step.do) {
    case 'bind':
      return `bind ${step.volume.metadata.name}`;
    case 'provision':
      return `provision ${step.folder}`;
    case 'wait':
    case 'unselect':
    case 'lose':
      return `${step.do} ${step.reason}: ${step.message}`;
    default:
      return step.do;
  }
};
const selected = { 'volume.kubernetes.io/selected-node': 'node-2' };
const bound = { 'pv.kubernetes.io/bind-completed': 'yes' };
const ours = { namespace: 'default', name: 'data', uid: 'uid-data' };

const rows: [what: string, step: ClaimStep, expected: string][] = [
  [
    'a delayed claim waits for a pod',
    plan(claim()),
    'wait WaitForFirstConsumer: waiting for first consumer to be created before binding',
  ],
  [
    'and for that pod’s node',
    plan(claim(), [], [pod('b'), pod('a')]),
    'wait WaitForPodScheduled: waiting for pods a,b to be scheduled',
  ],
  ['the scheduler’s node gets the volume', plan(claim({}, selected)), 'provision /state/node-2/volumes'],
  [
    'a node that is gone',
    plan(claim({}, { 'volume.kubernetes.io/selected-node': 'node-9' })),
    'unselect ProvisioningFailed: node "node-9" not found',
  ],
  ['a class that does not wait', plan(claim({ storageClassName: 'now' })), 'provision /state/node-1/volumes'],
  [
    'what a folder cannot be',
    plan(claim({ volumeMode: 'Block' }, selected)),
    'unselect ProvisioningFailed: failed to provision volume with StorageClass "standard": block volumes are not supported: volumes are folders of a node',
  ],
  [
    'many nodes, one folder',
    plan(claim({ storageClassName: 'now', accessModes: ['ReadWriteMany'] })),
    'wait ProvisioningFailed: failed to provision volume with StorageClass "now": access mode ReadWriteMany needs several nodes, the volume has one',
  ],
  [
    'somebody else’s class',
    plan(claim({ storageClassName: 'other' })),
    "wait ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/disks' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
  ],
  [
    'no such class',
    plan(claim({ storageClassName: 'nope' })),
    'wait ProvisioningFailed: storageclass.storage.k8s.io "nope" not found',
  ],
  [
    'no class, no volume',
    plan(claim({ storageClassName: '' }), [volume('small', '1Gi'), volume('other', '9Gi', { storageClassName: 'x' })]),
    'wait FailedBinding: no persistent volumes available for this claim and no storage class is set',
  ],
  [
    'the smallest that is large enough',
    plan(claim({ storageClassName: '' }), [volume('big', '9Gi'), volume('fits', '2Gi'), volume('small', '1Gi')]),
    'bind fits',
  ],
  [
    'the one that is reserved by name',
    plan(claim({ storageClassName: '' }), [
      volume('fits', '2Gi'),
      volume('reserved', '9Gi', { claimRef: { namespace: 'default', name: 'data' } }),
    ]),
    'bind reserved',
  ],
  [
    'not another claim’s',
    plan(claim({ storageClassName: '' }), [volume('theirs', '2Gi', { claimRef: { ...ours, uid: 'uid-before' } })]),
    'wait FailedBinding: no persistent volumes available for this claim and no storage class is set',
  ],
  [
    'a volume by hand on the scheduler’s node',
    plan(claim({ storageClassName: 'hand' }, selected), [
      volume('one', '2Gi', { storageClassName: 'hand', ...onNode('node-1') }),
      volume('two', '2Gi', { storageClassName: 'hand', ...onNode('node-2') }),
    ]),
    'bind two',
  ],
  [
    'which another claim was quicker to take',
    plan(claim({ storageClassName: 'hand' }, selected)),
    'unselect ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner',
  ],
  ['a volume that does not exist yet', plan(claim({ volumeName: 'later' })), 'nothing'],
  [
    'a volume of somebody else',
    plan(claim({ volumeName: 'theirs' }), [volume('theirs', '2Gi', { claimRef: { ...ours, uid: 'x' } })]),
    'wait FailedBinding: volume "theirs" already bound to a different claim.',
  ],
  ['half bound', plan(claim({ volumeName: 'v' }), [volume('v', '2Gi', { claimRef: ours })]), 'bind v'],
  [
    'the volume is gone',
    plan(claim({ volumeName: 'v' }, bound)),
    'lose ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!',
  ],
  [
    'the volume went to another claim',
    plan(claim({ volumeName: 'v' }, bound), [volume('v', '2Gi', { claimRef: { ...ours, uid: 'x' } })]),
    'lose ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly',
  ],
];
for (const [what, step, expected] of rows) test(what, () => assert.equal(brief(step), expected));

test('a claim without a class gets the default one, whichever is newest', () => {
  const unclassed = claim();
  delete (unclassed.spec as Partial<ClaimSpec>).storageClassName;
  const asDefault = (name: string, day: string) => ({
    ...storageClass(name, 'p/q'),
    metadata: {
      ...stored(name),
      creationTimestamp: `2026-01-${day}T00:00:00Z`,
      annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
    },
  });
  const step = planClaim({
    claim: unclassed,
    volumes: new Map(),
    classes: named([asDefault('old', '01'), asDefault('new', '02'), ...classes]),
    nodes: new Map(),
    pods: [],
  });
  assert.deepEqual(step, { do: 'classify', className: 'new' });
});

test('the phase of a volume, and whether it goes with its claim', () => {
  const made = (policy: string, annotations = {}): PersistentVolume => ({
    ...volume('v', '2Gi', { claimRef: ours, persistentVolumeReclaimPolicy: policy }),
    metadata: { ...stored('v'), annotations },
  });
  const own = { 'pv.kubernetes.io/provisioned-by': 'portico/local-path' };
  const again = { ...claim({ volumeName: 'v' }), metadata: { ...stored('data'), uid: 'another' } };
  const cases: [PersistentVolume, PersistentVolumeClaim | undefined, string, boolean][] = [
    [volume('v', '2Gi'), undefined, 'Available', false],
    [volume('v', '2Gi', { claimRef: { namespace: 'default', name: 'data' } }), undefined, 'Available', false],
    [made('Delete', own), claim({ volumeName: 'v' }), 'Bound', false],
    [made('Delete', own), undefined, 'Released', true],
    [made('Delete', own), again, 'Released', true],
    [made('Delete'), undefined, 'Released', false],
    [made('Retain', own), undefined, 'Released', false],
    [made('Recycle'), undefined, 'Failed', false],
  ];
  for (const [v, c, phase, remove] of cases) {
    const found = planVolume(v, c);
    assert.deepEqual([found.phase, found.remove], [phase, remove]);
  }
});

test('a volume of a node can be reached from there only, and belongs to its claim from the start', () => {
  const made = localVolume(claim(), storageClass('standard', 'portico/local-path'), node('node-2'), '/state');
  assert.equal(made.metadata.name, 'pvc-uid-data');
  assert.deepEqual(made.spec?.local, { path: '/state/pvc-uid-data' });
  assert.deepEqual(made.spec?.nodeAffinity, onNode('node-2').nodeAffinity);
  assert.equal(made.spec?.claimRef?.uid, 'uid-data');
  assert.equal(made.spec?.persistentVolumeReclaimPolicy, 'Delete');
});
