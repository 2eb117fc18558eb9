import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, core } from '../../api/objects.ts';
import { desiredTaints, evictionTimeMs, silentConditions } from './node-health.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');
const stored = { name: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const node = (conditions: Record<string, string>, spec: core.NodeSpec = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: stored,
  spec,
  status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
});
const text = (taints: readonly core.Taint[]) =>
  taints.map((t) => `${t.key.replace('node.kubernetes.io/', '')}:${t.effect}`);

test('taints follow the conditions, and those of others stay', () => {
  const foreign: core.Taint = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
  const old: core.Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const cases: [name: string, n: Node, expected: string[]][] = [
    ['ready', node({ Ready: 'True' }, { taints: [foreign, old] }), ['dedicated:NoSchedule']],
    ['not ready', node({ Ready: 'False' }), ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['silent', node({ Ready: 'Unknown' }, { taints: [old] }), ['unreachable:NoSchedule', 'unreachable:NoExecute']],
    ['never spoke', node({}, { taints: [old] }), ['not-ready:NoSchedule']],
    ['cordoned', node({ Ready: 'True' }, { unschedulable: true }), ['unschedulable:NoSchedule']],
    [
      'under pressure',
      node({ Ready: 'True', MemoryPressure: 'True', DiskPressure: 'False', PIDPressure: 'Unknown' }),
      ['memory-pressure:NoSchedule'],
    ],
  ];
  for (const [name, n, expected] of cases) assert.deepEqual(text(desiredTaints(n, NOW)), expected, name);
});

test('a taint that stays keeps the time since when it holds', () => {
  const since = '2026-01-01T00:05:00Z';
  const taints = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: since }];
  const [, executing] = desiredTaints(node({ Ready: 'Unknown' }, { taints }), NOW);
  assert.equal(executing?.timeAdded, since);
});

test('silence makes what was known unknown, and adds what was never said', () => {
  const before = node({ Ready: 'True', MemoryPressure: 'False', NetworkUnavailable: 'False' });
  const after = silentConditions(before, NOW);
  assert.deepEqual(
    after.map((c) => `${c.type} ${c.status} ${c.reason ?? ''}`),
    [
      'Ready Unknown NodeStatusUnknown',
      'MemoryPressure Unknown NodeStatusUnknown',
      'NetworkUnavailable False ',
      'DiskPressure Unknown NodeStatusNeverUpdated',
      'PIDPressure Unknown NodeStatusNeverUpdated',
    ],
  );
  const again = silentConditions({ ...before, status: { conditions: after } }, NOW + 1000);
  assert.deepEqual(again, after);
});

test('pods leave when their toleration of a taint runs out', () => {
  const taint: core.Taint = { key: 'k', effect: 'NoExecute', timeAdded: '2026-01-01T00:09:00Z' };
  const pod = (tolerations: core.Toleration[]): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: stored,
    spec: { containers: [], tolerations },
  });
  const inSeconds = (tolerations: core.Toleration[], taints = [taint]) => {
    const at = evictionTimeMs(pod(tolerations), taints, NOW);
    return at === undefined ? undefined : (at - NOW) / 1000;
  };
  assert.equal(inSeconds([]), 0);
  assert.equal(inSeconds([{ key: 'k', operator: 'Exists' }]), undefined);
  assert.equal(inSeconds([{ key: 'k', operator: 'Exists', tolerationSeconds: 300 }]), 240);
  assert.equal(
    inSeconds([
      { operator: 'Exists', tolerationSeconds: 300 },
      { key: 'k', operator: 'Exists', tolerationSeconds: 70 },
    ]),
    10,
  );
  assert.equal(inSeconds([{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }]), 0);
  assert.equal(inSeconds([], [{ ...taint, effect: 'NoSchedule' }]), undefined);
});
