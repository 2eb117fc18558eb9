// `--peer` with a stand-in for kube-proxy: our own proxy behind a script of another name. It must be started with
// kube-proxy's flags alone, and be measured.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { runCommand } from '../../src/linux/index.ts';

const folder = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-peer-`));
after(() => rmSync(folder, { recursive: true }));

const BENCH = path.join(import.meta.dirname, 'peer.bench.ts');
const CLI = path.join(import.meta.dirname, '../../src/cli/main.ts');

test('both proxies are measured, with kube-proxy’s flags', async () => {
  const words = path.join(folder, 'words');
  const peer = path.join(folder, 'kube-proxy');
  const script = ['#!/bin/sh', `printf '%s\\n' "$@" > ${words}`, `exec ${process.execPath} ${CLI} proxy "$@"`, ''];
  writeFileSync(peer, script.join('\n'), { mode: 0o700 });
  const sizes = ['--peer-services=20', '--peer-changes=1'];
  const { status, stdout, stderr } = await runCommand(process.execPath, [BENCH, '--peer', peer, ...sizes]);
  assert.equal(status, 0, stderr);
  const figures = stdout
    .trim()
    .split('\n')
    .map((line): Record<string, unknown> => JSON.parse(line));
  assert.deepEqual(
    figures.map((f) => [f['bench'], f['proxy'], f['services']]),
    ['portico', 'kube-proxy'].flatMap((proxy) => [
      ['proxy/peer/start', proxy, 20],
      ['proxy/peer/one-slice', proxy, 20],
    ]),
  );
  assert.ok(figures.every((f) => Number(f['seconds'] ?? f['medianMs']) > 0));
  // As `kube-proxy --help` of 1.29 to 1.36 spells them.
  assert.deepEqual(
    readFileSync(words, 'utf8')
      .trim()
      .split('\n')
      .map((w) => w.replace(/^(--kubeconfig)=.*/, '$1')),
    [
      '--kubeconfig',
      '--hostname-override=bench-node',
      '--proxy-mode=nftables',
      '--cluster-cidr=10.128.0.0/9',
      '--conntrack-max-per-core=0',
      '--kube-api-content-type=application/json',
    ],
  );
});
