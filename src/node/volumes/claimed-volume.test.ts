// Volumes of claims on a node: which folder, when it is made, and when its data goes.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import {
  persistentVolumeClaims,
  persistentVolumes,
  type PersistentVolumeClaim,
  type Pod,
  type core,
} from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import { ManualClock } from '../../clock/index.ts';
import { silentLogger } from '../../log/index.ts';
import { claimedFolder } from './claimed-volume.ts';
import { ObjectCache } from './object-cache.ts';
import { excessOf } from './volume-size.ts';
import { sweepVolumes } from './volume-sweep.ts';

const root = mkdtempSync(path.join(tmpdir(), 'portico-claims-'));
after(() => rmSync(root, { recursive: true }));
const localVolumesDir = path.join(root, 'volumes');
const client = createFakeClient();
const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'));
const folder = (name: string, security?: core.PodSecurityContext) =>
  claimedFolder('default', name, { objects: new ObjectCache(client, clock), localVolumesDir }, security);

async function claim(name: string, volumeName?: string): Promise<PersistentVolumeClaim> {
  return client.resource(persistentVolumeClaims).create({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace: 'default',
      annotations: volumeName === undefined ? {} : { 'pv.kubernetes.io/bind-completed': 'yes' },
    },
    spec: volumeName === undefined ? {} : { volumeName },
  });
}
async function volume(name: string, uid: string, source: Partial<core.PersistentVolumeSpec>): Promise<void> {
  await client.resource(persistentVolumes).create({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: { claimRef: { namespace: 'default', name: 'c', uid }, ...source },
  });
}
async function bound(name: string, source: Partial<core.PersistentVolumeSpec>): Promise<void> {
  const { metadata } = await claim(name, `pv-${name}`);
  await volume(`pv-${name}`, metadata.uid, source);
}

test('a folder of the node is made at its first use, for every user, or for the pod’s group', async () => {
  const own = path.join(localVolumesDir, 'pv-own');
  await bound('own', { local: { path: own } });
  assert.equal(await folder('own'), own);
  assert.equal(statSync(own).mode & 0o7777, 0o777);
  writeFileSync(path.join(own, 'kept'), '');
  await folder('own', { fsGroup: 4242 });
  const facts = (file: string) => [statSync(file).gid, (statSync(file).mode & 0o7777).toString(8)];
  assert.deepEqual(facts(own), [4242, '2777']);
  assert.deepEqual(facts(path.join(own, 'kept')), [4242, '664']);
  chmodSync(path.join(own, 'kept'), 0o600);
  await folder('own', { fsGroup: 4242, fsGroupChangePolicy: 'OnRootMismatch' });
  assert.deepEqual(facts(path.join(own, 'kept')), [4242, '600'], 'the top folder is right');
  await folder('own', { fsGroup: 4242, fsGroupChangePolicy: 'Always' });
  assert.deepEqual(facts(path.join(own, 'kept')), [4242, '660']);
  assert.ok(existsSync(path.join(own, 'kept')));
});

test('folders of others: a hostPath is made, a disk that is not there is not replaced', async () => {
  const [made, disk] = [path.join(root, 'made'), path.join(root, 'disk')];
  await bound('host', { hostPath: { path: made } });
  assert.equal(await folder('host'), made);
  await bound('disk', { local: { path: disk } });
  await assert.rejects(folder('disk'), /path ".*disk" does not exist/);
  mkdirSync(disk);
  assert.equal(await folder('disk'), disk);
});

test('claims that cannot be used', async () => {
  await claim('unbound');
  await claim('lost', 'pv-gone');
  await claim('stolen', 'pv-stolen');
  await volume('pv-stolen', 'another', { hostPath: { path: root } });
  await bound('nfs', { nfs: { server: 's', path: '/' } });
  await bound('block', { hostPath: { path: '/dev/null' }, volumeMode: 'Block' });
  const rows: [name: string, message: RegExp][] = [
    ['nope', /error processing PVC default\/nope: failed to fetch PVC from API server: .* "nope" not found/],
    ['unbound', /error processing PVC default\/unbound: PVC is not bound/],
    ['lost', /failed to fetch PV pv-gone from API server: persistentvolumes "pv-gone" not found/],
    ['stolen', /bound to another claim/],
    ['nfs', /neither of type local nor hostPath/],
    ['block', /block device/],
  ];
  for (const [name, message] of rows) await assert.rejects(folder(name), message, name);
});

test('the data of a volume goes with its object, and only then', async () => {
  await bound('swept', { local: { path: path.join(localVolumesDir, 'pv-swept') } });
  const dir = await folder('swept');
  const sweep = () => sweepVolumes({ client, log: silentLogger, dir: localVolumesDir });
  await sweep();
  assert.ok(existsSync(dir));
  await client.resource(persistentVolumes).delete('pv-swept');
  client.intercept = () => {
    throw new Error('the server does not answer');
  };
  await assert.rejects(sweep());
  assert.ok(existsSync(dir), 'silence is no answer');
  client.intercept = () => undefined;
  await sweep();
  assert.ok(!existsSync(dir));
  assert.ok(existsSync(path.join(localVolumesDir, 'pv-own')));
});

test('an emptyDir that holds more than it may is told of', async () => {
  const dir = path.join(root, 'full');
  mkdirSync(path.join(dir, 'deep'), { recursive: true });
  const pod = (sizeLimit: string): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [], volumes: [{ name: 'v', emptyDir: { sizeLimit } }] },
  });
  const excess = (limit: string) => excessOf(pod(limit), new Map([['v', dir]]));
  assert.equal(await excess('64Ki'), undefined);
  writeFileSync(path.join(dir, 'deep', 'file'), Buffer.alloc(100_000));
  assert.equal(await excess('64Ki'), 'Usage of EmptyDir volume "v" exceeds the limit "64Ki". ');
  assert.equal(await excess('1Mi'), undefined);
  assert.equal(await excess('0'), undefined, 'no limit');
});
