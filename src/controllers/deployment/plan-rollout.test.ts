import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, ReplicaSet } from '../../api/objects.ts';
import { isScalingEvent, newSetSize, rolloutBounds, scaleSets, setsToForget, shrinkOldSets } from './plan-rollout.ts';
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION, findNewSet, newSetAnnotations, revisionOf } from './replica-sets.ts';

const stored = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });

type Amount = number | string;
const deployment = (replicas: number, surge: Amount = '25%', unavailable: Amount = '25%'): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: stored('web'),
  spec: {
    replicas,
    selector: {},
    template: {},
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
  },
});

/** A set of `size`, of which `available` work; annotated as the controller leaves it. */
function set(name: string, size: number, available = size, annotations: Record<string, string> = {}): ReplicaSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { ...stored(name), annotations },
    spec: { replicas: size, selector: {} },
    status: { replicas: size, availableReplicas: available },
  };
}
const sized = (name: string, size: number, desired: number, max: number, available = size) =>
  set(name, size, available, { [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(max) });
const steps = (list: readonly { set: ReplicaSet; to: number }[]) =>
  Object.fromEntries(list.map((s) => [s.set.metadata.name, s.to]));

test('bounds: surge rounds up, unavailable down, both zero lets one be unavailable', () => {
  const cases: [Deployment, number, number][] = [
    [deployment(10), 3, 2],
    [deployment(3), 1, 0],
    [deployment(1), 1, 0],
    [deployment(4, 0, 0), 0, 1],
    [deployment(2, 0, '10%'), 0, 1],
    [deployment(3, 2, 5), 2, 3],
    [deployment(0), 0, 0],
  ];
  for (const [d, surge, unavailable] of cases) assert.deepEqual(rolloutBounds(d), { surge, unavailable });
});

test('the new set grows as far as the surge lets it', () => {
  const cases: [d: Deployment, newSize: number, old: number, expected: number][] = [
    [deployment(10), 0, 0, 10],
    [deployment(10), 0, 10, 3],
    [deployment(10), 3, 10, 3],
    [deployment(10), 3, 8, 5],
    [deployment(10), 9, 0, 10],
    [deployment(10), 12, 0, 10],
    [deployment(10, 0, 1), 0, 10, 0],
    [deployment(3), 0, 3, 1],
  ];
  for (const [d, newSize, old, expected] of cases) {
    assert.equal(newSetSize(d, [set('new', newSize), set('old', old)], newSize), expected);
  }
});

test('old sets shrink only as far as enough pods are available, broken ones first', () => {
  const d = deployment(10, 3, 2);
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 3, 0), [set('old', 10)])), { old: 8 });
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 5, 3), [set('old', 8)])), { old: 5 });
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 5, 0), [set('old', 8)])), {});
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 10), [set('old', 3)])), { old: 0 });
  // Nothing works in the old set: it goes although nothing is available.
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 3, 0), [set('old', 10, 0)])), { old: 8 });
  assert.deepEqual(steps(shrinkOldSets(d, set('new', 3, 3), [set('a', 5, 0), set('b', 5, 5)])), { a: 0 });
  assert.deepEqual(steps(shrinkOldSets(d, undefined, [])), {});
});

test('a rollout simulated step by step keeps its promises and ends', () => {
  for (const [replicas, surge, unavailable] of [
    [10, '25%', '25%'],
    [1, '25%', '25%'],
    [7, 0, 1],
    [5, '100%', 0],
    [3, 1, '50%'],
  ] as const) {
    const d = deployment(replicas, surge, unavailable);
    const bounds = rolloutBounds(d);
    let oldSize: number = replicas;
    let newSize = 0;
    for (let round = 0; oldSize > 0 || newSize < replicas; round++) {
      assert.ok(round < 100, `the rollout of ${replicas} (${surge}, ${unavailable}) does not end`);
      newSize = newSetSize(d, [set('new', newSize), set('old', oldSize)], newSize);
      assert.ok(oldSize + newSize <= replicas + bounds.surge);
      oldSize = shrinkOldSets(d, set('new', newSize), [set('old', oldSize)])[0]?.to ?? oldSize;
      assert.ok(oldSize + newSize >= replicas - bounds.unavailable);
    }
  }
});

