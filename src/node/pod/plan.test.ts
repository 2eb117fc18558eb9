// Tables for what is to be done for a pod, and for the status that tells of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { core, Pod } from '../../api/objects.ts';
import type { Container } from '../runtime/contract.ts';
import type { ContainerView } from './container-view.ts';
import { planPod } from './plan.ts';
import { podStatus } from './pod-status.ts';
import { buildPatch } from './status-writer.ts';

const NOW = 1_700_000_000_000;

function pod(spec: Partial<core.PodSpec>, status: core.PodStatus = {}): Pod {
  const metadata = { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec }, status };
}

function container(name: string, state: Container['state'], o: Partial<Container> = {}): Container {
  const fixed = { id: `${name}-id`, pod: { uid: 'u', namespace: 'ns', name: 'p' }, name, attempt: 0, imageRef: 'r', specHash: '', createdAtMs: NOW - 2000, startedAtMs: NOW - 1000, logFile: '', stdin: false, tty: false }; // prettier-ignore
  return {
    ...fixed,
    state,
    ...(state === 'exited' ? { finishedAtMs: NOW, exitCode: 0, reason: 'Completed' } : {}),
    ...o,
  };
}

type Short = 'running' | 'ready' | 'unstarted' | number;

/** `running` = not ready yet; `unstarted` = startup probe open; a number = ended with it. */
function views(short: Readonly<Record<string, Short>>): Map<string, ContainerView> {
  return new Map(
    Object.entries(short).map(([name, s]) => {
      const isRunning = typeof s === 'string';
      const current = isRunning
        ? container(name, 'running')
        : container(name, 'exited', { exitCode: s, reason: s === 0 ? 'Completed' : 'Error' });
      return [name, { current, started: isRunning && s !== 'unstarted', ready: s === 'ready', ending: false }];
    }),
  );
}

const c = (name: string): core.Container => ({ name, image: 'i' });
const sidecar = (name: string): core.Container => ({ ...c(name), restartPolicy: 'Always' }) as core.Container;

const SPECS = {
  one: { containers: [c('a')] },
  two: { containers: [c('a'), c('b')] },
  init: { initContainers: [c('i'), c('j')], containers: [c('a')] },
  side: { initContainers: [sidecar('s'), c('i')], containers: [c('a')] },
} satisfies Record<string, Partial<core.PodSpec>>;

test('in a new sandbox init containers run again, one after the other, before the others', () => {
  const startsWith = (have: ReadonlyMap<string, ContainerView>) =>
    planPod({
      pod: pod(SPECS.init),
      views: have,
      nowMs: NOW,
      startTimeMs: NOW - 5000,
      nextStartMs: (_, finishedAtMs) => finishedAtMs,
      sandboxSinceMs: NOW - 100,
    }).start.map((s) => `${s.container.name}.${s.attempt}`);
  const old = views({ i: 0, j: 0, a: 143 });
  assert.deepEqual(startsWith(old), ['i.1']);
  const again = (name: string, exitCode: number): [string, ContainerView] => [
    name,
    {
      current: container(name, 'exited', { attempt: 1, createdAtMs: NOW - 50, exitCode }),
      started: false,
      ready: false,
      ending: false,
    },
  ];
  assert.deepEqual(startsWith(new Map([...old, again('i', 0)])), ['j.1']);
  assert.deepEqual(startsWith(new Map([...old, again('i', 0), again('j', 0)])), ['a.1']);
  assert.deepEqual(startsWith(new Map([...old, again('i', 1)])), ['i.2'], 'one that fails now is repeated');
});

