import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, PodDisruptionBudget, policy } from '../../api/objects.ts';
import { planBudget } from './plan-budget.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const metadata = (name: string) => ({
  name,
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

const pod = (name: string, ready = true, phase = 'Running'): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata(name),
  status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

const budget = (
  spec: policy.PodDisruptionBudgetSpec,
  disruptedPods: Record<string, string> = {},
): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { ...metadata('b'), generation: 1 },
  spec,
  status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0, disruptedPods },
});

void test('says how many pods may be evicted', () => {
  const three = [pod('a'), pod('b'), pod('c', false)];
  const cases: [policy.PodDisruptionBudgetSpec, readonly Pod[], number, [number, number, number, number]][] = [
    // [allowed, healthy, desired, expected]
    [{ minAvailable: 1 }, three, 3, [1, 2, 1, 3]],
    [{ minAvailable: 2 }, three, 3, [0, 2, 2, 3]],
    [{ minAvailable: '50%' }, three, 4, [0, 2, 2, 4]],
    [{ maxUnavailable: 1 }, three, 3, [0, 2, 2, 3]],
    [{ maxUnavailable: 2 }, three, 3, [1, 2, 1, 3]],
    [{ maxUnavailable: '34%' }, three, 3, [1, 2, 1, 3]],
    [{ minAvailable: 0 }, [], 0, [0, 0, 0, 0]],
    [{ minAvailable: 1 }, [pod('done', false, 'Succeeded'), pod('a'), pod('b')], 2, [1, 2, 1, 2]],
  ];
  for (const [spec, pods, scale, expected] of cases) {
    const { status } = planBudget(budget(spec), pods, scale, NOW);
    const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status;
    assert.deepEqual(
      [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods],
      expected,
      JSON.stringify(spec),
    );
    assert.equal(status.conditions?.[0]?.status, expected[0] > 0 ? 'True' : 'False');
  }
});

void test('a pod whose eviction was allowed is no longer counted on, until that is two minutes ago', () => {
  const pods = [pod('a'), pod('b')];
  const fresh = planBudget(budget({ minAvailable: 1 }, { a: '2026-01-01T11:59:30Z' }), pods, 2, NOW);
  assert.deepEqual([fresh.status.disruptionsAllowed, fresh.recheckMs], [0, 90_000]);
  assert.deepEqual(Object.keys(fresh.status.disruptedPods ?? {}), ['a']);
  const old = planBudget(
    budget({ minAvailable: 1 }, { a: '2026-01-01T11:50:00Z', gone: '2026-01-01T11:59:59Z' }),
    pods,
    2,
    NOW,
  );
  assert.deepEqual([old.status.disruptionsAllowed, old.status.disruptedPods, old.recheckMs], [1, undefined, undefined]);
});
