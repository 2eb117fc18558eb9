import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { silentLogger } from '../log/index.ts';
import { openAuditLog } from './audit-log.ts';

void it('adds lines to what is there, for its owner only', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-audit-'));
  const file = path.join(folder, 'audit.log');
  for (const line of ['{"a":1}', '{"b":2}']) {
    const audit = openAuditLog(file, silentLogger);
    audit.write(line);
    audit.close();
    for (let i = 0; i < 100; i++) {
      await sleep(5);
      if (existsSync(file) && readFileSync(file, 'utf8').includes(line)) break;
    }
  }
  assert.equal(readFileSync(file, 'utf8'), '{"a":1}\n{"b":2}\n');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  rmSync(folder, { recursive: true });
});

void it('says that it cannot write, and goes on', async () => {
  const said: string[] = [];
  const log = { ...silentLogger, error: (message: string) => said.push(message) };
  const audit = openAuditLog('/no/such/folder/audit.log', log);
  for (let i = 0; i < 100 && said.length === 0; i++) await sleep(5);
  audit.write('lost');
  audit.close();
  assert.deepEqual(said, ['the audit log cannot be written']);
});