test('planPod() starts, restarts, waits and ends', () => {
  const cases: [
    spec: keyof typeof SPECS,
    policy: string,
    have: Record<string, Short>,
    starts: string,
    ends?: string,
  ][] = [
    ['one', 'Always', {}, 'a:0'],
    ['one', 'Always', { a: 'running' }, ''],
    ['one', 'Always', { a: 0 }, 'a:1'],
    ['one', 'OnFailure', { a: 0 }, ''],
    ['one', 'OnFailure', { a: 1 }, 'a:1'],
    ['one', 'Never', { a: 1 }, ''],
    ['two', 'Always', {}, 'a:0 b:0'],
    ['two', 'Never', { a: 0 }, 'b:0'],
    ['init', 'Always', {}, 'i:0'],
    ['init', 'Always', { i: 'running' }, ''],
    ['init', 'Always', { i: 0 }, 'j:0'],
    ['init', 'Always', { i: 0, j: 1 }, 'j:1'],
    ['init', 'Never', { i: 1 }, ''],
    ['init', 'Never', { i: 0, j: 0 }, 'a:0'],
    ['init', 'Always', { a: 1 }, 'a:1'],
    ['side', 'Always', {}, 's:0'],
    ['side', 'Always', { s: 'unstarted' }, ''],
    ['side', 'Always', { s: 'running' }, 'i:0'],
    ['side', 'Always', { s: 1 }, 's:1'],
    ['side', 'Always', { s: 'running', i: 0 }, 'a:0'],
    ['side', 'Never', { s: 1, i: 0, a: 'running' }, 's:1'],
    ['side', 'Never', { s: 'running', i: 0, a: 0 }, '', 's'],
    ['side', 'Never', { s: 0, i: 0, a: 0 }, ''],
  ];
  for (const [spec, policy, have, starts, ends = ''] of cases) {
    const plan = planPod({
      pod: pod({ ...SPECS[spec], restartPolicy: policy }),
      views: views(have),
      nowMs: NOW,
      startTimeMs: NOW,
      nextStartMs: (_, finishedAtMs) => finishedAtMs,
    });
    const title = `${spec} ${policy} ${JSON.stringify(have)}`;
    assert.equal(plan.start.map((s) => `${s.container.name}:${s.attempt}`).join(' '), starts, title);
    assert.equal(plan.end.map((e) => e.name).join(' '), ends, title);
  }
});

test('planPod() waits for the back-off and for the deadline', () => {
  const input = { pod: pod(SPECS.one), views: views({ a: 1 }), nowMs: NOW, startTimeMs: NOW - 5000 };
  const plan = planPod({ ...input, nextStartMs: (_, at) => at + 10_000 });
  assert.deepEqual([plan.start.length, plan.wakeAtMs, plan.backingOff[0]?.untilMs], [0, NOW + 10_000, NOW + 10_000]);
  const late = planPod({ ...input, pod: pod({ ...SPECS.one, activeDeadlineSeconds: 5 }), nextStartMs: () => NOW });
  assert.equal(late.deadlineExceeded, true);
});

function statusOf(spec: Partial<core.PodSpec>, have: Map<string, ContainerView>, status: core.PodStatus = {}) {
  return podStatus({
    pod: pod(spec, status),
    views: have,
    nowMs: NOW,
    startTimeMs: NOW,
    hostIps: ['172.30.0.11'],
    podIps: ['10.0.0.1'],
    hasSandbox: true,
  });
}

const condition = (s: core.PodStatus, type: string) => {
  const x = s.conditions?.find((y) => y.type === type);
  return `${x?.status}${x?.reason === undefined ? '' : ` ${x.reason}`}${x?.message === undefined ? '' : `: ${x.message}`}`;
};

test('podStatus(): phase and conditions as kubelet has them', () => {
  const unready = (...names: string[]) =>
    `False ContainersNotReady: containers with unready status: [${names.join(' ')}]`;
  const cases: [
    spec: keyof typeof SPECS,
    policy: string,
    have: Record<string, Short>,
    phase: string,
    initialized: string,
    ready: string,
  ][] = [
    ['one', 'Always', {}, 'Pending', 'True', unready('a')],
    ['one', 'Always', { a: 'running' }, 'Running', 'True', unready('a')],
    ['one', 'Always', { a: 'ready' }, 'Running', 'True', 'True'],
    ['one', 'Always', { a: 0 }, 'Running', 'True', unready('a')],
    ['one', 'OnFailure', { a: 1 }, 'Running', 'True', unready('a')],
    ['one', 'OnFailure', { a: 0 }, 'Succeeded', 'True PodCompleted', 'False PodCompleted'],
    ['one', 'Never', { a: 1 }, 'Failed', 'True', 'False PodFailed'],
    ['two', 'Never', { a: 0, b: 'ready' }, 'Running', 'True', unready('a')],
    ['two', 'Always', { a: 'ready' }, 'Pending', 'True', unready('b')],
    [
      'init',
      'Always',
      { i: 'running' },
      'Pending',
      'False ContainersNotInitialized: containers with incomplete status: [i j]',
      unready('a'),
    ],
    [
      'init',
      'Never',
      { i: 1 },
      'Failed',
      'False ContainersNotInitialized: containers with incomplete status: [i j]',
      'False PodFailed',
    ],
    ['init', 'Always', { i: 0, j: 0, a: 'ready' }, 'Running', 'True', 'True'],
    ['side', 'Always', { s: 'running', i: 0, a: 'ready' }, 'Running', 'True', unready('s')],
    ['side', 'Always', { s: 'ready', i: 0, a: 'ready' }, 'Running', 'True', 'True'],
    ['side', 'Never', { s: 'ready', i: 0, a: 0 }, 'Running', 'True', unready('a')],
    ['side', 'Never', { s: 0, i: 0, a: 0 }, 'Succeeded', 'True PodCompleted', 'False PodCompleted'],
  ];
  for (const [spec, policy, have, phase, initialized, ready] of cases) {
    const s = statusOf({ ...SPECS[spec], restartPolicy: policy }, views(have));
    const title = `${spec} ${policy} ${JSON.stringify(have)}`;
    assert.equal(s.phase, phase, title);
    assert.equal(condition(s, 'Initialized'), initialized, title);
    assert.equal(condition(s, 'Ready'), ready, title);
  }
});

