// The runtime contract on containerd of Debian, and what is containerd's own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { systemClock } from '../../clock/index.ts';
import { createLogger, silentLogger } from '../../log/index.ts';
import type { PodNetwork, SandboxSpec } from '../contract.ts';
import type { ContainerSpec } from '../runtime/contract.ts';
import { describeRuntime } from '../runtime/contract.suite.ts';
import { startContainerd, type TestContainerd } from '../testing/containerd.ts';
import { CriRuntime } from './cri-runtime.ts';
import { resolveCriImage } from './images.ts';

const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-cri-`));
const log = process.env['SHOW'] === undefined ? silentLogger : createLogger({ level: 'debug' });
/** The node's own network: the pods here need no other. */
const podNetwork: PodNetwork = {
  ready: () => true,
  attach: () => Promise.reject(new Error('sandboxes are the runtime’s')),
  detach: () => Promise.resolve(),
  retain: () => Promise.resolve(),
};
const IMAGE = 'localhost/busybox:1';
const sandbox: SandboxSpec = {
  hostname: 'suite',
  sysctls: {},
  shareProcesses: false,
  hostPid: false,
  hostIpc: false,
  hostNetwork: true,
  privileged: false,
  logDir: path.join(dir, 'logs'),
};

let containerd: TestContainerd;
let runtime: CriRuntime;
const open = async () => {
  const runDir = path.join(dir, 'run');
  runtime = new CriRuntime({
    endpoint: containerd.endpoint,
    node: 'test/node-1',
    podNetwork,
    runDir,
    clock: systemClock,
    log,
  });
  await runtime.open();
};
const problemOf = async (image: string, pullPolicy?: string) => {
  const found = await imageOf(image, pullPolicy);
  assert.ok('reason' in found, JSON.stringify(found));
  return found;
};
const imageOf = (image: string, pullPolicy = 'IfNotPresent') =>
  resolveCriImage(runtime.grpc, { image, command: [], args: [], pullPolicy }, () => Promise.resolve([]));
const refOf = async (image: string) => {
  const found = await imageOf(image);
  assert.ok('ref' in found, JSON.stringify(found));
  return found.ref;
};
const prepare = async (spec: ContainerSpec): Promise<ContainerSpec> => {
  await runtime.sandboxes.attach({ ...spec.pod, sandbox });
  return { ...spec, imageRef: await refOf(IMAGE), image: { name: IMAGE, command: spec.argv, args: [] } };
};

before(async () => {
  containerd = await startContainerd(dir, [
    {
      name: IMAGE,
      entrypoint: ['/bin/sh', '-c'],
      cmd: ['echo of the image; id -un'],
      env: ['PATH=/bin', 'FROM=image'],
    },
    { name: 'localhost/user:1', entrypoint: ['/bin/id'], cmd: ['-un'], user: 'user' },
    { name: 'localhost/uid:1', entrypoint: ['/bin/id'], user: '1000' },
  ]);
  await open();
});
after(async () => {
  await runtime.close();
  await containerd.stop();
  execFileSync('umount', ['-l', path.join(dir, 'run')]);
  rmSync(dir, { recursive: true, force: true });
});

describeRuntime('containerd', {
  dir,
  runtime: () => runtime,
  restart: async () => {
    await runtime.close();
    await open();
  },
  prepare,
});

const plain = (name: string, image: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  pod: { uid: 'own-uid', namespace: 'default', name: 'own' },
  name,
  attempt: 0,
  argv: [],
  env: [],
  mounts: [],
  files: {},
  hostname: 'own',
  user: { uid: 0, gid: 0, groups: [] },
  userOfImage: true,
  privileged: false,
  allowPrivilegeEscalation: false,
  capabilities: { add: [], drop: [] },
  readOnlyRoot: false,
  stdin: false,
  stdinOnce: false,
  tty: false,
  terminationMessagePath: '/dev/termination-log',
  messageFromLog: true,
  limits: {},
  oomScoreAdj: 0,
  sysctls: {},
  shareProcesses: false,
  hostPid: false,
  hostIpc: false,
  logDir: path.join(dir, 'logs', name),
  needs: { node: false, program: false },
  imageRef: image,
  specHash: '',
  image: { name: image, command: [], args: [] },
  ...more,
});
const until = async (what: string, check: () => boolean) => {
  const end = performance.now() + 15_000;
  while (!check()) {
    if (performance.now() > end) assert.fail(`not within 15 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const logOf = (name: string) => execFileSync('cat', [path.join(dir, 'logs', name, '0.log')]).toString();
const run = async (spec: ContainerSpec) => {
  const { id } = await runtime.start(spec);
  await until(`${spec.name} has ended`, () => runtime.container(id)?.state === 'exited');
  return { container: runtime.container(id), log: logOf(spec.name).replaceAll(/^\S+ std\w+ F /gm, '') };
};

