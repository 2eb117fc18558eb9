import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Pod } from '../api/objects.ts';
import { drainPart } from './drain-node.ts';

const pod = (more: { owner?: string; phase?: string; mirror?: boolean }): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'p',
    uid: '1',
    resourceVersion: '1',
    creationTimestamp: '',
    ...(more.mirror === true ? { annotations: { 'kubernetes.io/config.mirror': 'x' } } : {}),
    ...(more.owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'apps/v1', kind: more.owner, name: 'o', uid: 'u', controller: true }] }),
  },
  status: { phase: more.phase ?? 'Running' },
});

test('a drain evicts what somebody replaces, and leaves what would come back at once', () => {
  assert.equal(drainPart(pod({ owner: 'ReplicaSet' })), 'evict');
  assert.equal(drainPart(pod({ owner: 'StatefulSet' })), 'evict');
  assert.equal(drainPart(pod({ owner: 'DaemonSet' })), 'stays');
  assert.equal(drainPart(pod({ mirror: true })), 'stays');
  assert.equal(drainPart(pod({})), 'nobody replaces it');
  assert.equal(drainPart(pod({ phase: 'Succeeded' })), 'evict');
});
