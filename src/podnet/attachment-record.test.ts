import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { AttachmentRecord } from './attachment-record.ts';

test('AttachmentRecord keeps what was put, across instances', (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-record-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const stateDir = path.join(dir, 'podnet');
  const first = new AttachmentRecord(stateDir);
  const a = { uid: 'a', namespace: 'default', name: 'web', netns: 'c-pod-1', ips: ['10.244.1.1'] };
  first.put(a, new Map([['10.244.1.0/24', '10.244.1.1']]));
  first.put({ ...a, uid: 'b', ips: ['10.244.1.2'] }, new Map([['10.244.1.0/24', '10.244.1.2']]));
  first.remove('b');
  first.remove('never there');

  const second = new AttachmentRecord(stateDir);
  assert.deepEqual([...second.attachments.values()], [a]);
  assert.deepEqual([...second.usedAddresses()], ['10.244.1.1']);
  assert.equal(second.lastAddress('10.244.1.0/24'), '10.244.1.2', 'an address given back stays behind the cursor');

  writeFileSync(path.join(stateDir, 'attachments.json'), '{"version":1,');
  assert.throws(() => new AttachmentRecord(stateDir), /attachments\.json is not a record of pod addresses; remove/);
});
