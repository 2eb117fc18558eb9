import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod, Service } from '../../api/objects.ts';
import { TriggerTimes } from './trigger-time.ts';

const stored = (uid: string) => ({ name: uid, uid, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });
const service: Service = { apiVersion: 'v1', kind: 'Service', metadata: stored('s') };
const pod = (uid: string, changed: string): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: stored(uid),
  status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: changed }] },
});

test('the earliest change since the last look is what triggered', () => {
  const times = new TriggerTimes();
  const [t1, t2, t3] = ['2026-01-01T00:00:01Z', '2026-01-01T00:00:02Z', '2026-01-01T00:00:03Z'];
  assert.equal(
    times.next('k', service, [pod('a', t1)]),
    service.metadata.creationTimestamp,
    'the Service itself is new',
  );
  assert.equal(times.next('k', service, [pod('a', t1)]), undefined);
  assert.equal(times.next('k', service, [pod('a', t3), pod('b', t2)]), t2);
  assert.equal(times.next('k', service, [pod('b', t2)]), undefined, 'a pod that went has no time');
  times.forget('k');
  assert.equal(times.next('k', service, []), service.metadata.creationTimestamp);
});
