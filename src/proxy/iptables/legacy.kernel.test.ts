// iptables-legacy: chosen when the node's other programs use it; partial syncs and clean-up work the same.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { endpointSlices, services } from '../../api/index.ts';
import { createFakeClient } from '../../client/index.ts';
import { createNetns, deleteNetns, findProgram, runCommand } from '../../linux/index.ts';
import { service, slice } from '../fixtures/objects.ts';
import { cleanupProxyRules, proxyConfigOf, startProxy } from '../index.ts';

const NETNS = `test-${process.pid}-legacy`;
const skip = findProgram('iptables-legacy') === undefined ? 'iptables-legacy is not installed' : false;

before(() => createNetns(NETNS));
after(() => void deleteNetns(NETNS));

test('a node whose kubelet uses iptables-legacy gets its rules there', { skip }, async () => {
  const run = async (command: string, ...args: string[]) => (await runCommand(command, args, { netns: NETNS })).stdout;
  await run('iptables-legacy', '-t', 'mangle', '-N', 'KUBE-IPTABLES-HINT');
  const client = createFakeClient();
  await client.resource(services).create(service('default/nginx', { clusterIP: '10.96.4.7', ports: [{ port: 80 }] }));
  await client.resource(endpointSlices).create(slice('default/nginx', [{ ip: '10.0.1.79' }, { ip: '10.0.0.224' }]));
  const config = proxyConfigOf({ clusterCIDR: '10.0.0.0/8', healthzBindAddress: '', metricsBindAddress: '' });
  const proxy = await startProxy({ client, nodeName: 'node-1', config, netns: NETNS });
  try {
    await proxy.synced;
    assert.match(await run('iptables-legacy-save'), /-A KUBE-SVC-2CMXP7HKUVJN7L6M .* -j KUBE-SEP-XZRG5L6J3WL7H422/);
    assert.doesNotMatch(await run('iptables-nft-save'), /KUBE-SVC-/);
    const { endpoints } = slice('default/nginx', [{ ip: '10.0.1.79' }]);
    await client.resource(endpointSlices).patch('nginx-ipv4', { endpoints }, { type: 'merge', namespace: 'default' });
    const end = Date.now() + 2000;
    while ((await run('iptables-legacy-save')).includes('KUBE-SEP-HZXSYA2C4E7MQSH3')) {
      assert.ok(Date.now() < end, 'the chain of the endpoint that left is still there');
    }
  } finally {
    await proxy.stop();
    client.close();
  }
  assert.equal(await cleanupProxyRules({ mode: 'iptables', netns: NETNS }), true);
  assert.doesNotMatch(await run('iptables-legacy-save'), /KUBE-S|CANARY|KUBE-FORWARD/);
});
