// Who has to go for whom: a table of clusters, and what is chosen or said.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod, PodDisruptionBudget } from '../api/objects.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Nomination } from './nominations.ts';
import { placePod } from './place-pod.ts';
import { choosePreemption } from './preemption.ts';
import { cluster, node, pod, type PodFacts } from './testing/objects.ts';

interface Facts extends PodFacts {
  priority?: number;
  /** Minute of the start; absent: it has not begun. */
  start?: number;
  leaving?: 'preempted' | 'deleted';
}

function p(name: string, cpu: string, facts: Facts = {}): Pod {
  const { priority = 0, start, leaving } = facts;
  const made = pod(name, { ...facts, requests: { cpu }, spec: { priority, ...facts.spec } });
  const told = { type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' };
  const status = {
    ...(start === undefined ? {} : { startTime: `2026-01-01T00:${String(start).padStart(2, '0')}:00Z` }),
    ...(leaving === 'preempted' ? { conditions: [told] } : {}),
  };
  const deletion = leaving === undefined ? {} : { deletionTimestamp: '2026-01-01T00:00:00Z' };
  return { ...made, metadata: { ...made.metadata, ...deletion }, status };
}

const budget = (labels: Record<string, string>, allowed: number, disrupted: string[] = []): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'b', namespace: 'default', uid: 'b', resourceVersion: '1', creationTimestamp: '' },
  spec: { selector: { matchLabels: labels } },
  status: {
    disruptionsAllowed: allowed,
    currentHealthy: 1,
    desiredHealthy: 1,
    expectedPods: 1,
    disruptedPods: Object.fromEntries(disrupted.map((name) => [name, '2026-01-01T00:00:00Z'])),
  },
});

interface More {
  nominations?: Nomination[];
  budgets?: PodDisruptionBudget[];
  told?: Pod[];
}

/** `node: victim victim`, or what is said; `keeps` when an earlier promise stays. */
function outcome(incoming: Pod, state: ClusterState, { nominations = [], budgets = [], told = [] }: More = {}): string {
  const placement = placePod(incoming, state, nominations);
  assert.ok('unschedulable' in placement, 'the pod fits without preemption');
  const chosen = choosePreemption(incoming, state, {
    refusals: placement.refusals,
    nominations,
    budgets,
    isLeaving: (other) => told.includes(other),
  });
  if ('inVain' in chosen) return `${chosen.keepsNomination ? 'keeps ' : ''}${chosen.inVain}`;
  return `${chosen.node}: ${chosen.victims.map((v) => v.metadata.name).join(' ')}`;
}

// Nodes have 4 cores.
const high = (cpu: string, spec: PodFacts['spec'] = {}) => p('high', cpu, { priority: 100, spec });
const [a, b] = [node('a'), node('b')];
const app = { labels: { app: 'web' } };

