// Files of volumes: what is in them, that they change together, and that nothing leads out of them.
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { configMaps, secrets, type core, type Pod } from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import { ManualClock } from '../../clock/index.ts';
import type { DownwardFacts } from '../pod/downward.ts';
import { writeAtomicDir } from './atomic-dir.ts';
import { ObjectCache } from './object-cache.ts';
import { keyFiles, safePath } from './object-files.ts';
import { ensureVolumes, mountSource, type VolumeContext } from './pod-volumes.ts';
import { TokenSource } from './token-source.ts';

const root = mkdtempSync(path.join(tmpdir(), 'portico-volumes-'));
after(() => rmSync(root, { recursive: true }));
const files = (content: Record<string, string>) =>
  new Map(Object.entries(content).map(([k, v]) => [k, { data: Buffer.from(v), mode: 0o640 }]));

test('writeAtomicDir() swaps all files at once and removes what went', () => {
  const dir = path.join(root, 'atomic');
  assert.equal(writeAtomicDir(dir, files({ a: '1', 'sub/b': '2' })), true);
  assert.equal(readFileSync(path.join(dir, 'sub/b'), 'utf8'), '2');
  assert.equal(statSync(path.join(dir, 'a')).mode & 0o777, 0o640);
  const first = readlinkSync(path.join(dir, '..data'));
  assert.equal(writeAtomicDir(dir, files({ a: '1', 'sub/b': '2' })), false, 'the same again changes nothing');
  assert.equal(readlinkSync(path.join(dir, '..data')), first);
  assert.equal(writeAtomicDir(dir, files({ a: 'new' })), true);
  assert.deepEqual(
    readdirSync(dir).filter((n) => !n.startsWith('..')),
    ['a'],
  );
  assert.equal(readFileSync(path.join(dir, 'a'), 'utf8'), 'new');
  assert.equal(readdirSync(dir).length, 3, 'the link, one set of files, one name');
});

test('keyFiles() and safePath()', () => {
  const content = new Map([['k', Buffer.from('v')]]);
  const o = { items: undefined, optional: false, mode: 0o600, what: 'configmap "x"' };
  assert.deepEqual([...keyFiles(content, o).keys()], ['k']);
  assert.deepEqual(
    [...keyFiles(content, { ...o, items: [{ key: 'k', path: 'dir/file', mode: 0o400 }] })],
    [['dir/file', { data: Buffer.from('v'), mode: 0o400 }]],
  );
  assert.throws(() => keyFiles(undefined, o), /configmap "x" not found/);
  assert.equal(keyFiles(undefined, { ...o, optional: true }).size, 0);
  assert.throws(
    () => keyFiles(content, { ...o, items: [{ key: 'no', path: 'p' }] }),
    /references non-existent config key: no/,
  );
  for (const bad of ['', '/etc/passwd', '../x', 'a/../../x', '..data/x'])
    assert.throws(() => safePath(bad), /not below the volume/, bad);
});

const client = createFakeClient();
const clock = new ManualClock(Date.parse('2024-01-01T00:00:00Z'));
const context = (name: string): VolumeContext => {
  const ctx = {
    objects: new ObjectCache(client, clock),
    tokens: new TokenSource(client, clock),
    memoryDir: path.join(root, name, 'memory'),
    diskDir: path.join(root, name, 'disk'),
    localVolumesDir: path.join(root, name, 'volumes'),
  };
  for (const dir of [ctx.memoryDir, ctx.diskDir]) mkdirSync(dir, { recursive: true });
  return ctx;
};

function podOf(volumes: core.Volume[], more: Partial<core.PodSpec> = {}): { pod: Pod; facts: DownwardFacts } {
  const metadata = {
    name: 'p',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '',
    labels: { l: 'x' },
  };
  const pod: Pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], volumes, ...more } };
  return { pod, facts: { pod, nodeName: 'n', hostIps: [], podIps: [], allocatable: { cpu: 1, memory: 1 } } };
}

