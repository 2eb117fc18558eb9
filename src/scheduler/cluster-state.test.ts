import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClusterState } from './cluster-state.ts';
import { node, pod } from './testing/objects.ts';

const sum = (state: ClusterState, name: string) => {
  const found = state.nodes.find((n) => n.name === name);
  return [found?.requested.get('cpu'), found?.pods.size, found?.ports.length];
};

test('a pod is counted where it is, once, and no longer when it goes', () => {
  const state = new ClusterState();
  const p = pod('p', { requests: { cpu: '2' }, hostPort: { port: 80 } });
  state.place(p, 'a');
  assert.equal(state.nodes.length, 0, 'a node that is not known takes no pods');
  for (const name of ['b', 'a']) state.setNode(name, node(name));
  assert.deepEqual(
    state.nodes.map((n) => n.name),
    ['a', 'b'],
  );
  assert.deepEqual(sum(state, 'a'), [2, 1, 1]);
  state.place(p, 'b');
  assert.deepEqual(
    [sum(state, 'a'), sum(state, 'b')],
    [
      [0, 0, 0],
      [2, 1, 1],
    ],
  );
  assert.equal(state.remove(p.metadata.uid), true);
  assert.equal(state.remove(p.metadata.uid), false);
  assert.deepEqual(sum(state, 'b'), [0, 0, 0]);
});

test('a node that comes back still has its pods', () => {
  const state = new ClusterState();
  state.setNode('a', node('a'));
  state.place(pod('p', { requests: { cpu: '1' } }), 'a');
  state.setNode('a', undefined);
  assert.equal(state.nodes.length, 0);
  state.setNode('a', node('a'));
  assert.deepEqual(sum(state, 'a'), [1, 1, 0]);
});
