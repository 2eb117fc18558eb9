import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../api/objects.ts';
import { decideItem } from './decide-item.ts';
import type { OwnerState } from './decide-item.ts';

const item = (
  owners: readonly string[],
  more: { finalizers?: string[]; deletionTimestamp?: string } = {},
): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    uid: 'p',
    resourceVersion: '1',
    creationTimestamp: '',
    ownerReferences: owners.map((uid) => ({ apiVersion: 'v1', kind: 'K', name: uid, uid })),
    ...more,
  },
});
const states: Record<string, OwnerState> = { solid: 'solid', absent: 'absent', waiting: 'waiting' };
const decide = (object: KubeObject, hasDependents = false) =>
  decideItem(object, (r) => states[r.uid] ?? 'absent', hasDependents);

test('an object goes when its last owner is gone, in the way it asks for', () => {
  assert.deepEqual(decide(item([])), { do: 'nothing' });
  assert.deepEqual(decide(item(['solid'])), { do: 'nothing' });
  assert.deepEqual(decide(item(['absent'], { deletionTimestamp: 'x' })), { do: 'nothing' });
  assert.deepEqual(decide(item(['absent'])), { do: 'delete', policy: 'Background', unblock: false });
  const asked = (f: string) => decide(item(['absent'], { finalizers: [f] }));
  assert.deepEqual(asked('orphan'), { do: 'delete', policy: 'Orphan', unblock: false });
  assert.deepEqual(asked('foregroundDeletion'), { do: 'delete', policy: 'Foreground', unblock: false });
});

test('one owner that stays is enough; references to the others go', () => {
  assert.deepEqual(decide(item(['solid', 'absent', 'waiting'])), { do: 'unlink', uids: ['absent', 'waiting'] });
});

test('an owner that waits takes its dependents along, from the bottom up', () => {
  assert.deepEqual(decide(item(['waiting'])), { do: 'delete', policy: 'Background', unblock: false });
  assert.deepEqual(decide(item(['waiting']), true), { do: 'delete', policy: 'Foreground', unblock: true });
});
