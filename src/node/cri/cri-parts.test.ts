// The pure parts between the agent's values and the interface's messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SandboxSpec } from '../contract.ts';
import type { ContainerSpec } from '../runtime/contract.ts';
import { containerState, namespaceMode, type CriContainerStatus } from './api.ts';
import { containerConfig, sandboxConfig } from './config.ts';
import { containerOfStatus } from './container-state.ts';
import { endpointPath } from './cri-runtime.ts';
import { netnsOf } from './cri-sandboxes.ts';
import { podLabels, recordAnnotations } from './names.ts';
import { credentialsFor, registryOf } from './pull-credentials.ts';
import { exitCodeOf } from './remote-session.ts';

const pod = { uid: 'u', namespace: 'default', name: 'web' };
const sandbox: SandboxSpec = {
  hostname: 'web',
  sysctls: { 'net.core.somaxconn': '100' },
  shareProcesses: false,
  hostPid: false,
  hostIpc: false,
  hostNetwork: false,
  privileged: false,
  logDir: '/logs/default_web_u',
};
const record = {
  attempt: 2,
  specHash: 'h',
  logFile: '/logs/default_web_u/c/2.log',
  stdin: false,
  tty: false,
  messageFromLog: false,
  terminationMessage: '/nowhere',
};
const spec: ContainerSpec = {
  pod,
  name: 'c',
  attempt: 2,
  argv: [],
  env: [['A', 'b']],
  mounts: [{ source: '/s', target: '/t', readOnly: true }],
  files: {},
  hostname: 'web',
  netns: '/run/netns/x',
  user: { uid: 5, gid: 6, groups: [7] },
  privileged: false,
  allowPrivilegeEscalation: false,
  capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
  readOnlyRoot: true,
  stdin: false,
  stdinOnce: false,
  tty: false,
  terminationMessagePath: '/dev/termination-log',
  messageFromLog: false,
  limits: { cpuMillis: 250, cpuRequestMillis: 100, memoryBytes: 1 << 20 },
  oomScoreAdj: 900,
  sysctls: {},
  shareProcesses: false,
  hostPid: false,
  hostIpc: false,
  logDir: '/logs/default_web_u/c',
  needs: { node: false, program: false },
  imageRef: 'sha256:1',
  specHash: 'h',
  image: { name: 'busybox', command: ['sh'], args: ['-c'] },
};
const input = { node: 'c/n', spec, record, files: [{ source: '/f', target: '/etc/hosts' }] };

test('a sandbox: namespaces as the pod wants them, no host name on the host network', () => {
  const config = (spec: SandboxSpec, cgroupParent?: string) =>
    sandboxConfig({ node: 'c/n', pod, spec, attempt: 3, cgroupParent });
  const options = (more: Partial<SandboxSpec>) =>
    config({ ...sandbox, ...more }).linux?.securityContext?.namespaceOptions;
  assert.deepEqual(options({}), { network: namespaceMode.POD, pid: namespaceMode.CONTAINER, ipc: namespaceMode.POD });
  assert.deepEqual(options({ hostNetwork: true, hostPid: true, hostIpc: true }), { network: 2, pid: 2, ipc: 2 });
  assert.equal(options({ shareProcesses: true })?.pid, namespaceMode.POD);
  assert.equal(config({ ...sandbox, hostNetwork: true }).hostname, '');
  assert.deepEqual(config(sandbox).metadata, { ...pod, attempt: 3 });
  assert.equal(config(sandbox, '/all/n').linux?.cgroupParent, `/all/n/${pod.uid}`);
  assert.equal(config(sandbox).linux?.cgroupParent, undefined);
});

test('a container: resources, user, mounts, where its log goes', () => {
  const config = containerConfig(input);
  assert.deepEqual(config.linux?.resources, {
    cpuPeriod: 100_000,
    cpuQuota: 25_000,
    cpuShares: 102,
    memoryLimitInBytes: 1 << 20,
    oomScoreAdj: 900,
  });
  assert.equal(config.logPath, 'c/2.log');
  assert.deepEqual(config.mounts, [
    { containerPath: '/t', hostPath: '/s', readonly: true },
    { containerPath: '/etc/hosts', hostPath: '/f', readonly: false },
  ]);
  const security = config.linux?.securityContext;
  assert.deepEqual(
    [security?.runAsUser, security?.runAsGroup, security?.supplementalGroups],
    [{ value: 5 }, { value: 6 }, [7]],
  );
  assert.deepEqual([security?.noNewPrivs, security?.readonlyRootfs, security?.privileged], [true, true, false]);
  const ofImage = containerConfig({ ...input, spec: { ...spec, userOfImage: true } }).linux?.securityContext;
  assert.equal(ofImage?.runAsUser, undefined);
  const joined = containerConfig({ ...input, spec: { ...spec, joinProcessesOf: 'id' } }).linux?.securityContext;
  assert.deepEqual([joined?.namespaceOptions?.pid, joined?.namespaceOptions?.targetId], [namespaceMode.TARGET, 'id']);
});