test('podStatus(): states of containers', () => {
  const waiting = { reason: 'CrashLoopBackOff', message: 'back-off 10s' };
  const ended = container('a', 'exited', { exitCode: 3, reason: 'Error', attempt: 2, message: 'why' });
  const s = statusOf(
    SPECS.one,
    new Map([['a', { current: ended, waiting, started: false, ready: false, ending: false }]]),
  );
  const status = s.containerStatuses?.[0];
  assert.deepEqual(status?.state, { waiting });
  assert.equal(status?.lastState?.terminated?.exitCode, 3);
  assert.equal(status?.lastState?.terminated?.message, 'why');
  assert.equal(status?.restartCount, 2);
  assert.equal(s.phase, 'Running');
  assert.equal(
    statusOf(SPECS.init, views({ i: 'running' })).containerStatuses?.[0]?.state?.waiting?.reason,
    'PodInitializing',
  );
  assert.equal(statusOf(SPECS.one, views({})).containerStatuses?.[0]?.state?.waiting?.reason, 'ContainerCreating');
});

test('podStatus(): readiness gates, conditions of others, transition times', () => {
  const spec = { ...SPECS.one, readinessGates: [{ conditionType: 'example.com/ok' }] };
  const other: core.PodCondition = { type: 'example.com/ok', status: 'False' };
  const past = { type: 'ContainersReady', status: 'True', lastTransitionTime: '2020-01-01T00:00:00Z' };
  const s = statusOf(spec, views({ a: 'ready' }), { conditions: [other, past] });
  assert.match(
    condition(s, 'Ready'),
    /^False ReadinessGatesNotReady: the status of pod readiness gate "example.com\/ok" is not "True", but False/,
  );
  assert.equal(s.conditions?.find((x) => x.type === 'ContainersReady')?.lastTransitionTime, past.lastTransitionTime);
  assert.deepEqual(s.conditions?.at(-1), other);
  assert.match(condition(statusOf(spec, views({ a: 'ready' })), 'Ready'), /does not exist/);
});

test('podStatus(): a pod that was evicted says that the node ended it', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [c('a')] },
  };
  const facts = { pod, views: new Map(), nowMs: 0, startTimeMs: 0, hostIps: [], podIps: [], hasSandbox: true };
  const of = (reason: string) => podStatus({ ...facts, failure: { reason, message: 'full' } });
  const told = of('Evicted').conditions?.find((x) => x.type === 'DisruptionTarget');
  assert.deepEqual([told?.status, told?.reason, told?.message], ['True', 'TerminationByKubelet', 'full']);
  assert.deepEqual([of('Evicted').phase, of('Evicted').reason], ['Failed', 'Evicted']);
  assert.ok(of('DeadlineExceeded').conditions?.every((x) => x.type !== 'DisruptionTarget'));
});

test('buildPatch() holds only what changed', () => {
  const before: core.PodStatus = { phase: 'Pending', podIPs: [{ ip: '1' }], reason: 'x', qosClass: 'BestEffort' };
  const after: core.PodStatus = { phase: 'Running', podIPs: [{ ip: '2' }], qosClass: 'BestEffort' };
  assert.deepEqual(buildPatch('u', before, after, 'merge'), {
    metadata: { uid: 'u' },
    status: { phase: 'Running', podIPs: [{ ip: '2' }], reason: null },
  });
  const strategic = buildPatch('u', before, after, 'strategic') as { status: core.PodStatus };
  assert.deepEqual(strategic.status.podIPs, [{ ip: '2' }, { $patch: 'replace' }]);
});