test('an image brings its program, its environment and its user; the pod may replace each', async () => {
  await runtime.sandboxes.attach({ uid: 'own-uid', namespace: 'default', name: 'own', sandbox });
  const ref = await refOf(IMAGE);
  assert.equal((await run(plain('image-cmd', ref))).log, 'of the image\nroot\n');
  const args = { name: IMAGE, command: [], args: ['echo "$FROM $1"', 'sh', 'args'] };
  assert.equal((await run(plain('args', ref, { image: args }))).log, 'image args\n');
  assert.equal((await run(plain('user', await refOf('localhost/user:1')))).log, 'user\n');
  const asked = plain('asked-user', await refOf('localhost/user:1'), { userOfImage: false, user: { uid: 7, gid: 8, groups: [9] }, image: { name: '', command: ['/bin/id'], args: [] } }); // prettier-ignore
  assert.match((await run(asked)).log, /^uid=7 gid=8 groups=8,9$/m);
});

test('images: users are told, policies kept, and what cannot be had says why', async () => {
  const uid = await imageOf('localhost/uid:1');
  assert.deepEqual('user' in uid && uid.user, { uid: 1000 });
  const named = await imageOf('localhost/user:1');
  assert.deepEqual('user' in named && named.user, { name: 'user' });
  const never = await problemOf('localhost/none:1', 'Never');
  assert.deepEqual([never.reason, never.message], ['ErrImageNeverPull', 'Container image "localhost/none:1" is not present with pull policy of Never']); // prettier-ignore
  const pull = await problemOf('localhost:1/none:1');
  assert.equal(pull.reason, 'ErrImagePull');
  assert.match(pull.message, /localhost:1/);
  assert.equal((await problemOf('a b')).reason, 'InvalidImageName');
});

test('limits hold, and what a container uses is counted', async () => {
  const ref = await refOf(IMAGE);
  const big = plain('big', ref, {
    limits: { memoryBytes: 16 << 20, cpuMillis: 500 },
    image: {
      name: IMAGE,
      command: ['/bin/sh', '-c', 'x=$(cat /dev/zero | tr "\\0" x | head -c 200000000); echo survived'],
      args: [],
    },
  });
  const { container, log } = await run(big);
  assert.ok(container?.reason === 'OOMKilled' || !log.includes('survived'), `${container?.reason} ${log}`);
  const busy = { name: IMAGE, command: ['/bin/sh', '-c', 'while :; do :; done'], args: [] };
  const { id } = await runtime.start(plain('busy', ref, { image: busy, limits: { cpuMillis: 100 } }));
  await until('its CPU time is counted', () => (runtime.usage(id).cpuNanos ?? 0) > 1_000_000);
  await runtime.kill(id);
});

test('a runtime that was killed: containers go on, and their ends are told when it is back', async () => {
  const ref = await refOf(IMAGE);
  const image = { name: IMAGE, command: ['/bin/sh', '-c', 'sleep 1; exit 6'], args: [] };
  const { id } = await runtime.start(plain('outlives', ref, { image }));
  await containerd.kill();
  await until('the node says so', () => !runtime.sandboxes.ready());
  assert.match(runtime.sandboxes.problem() ?? '', /the container runtime does not answer/);
  assert.equal(runtime.sandboxes.health('own-uid'), 'whole', 'what is not known is not lost');
  assert.equal(runtime.container(id)?.state, 'running');
  await containerd.start();
  await until('its end is told', () => runtime.container(id)?.state === 'exited');
  assert.equal(runtime.container(id)?.exitCode, 6);
  assert.ok(runtime.sandboxes.ready());
});

test('a sandbox that dies is told, and the next one takes its place', async () => {
  const pod = { uid: 'own-uid', namespace: 'default', name: 'own', sandbox };
  const before = runtime.sandboxes.readySandbox('own-uid');
  const losses: string[] = [];
  using _ = runtime.sandboxes.onLoss((uid) => losses.push(uid));
  execFileSync('ctr', [
    '-a',
    path.join(dir, 'containerd.sock'),
    '-n',
    'k8s.io',
    'task',
    'kill',
    '-s',
    'SIGKILL',
    before ?? '',
  ]);
  await until('the loss is told', () => losses.includes('own-uid'));
  assert.equal(runtime.sandboxes.health('own-uid'), 'gone');
  await runtime.sandboxes.detach('own-uid');
  await runtime.sandboxes.attach(pod);
  assert.equal(runtime.sandboxes.health('own-uid'), 'whole');
  assert.notEqual(runtime.sandboxes.readySandbox('own-uid'), before);
  await runtime.removePod('own-uid');
  assert.deepEqual([...runtime.podUids()], []);
});
