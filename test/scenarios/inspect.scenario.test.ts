// `portico inspect` on a live cluster: nothing differs on a sound one, and each thing broken on purpose is named, with
// the command that shows it, in each network and proxy mode.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { PodInspection, ServiceInspection } from '../../src/trace/index.ts';
import { eventually, portico, run, shellManifest, startCluster, webManifest } from './cluster-fixture.ts';
import { checkDoctor } from './doctor-breakages.ts';
import { checkDrift } from './drift.ts';
import { checkForeignView } from './foreign-view.ts';

for (const [network, mode] of [
  ['native', 'iptables'],
  ['vxlan', 'nftables'],
] as const) {
  test(`inspect finds what is broken on purpose: ${network}, ${mode}`, async () => {
    await using cluster = startCluster('--nodes', '2', '--network', network, '--proxy-mode', mode);
    cluster.apply(webManifest({ name: 'web', replicas: 2 }));
    cluster.apply(shellManifest('shell', 'node-1'));
    cluster.kubectl('wait', '--for=condition=Ready', 'pod', '--all', '--timeout=30s');
    await checkDrift(cluster, network, mode);
    const text = run(portico, ['inspect', ...cluster.flags, 'node', 'node-1']);
    assert.match(text.stdout, /^Node node-1 .*\n {2}ready/);
    const yaml = run(portico, ['inspect', ...cluster.flags, '-o', 'yaml', 'pod', 'shell']).stdout;
    assert.match(yaml, /^pod:\n {2}namespace: default\n {2}name: shell\n/);
    if (network === 'vxlan') {
      checkDoctor(cluster);
      checkForeignView(cluster);
    }
  });
}

test('inspect says what stands between a pod and its readiness, and what does not exist', async () => {
  await using cluster = startCluster('--nodes', '1');
  cluster.apply(`apiVersion: v1
kind: Pod
metadata: { name: sick, labels: { app: sick } }
spec:
  containers:
    - name: web
      image: portico/web
      readinessProbe: { httpGet: { path: /, port: 9999 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: sick }
spec: { selector: { app: sick }, ports: [{ port: 80 }] }
`);
  const look = (kind: string, name: string) => run(portico, ['inspect', ...cluster.flags, '-o', 'json', kind, name]);
  await eventually('a pod that runs and is not ready', () => {
    const { pod, services } = JSON.parse(look('pod', 'sick').stdout) as PodInspection;
    return pod.phase === 'Running' && /ContainersNotReady|unready/i.test(pod.why ?? '') && services[0]?.ready === false
      ? true
      : undefined;
  });
  await eventually('its last events', () => {
    const { events } = JSON.parse(look('pod', 'sick').stdout) as PodInspection;
    return events.some((event) => /Warning Unhealthy: Readiness probe failed/.test(event)) ? true : undefined;
  });
  const service = JSON.parse(look('service', 'sick').stdout) as ServiceInspection;
  assert.match(service.endpoints[0]?.why ?? '', /unready|not ready|ContainersNotReady/i);
  for (const [kind, name, message] of [
    ['pod', 'nobody', /there is no pod default\/nobody/],
    ['node', 'nowhere', /there is no node nowhere/],
    ['service', 'none', /there is no Service default\/none/],
    ['configmap', 'x', /choose service, pod or node/],
  ] as const) {
    const r = look(kind, name);
    assert.equal(r.status, 1);
    assert.match(r.stderr, message);
  }
});