const rows: readonly [what: string, incoming: Pod, state: ClusterState, expected: string, more?: More][] = [
  [
    'pods of the same priority are safe',
    high('2'),
    cluster([a], { a: [p('x', '4', { priority: 100 })] }),
    'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
  ],
  [
    'what lies in the node does not go away with pods',
    high('2', { nodeSelector: { disk: 'ssd' } }),
    cluster([a, node('b', { labels: { disk: 'ssd' } })], { b: [p('x', '4', { priority: 100 })] }),
    'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  ],
  [
    'a pod that is larger than every node drives out nobody',
    high('5'),
    cluster([a], { a: [p('x', '4')] }),
    'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  ],
  [
    'the rest that is more important may be too much',
    high('2'),
    cluster([a], { a: [p('x', '3', { priority: 200 }), p('y', '1')] }),
    'preemption: 0/1 nodes are available: 1 Insufficient cpu.',
  ],
  ['as few as possible go', high('2'), cluster([a], { a: [p('x', '2'), p('y', '1'), p('z', '1')] }), 'a: y z'],
  [
    'the least important go',
    high('2'),
    cluster([a], { a: [p('x', '2', { priority: 2 }), p('y', '2', { priority: 1 })] }),
    'a: y',
  ],
  [
    'of equals those that began last',
    high('2'),
    cluster([a], { a: [p('x', '2', { start: 5 }), p('y', '2', { start: 9 })] }),
    'a: y',
  ],
  [
    'the node whose most important victim is the least important',
    high('4'),
    cluster([a, b], {
      a: [p('x', '2', { priority: 50 }), p('y', '2', { priority: 1 })],
      b: [p('v', '2', { priority: 40 }), p('w', '2', { priority: 40 })],
    }),
    'b: v w',
  ],
  [
    'then the least sum',
    high('4'),
    cluster([a, b], {
      a: [p('x', '2', { priority: 50 }), p('y', '2', { priority: 10 })],
      b: [p('v', '2', { priority: 50 }), p('w', '2', { priority: 9 })],
    }),
    'b: v w',
  ],
  [
    'fewer victims, though their priorities be negative',
    high('4'),
    cluster([a, b], {
      a: [p('x', '2', { priority: -9 }), p('y', '2', { priority: -9 })],
      b: [p('v', '4', { priority: -9 })],
    }),
    'b: v',
  ],
  [
    'then the one that began last',
    high('4'),
    cluster([a, b], { a: [p('x', '4', { start: 1 })], b: [p('v', '4', { start: 2 })] }),
    'b: v',
  ],
  [
    'a pod that a budget protects is spared for a more important one that nobody protects',
    high('2'),
    cluster([a], { a: [p('x', '2', app), p('y', '2', { priority: 5 })] }),
    'a: y',
    { budgets: [budget({ app: 'web' }, 0)] },
  ],
  [
    'and goes if there is no other way',
    high('4'),
    cluster([a], { a: [p('x', '4', app)] }),
    'a: x',
    { budgets: [budget({ app: 'web' }, 0)] },
  ],
  [
    'a node without broken promises is better than one with less important victims',
    high('4'),
    cluster([a, b], { a: [p('x', '4', app)], b: [p('v', '4', { priority: 99 })] }),
    'b: v',
    { budgets: [budget({ app: 'web' }, 0)] },
  ],
  [
    'what a budget still allows breaks no promise',
    high('4'),
    cluster([a, b], { a: [p('x', '4', app)], b: [p('v', '4', { priority: 99 })] }),
    'a: x',
    { budgets: [budget({ app: 'web' }, 1)] },
  ],
  [
    'nor does a departure that was allowed before',
    high('4'),
    cluster([a, b], { a: [p('x', '4', app)], b: [p('v', '4', { priority: 99 })] }),
    'a: x',
    { budgets: [budget({ app: 'web' }, 0, ['x'])] },
  ],
  [
    'nor an empty selector',
    high('4'),
    cluster([a, b], { a: [p('x', '4', app)], b: [p('v', '4', { priority: 99 })] }),
    'a: x',
    { budgets: [budget({}, 0)] },
  ],
  [
    'a host port is freed',
    p('high', '1', { priority: 100, hostPort: { port: 80 } }),
    cluster([a], { a: [p('x', '1', { hostPort: { port: 80 } }), p('y', '1')] }),
    'a: x',
  ],
  [
    'anti-affinity of those who are there is lifted',
    p('high', '1', { priority: 100, ...app }),
    cluster([a], {
      a: [
        p('x', '1', {
          spec: {
            affinity: {
              podAntiAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: [
                  { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } },
                ],
              },
            },
          },
        }),
        p('y', '1'),
      ],
    }),
    'a: x',
  ],
  [
    'a pod that may not, does not',
    high('4', { preemptionPolicy: 'Never' }),
    cluster([a], { a: [p('x', '4')] }),
    'keeps preemption: not eligible due to preemptionPolicy=Never.',
  ],
];

describe('preemption', () => {
  for (const [what, incoming, state, expected, more] of rows) {
    test(what, () => assert.equal(outcome(incoming, state, more), expected));
  }

  const waiting = 'keeps preemption: not eligible due to a terminating pod on the nominated node.';
  for (const [what, victim, told, expected] of [
    ['whose victim is on its way out waits', p('x', '4', { leaving: 'preempted' }), false, waiting],
    ['whose victim was told a moment ago waits', p('x', '4'), true, waiting],
    ['whose node is emptied by somebody else chooses anew', p('x', '4', { leaving: 'deleted' }), false, 'a: x'],
  ] as const) {
    test(`a pod ${what}`, () => {
      const incoming = high('4');
      const state = cluster([a], { a: [victim] });
      const nominations = [{ pod: incoming, node: 'a' }];
      assert.equal(outcome(incoming, state, { nominations, told: told ? [victim] : [] }), expected);
    });
  }

  test('a promise is lost with the node', () => {
    const incoming = high('4');
    const state = cluster([node('a', { unschedulable: true }), b], {
      a: [p('x', '4', { leaving: 'preempted' })],
      b: [p('v', '4')],
    });
    assert.equal(outcome(incoming, state, { nominations: [{ pod: incoming, node: 'a' }] }), 'b: v');
  });

  test('room that was promised counts for all who are not more important', () => {
    const promised = [{ pod: high('3'), node: 'a' }];
    const where = (incoming: Pod, nominations = promised) => {
      const placement = placePod(incoming, cluster([a]), nominations);
      return 'node' in placement ? placement.node : placement.unschedulable;
    };
    const full = '0/1 nodes are available: 1 Insufficient cpu.';
    assert.equal(where(p('low', '2')), full);
    assert.equal(where(p('equal', '2', { priority: 100 })), full);
    assert.equal(where(p('small', '1')), 'a');
    assert.equal(where(p('higher', '2', { priority: 101 })), 'a');
    assert.equal(where(p('low', '2'), []), 'a');
  });

  test('a pod goes where it was promised room, if it fits there', () => {
    const incoming = high('1');
    const state = cluster([a, b], { a: [p('x', '1')] });
    const at = (nominated: string) => placePod(incoming, state, [{ pod: incoming, node: nominated }]);
    assert.deepEqual([at('a'), at('b'), at('gone')], [{ node: 'a' }, { node: 'b' }, { node: 'b' }]);
  });
});
