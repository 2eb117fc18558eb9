import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { loadKubeconfig } from '../client/index.ts';
import { createCa } from '../pki/index.ts';
import { ensureKubeconfig, keepOtherServers } from './server-credentials.ts';

test('a kubeconfig keeps the other servers, follows their changes, and is the same file without them', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-servers-'));
  const file = path.join(dir, 'admin.kubeconfig');
  const server = 'https://192.0.2.1:6443';
  ensureKubeconfig(createCa('test'), { file, cluster: 'c', server, user: 'admin', orgs: [] });
  const alone = readFileSync(file, 'utf8');
  const known = () => loadKubeconfig(file).others?.() ?? [];
  keepOtherServers(file, ['https://192.0.2.2:6443']);
  assert.deepEqual(known(), ['https://192.0.2.2:6443']);
  keepOtherServers(file, ['https://192.0.2.3:6443', 'https://[2001:db8::1]:6443']);
  assert.deepEqual(known(), ['https://192.0.2.3:6443', 'https://[2001:db8::1]:6443']);
  assert.equal(loadKubeconfig(file).server, server);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  keepOtherServers(file, []);
  assert.equal(readFileSync(file, 'utf8'), alone);
  const byKubectl = `${alone}  extensions:\n  - extension: {servers: []}\n    name: portico/servers\n`;
  writeFileSync(file, byKubectl);
  keepOtherServers(file, ['https://192.0.2.2:6443']);
  assert.equal(readFileSync(file, 'utf8'), byKubectl, 'a file that kubectl has written is left alone');
  rmSync(dir, { recursive: true });
});