test('a status becomes a container; one that no agent made is none', () => {
  const status: CriContainerStatus = {
    id: 'id',
    metadata: { name: 'c', attempt: 2 },
    state: containerState.EXITED,
    createdAt: 1_000_000_000n,
    startedAt: 2_000_000_000n,
    finishedAt: 3_500_000_000n,
    exitCode: 0,
    imageRef: 'sha256:1',
    reason: 'Completed',
    message: '',
    labels: { ...podLabels('c/n', pod), 'io.kubernetes.container.name': 'c' },
    annotations: recordAnnotations(record),
    logPath: '',
  };
  const container = containerOfStatus(status, 'containerd');
  assert.deepEqual(
    [
      container?.pod,
      container?.name,
      container?.attempt,
      container?.startedAtMs,
      container?.finishedAtMs,
      container?.reason,
    ],
    [pod, 'c', 2, 2000, 3500, 'Completed'],
  );
  const atOnce = containerOfStatus({ ...status, startedAt: 3_600_000_000n }, 'containerd');
  assert.deepEqual([atOnce?.startedAtMs, atOnce?.finishedAtMs], [3500, 3500], 'no end before the start');
  assert.equal(containerOfStatus({ ...status, state: containerState.RUNNING }, 'containerd')?.state, 'running');
  assert.equal(containerOfStatus({ ...status, annotations: {} }, 'containerd'), undefined);
});

test('credentials: by registry and path, the most specific first', () => {
  assert.equal(registryOf('nginx:1'), 'docker.io/nginx:1');
  assert.equal(registryOf('localhost/a'), 'localhost/a');
  assert.equal(registryOf('r.example:5000/a/b@sha256:1'), 'r.example:5000/a/b');
  const auth = Buffer.from('user:pa:ss').toString('base64');
  const config = JSON.stringify({
    auths: {
      'https://index.docker.io/v1/': { auth },
      'r.example': { username: 'all', password: '1' },
      'r.example/team': { username: 'team', password: '2' },
    },
  });
  assert.deepEqual(
    credentialsFor('nginx', ['not JSON', config]).map((a) => [a.username, a.password]),
    [['user', 'pa:ss']],
  );
  assert.deepEqual(
    credentialsFor('r.example/team/app:1', [config]).map((a) => a.username),
    ['team', 'all'],
  );
  assert.deepEqual(credentialsFor('r.example.evil/team/app', [config]), []);
});

test('how an exec ended: the Status object, or what went wrong', () => {
  assert.equal(exitCodeOf('{"status":"Success"}'), 0);
  const failure = {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '9' }] },
  };
  assert.equal(exitCodeOf(JSON.stringify(failure)), 9);
  assert.throws(() => exitCodeOf('{"status":"Failure","message":"no such container"}'), /no such container/);
  assert.throws(() => exitCodeOf('plain words'), /plain words/);
  assert.throws(() => exitCodeOf(''), /broke before the program ended/);
});

test('the socket and the namespace are found, or told to be missing', () => {
  assert.equal(endpointPath('unix:///run/c.sock'), '/run/c.sock');
  assert.equal(endpointPath('/run/c.sock'), '/run/c.sock');
  assert.throws(() => endpointPath('tcp://127.0.0.1:1'), /give a unix socket/);
  const info = {
    runtimeSpec: { linux: { namespaces: [{ type: 'pid' }, { type: 'network', path: '/run/netns/cni-1' }] } },
  };
  assert.equal(netnsOf(JSON.stringify(info)), '/run/netns/cni-1');
  assert.equal(netnsOf(JSON.stringify({ pid: process.pid })), `/proc/${process.pid}/ns/net`);
  assert.equal(netnsOf('nothing'), '');
});
