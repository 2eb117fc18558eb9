import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

import { endProcess, identify, isAlive, readRecord, readRecords, signal, writeRecord } from './process-record.ts';

test('a record names one process, not whoever has its pid later', () => {
  const self = identify(process.pid);
  assert.ok(self);
  assert.equal(isAlive(self), true);
  assert.equal(isAlive({ ...self, startTime: '1' }), false);
  // A signal to the wrong start time reaches nobody: this process would end.
  signal({ ...self, startTime: '1' }, 'SIGKILL');
});

test('endProcess() ends one that ignores SIGTERM', async () => {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.1; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const record = identify(child.pid ?? -1);
  assert.ok(record);
  await endProcess(record, 30);
  assert.equal(isAlive(record), false);
});

test('records are read back; broken files are no records', () => {
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-records-`));
  try {
    writeRecord(path.join(dir, 'server.json'), { pid: 7, startTime: '9' });
    writeFileSync(path.join(dir, 'broken.json'), '{"pid":');
    writeFileSync(path.join(dir, 'api-port'), '6443');
    assert.deepEqual(readRecord(path.join(dir, 'server.json')), { pid: 7, startTime: '9' });
    assert.deepEqual([...readRecords(dir)], [['server', { pid: 7, startTime: '9' }]]);
    assert.equal(readRecords(path.join(dir, 'absent')).size, 0);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
