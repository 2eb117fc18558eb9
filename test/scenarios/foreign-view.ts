// The commands that look into kernels, given the kubeconfig of a cluster that was not started here: run inside a node's
// own namespace they see that node and its pods, and say what they do not see.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { ServiceInspection, TraceReport } from '../../src/trace/index.ts';
import { portico, run } from './cluster-fixture.ts';
import type { Cluster } from './cluster-fixture.ts';

/** Wants pods `app=web` on node-2 and a pod `shell` on node-1. */
export function checkForeignView(cluster: Cluster): void {
  const kubeconfig = path.join(cluster.stateDir, 'foreign.kubeconfig');
  const agents = readFileSync(path.join(cluster.stateDir, 'pki', 'node-1.kubeconfig'), 'utf8');
  const server = /server: (\S+)/.exec(agents)?.[1] ?? '';
  // 127.0.0.1 is another one there.
  const admin = readFileSync(cluster.kubeconfig, 'utf8').replace(/server: \S+/, `server: ${server}`);
  writeFileSync(kubeconfig, admin, { mode: 0o600 });
  const on = (node: string, command: string, ...args: string[]) =>
    run('ip', [
      'netns',
      'exec',
      cluster.netns('node-1'),
      portico,
      command,
      '--kubeconfig',
      kubeconfig,
      '--node-name',
      node,
      ...args,
    ]);
  const note = 'node node-2 is not on this machine: what happens there is not seen';

  const traced = on('node-1', 'trace', '--json', 'shell', 'web');
  assert.equal(traced.status, 0, traced.stdout + traced.stderr);
  const report = JSON.parse(traced.stdout) as TraceReport;
  assert.equal(report.verdict.code, 'ok');
  assert.ok(report.notes.includes(note), report.notes.join());
  const places = new Set(report.walks[0]?.legs.flatMap((leg) => leg.hops.map((hop) => hop.place.name)));
  assert.ok(places.has('default/shell') && places.has('node-1') && !places.has('node-2'), [...places].join());

  const inspected = on('node-1', 'inspect', '-o', 'json', 'service', 'web');
  const seen = JSON.parse(inspected.stdout) as ServiceInspection;
  assert.deepEqual([inspected.status, seen.drift], [0, false], inspected.stdout);
  assert.deepEqual([...new Set(seen.rules.map((rule) => rule.node))], ['node-1']);
  assert.ok(seen.notes.includes(note));

  const examined = on('node-1', 'doctor');
  assert.match(examined.stdout, /^ok {3}node-1: net\.ipv4\.ip_forward: 1$/m);
  assert.match(examined.stdout, /^ok {3}node-1: routes and rules: /m);
  assert.doesNotMatch(examined.stdout, /node-2: mtu/);

  const elsewhere = on('stranger', 'doctor');
  assert.match(elsewhere.stderr, /this machine is no node of the cluster \(--node-name stranger\)/);
  for (const [from, message] of [
    ['shell', /pod default\/shell runs on node-1, which is not on this machine: run the trace there/],
    ['node/node-2', /node node-2 is not on this machine: run the trace there/],
    ['external', /no place outside the cluster to trace from on this machine/],
  ] as const) {
    const refused = on('stranger', 'trace', from, 'web');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, message);
  }
}