test('scaling during a rollout keeps the shares of the sets', () => {
  // 10 with surge 3: 13 pods in two sets; now 20 are wanted.
  const d = deployment(20, 3, 2);
  const sets: [ReplicaSet, ReplicaSet] = [sized('new', 5, 10, 13), sized('old', 8, 10, 13)];
  assert.equal(isScalingEvent(d, sets), true);
  assert.deepEqual(steps(scaleSets(d, sets[0], [sets[1]])), { old: 14, new: 9 });
  // And down again.
  assert.deepEqual(steps(scaleSets(deployment(5, 3, 2), sets[0], [sets[1]])), { old: 5, new: 3 });
  assert.deepEqual(steps(scaleSets(deployment(0), sets[0], [sets[1]])), { old: 0, new: 0 });
});

test('scaling outside of a rollout sizes the one set there is', () => {
  assert.deepEqual(steps(scaleSets(deployment(5), sized('new', 3, 3, 4), [])), { new: 5 });
  assert.deepEqual(steps(scaleSets(deployment(5), undefined, [set('old', 3)])), { old: 5 });
  // All pods wanted are the new set's: what is left of the old ones goes.
  assert.deepEqual(steps(scaleSets(deployment(4), sized('new', 4, 4, 5), [set('old', 1)])), { old: 0 });
  assert.equal(isScalingEvent(deployment(3), [sized('new', 3, 3, 4)]), false);
  assert.equal(isScalingEvent(deployment(4), [sized('new', 0, 3, 4)]), false, 'an empty set is not scaled');
});

test('history keeps the newest revisions and never a set with pods', () => {
  const sets = [1, 2, 3, 4].map((n) => set(`s${n}`, 0, 0, { [REVISION]: String(n) }));
  const d = deployment(1);
  if (d.spec !== undefined) d.spec.revisionHistoryLimit = 2;
  assert.deepEqual(
    setsToForget(d, sets, revisionOf).map((s) => s.metadata.name),
    ['s1', 's2'],
  );
  const busy = [set('s1', 1, 1, { [REVISION]: '1' }), ...sets.slice(1)];
  assert.deepEqual(
    setsToForget(d, busy, revisionOf).map((s) => s.metadata.name),
    ['s2'],
  );
});

test('the new set is found by its template, whatever the order of its fields and its hash', () => {
  const template = (image: string, hash?: string) => ({
    metadata: { labels: { app: 'web', ...(hash === undefined ? {} : { 'pod-template-hash': hash }) } },
    spec: { containers: [{ image, name: 'c', env: [] }] },
  });
  const d = deployment(1);
  if (d.spec !== undefined) d.spec.template = template('b');
  const make = (name: string, image: string): ReplicaSet => {
    const made = set(name, 1);
    return { ...made, spec: { selector: {}, template: template(image, name) } };
  };
  assert.equal(findNewSet(d, [make('x', 'a'), make('y', 'b')])?.metadata.name, 'y');
  assert.equal(findNewSet(d, [make('x', 'a')]), undefined);
  const reordered: ReplicaSet = {
    ...set('z', 1),
    spec: {
      selector: {},
      template: { spec: { containers: [{ name: 'c', image: 'b' }] }, metadata: { labels: { app: 'web' } } },
    },
  };
  assert.equal(findNewSet(d, [reordered])?.metadata.name, 'z');
});

test('a new set gets the next revision; a set that is used again remembers its old one', () => {
  const d = deployment(1);
  d.metadata.annotations = { note: 'x', [REVISION]: '2', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  const old = [set('a', 0, 0, { [REVISION]: '1' }), set('b', 0, 0, { [REVISION]: '4' })];
  assert.deepEqual(newSetAnnotations(d, {}, old), { note: 'x', [REVISION]: '5' });
  assert.deepEqual(newSetAnnotations(d, { [REVISION]: '2' }, old), {
    note: 'x',
    [REVISION]: '5',
    'deployment.kubernetes.io/revision-history': '2',
  });
});