test('ensureVolumes() makes every kind, follows changes, and names the volume that fails', async () => {
  const ctx = context('kinds');
  const cm = await client.resource(configMaps).create({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'cm', namespace: 'default' },
    data: { k: 'v' },
    binaryData: { b: 'AAE=' },
  });
  await client.resource(secrets).create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'default' },
    data: { key: Buffer.from('geheim').toString('base64') },
  });
  const { pod, facts } = podOf(
    [
      { name: 'empty', emptyDir: {} },
      { name: 'mem', emptyDir: { medium: 'Memory' } },
      { name: 'host', hostPath: { path: path.join(root, 'made'), type: 'DirectoryOrCreate' } },
      { name: 'cm', configMap: { name: 'cm' } },
      { name: 'sec', secret: { secretName: 's', defaultMode: 0o400 } },
      {
        name: 'all',
        projected: {
          sources: [
            { configMap: { name: 'cm', items: [{ key: 'k', path: 'a/k' }] } },
            { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
          ],
        },
      },
    ],
    { securityContext: { fsGroup: 4242 } },
  );
  const paths = await ensureVolumes(pod, ctx, facts);
  const at = (volume: string, file: string) => path.join(paths.get(volume) ?? '', file);
  assert.equal(statSync(at('empty', '')).gid, 4242);
  assert.ok(at('mem', '').startsWith(ctx.memoryDir) && at('empty', '').startsWith(ctx.diskDir));
  assert.equal(readFileSync(at('cm', 'k'), 'utf8'), 'v');
  assert.deepEqual([...readFileSync(at('cm', 'b'))], [0, 1]);
  assert.equal(readFileSync(at('sec', 'key'), 'utf8'), 'geheim');
  assert.equal(statSync(at('sec', 'key')).mode & 0o777, 0o440, 'the group of fsGroup may read');
  assert.equal(readFileSync(at('all', 'a/k'), 'utf8') + readFileSync(at('all', 'name'), 'utf8'), 'vp');
  await client.resource(configMaps).update({ ...cm, data: { k: 'changed' } });
  clock.advance(5000);
  await ensureVolumes(pod, ctx, facts);
  assert.equal(readFileSync(at('cm', 'k'), 'utf8'), 'changed');
  const fails: [volume: core.Volume, message: RegExp][] = [
    [{ name: 'x', configMap: { name: 'no' } }, /MountVolume\.SetUp failed for volume "x" : configmap "no" not found/],
    [
      { name: 'x', hostPath: { path: path.join(root, 'absent'), type: 'File' } },
      /hostPath type check failed: .*absent is not a file/,
    ],
    [{ name: 'x', nfs: { server: 's', path: '/' } }, /volumes of type nfs are not available/],
  ];
  for (const [volume, message] of fails) {
    const bad = podOf([volume]);
    await assert.rejects(ensureVolumes(bad.pod, ctx, bad.facts), message);
  }
});

test('mountSource(): sub-paths are made, and links cannot lead out', () => {
  const dir = path.join(root, 'sub');
  mkdirSync(path.join(dir, 'inside'), { recursive: true });
  symlinkSync('/etc', path.join(dir, 'etc'));
  symlinkSync('inside', path.join(dir, 'good'));
  assert.equal(mountSource(dir, ''), dir);
  assert.equal(mountSource(dir, 'good'), path.join(dir, 'inside'));
  assert.equal(mountSource(dir, 'new/deep'), path.join(dir, 'new/deep'));
  assert.ok(statSync(path.join(dir, 'new/deep')).isDirectory());
  for (const bad of ['../x', '/etc', 'a/../../x'])
    assert.throws(() => mountSource(dir, bad), /must be below the volume/, bad);
  for (const bad of ['etc', 'etc/passwd', 'etc/new/x'])
    assert.throws(() => mountSource(dir, bad), /a link leads out of the volume/, bad);
});

test('TokenSource renews when most of the time is over', async () => {
  let issued = 0;
  const tokens = new TokenSource(
    {
      ...client,
      resource: () => ({
        createSubresource: () => {
          issued++;
          return Promise.resolve({
            status: { token: `t${issued}`, expirationTimestamp: new Date(clock.now() + 1000_000).toISOString() },
          });
        },
      }),
    } as unknown as typeof client,
    clock,
  );
  const wish = {
    namespace: 'n',
    serviceAccount: 's',
    pod: { name: 'p', uid: 'u' },
    audience: '',
    expirationSeconds: 1000,
  };
  assert.equal(await tokens.token(wish), 't1');
  clock.advance(799_000);
  assert.equal(await tokens.token(wish), 't1');
  clock.advance(2000);
  assert.equal(await tokens.token(wish), 't2');
  tokens.forget('u');
  assert.equal(await tokens.token(wish), 't3');
});
