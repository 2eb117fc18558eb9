// The article's listing, line for line, on the real kernel of every node; and docs/walkthrough.md, command for command.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { eventually, root, startCluster, type Cluster } from './cluster-fixture.ts';
import { outputMatches, readConsoleBlocks } from './console-blocks.ts';

const SERVICE = 'KUBE-SVC-2CMXP7HKUVJN7L6M';
const ENDPOINT_1 = 'KUBE-SEP-XZRG5L6J3WL7H422';
const ENDPOINT_2 = 'KUBE-SEP-HZXSYA2C4E7MQSH3';

const slice = (addresses: string[]) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: nginx-by-hand, labels: {kubernetes.io/service-name: nginx}}
addressType: IPv4
ports: [{name: "", port: 80, protocol: TCP}]
endpoints: [${addresses.map((a) => `{addresses: ["${a}"]}`).join(', ')}]
`;

let cluster: Cluster;
before(() => (cluster = startCluster()));
after(() => cluster.down());

test('a Service without selector and a hand-made slice give the seed’s chains on every node', async () => {
  cluster.apply(`apiVersion: v1
kind: Service
metadata: {name: nginx}
spec:
  clusterIP: 10.109.91.212
  ports: [{port: 80}]
---
${slice(['10.0.1.79'])}`);
  const nodes = ['node-1', 'node-2', 'node-3'];
  const rulesOf = (node: string, ...chains: string[]) =>
    cluster.natRules(node).filter((l) => chains.some((c) => l.startsWith(`-A ${c} `)));

  for (const node of nodes) {
    await eventually(`one endpoint on ${node}`, () => (rulesOf(node, ENDPOINT_1).length > 0 ? true : undefined));
    const all = cluster.natRules(node);
    assert.ok(all.includes('-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'));
    assert.ok(all.includes('-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'));
    assert.ok(
      all.includes(
        `-A KUBE-SERVICES -d 10.109.91.212/32 -p tcp -m comment --comment "default/nginx cluster IP" -m tcp --dport 80 -j ${SERVICE}`,
      ),
    );
    assert.deepEqual(
      rulesOf(node, SERVICE).filter((l) => !l.includes('KUBE-MARK-MASQ')),
      [`-A ${SERVICE} -m comment --comment "default/nginx -> 10.0.1.79:80" -j ${ENDPOINT_1}`],
    );
    assert.deepEqual(rulesOf(node, ENDPOINT_1), [
      `-A ${ENDPOINT_1} -s 10.0.1.79/32 -m comment --comment "default/nginx" -j KUBE-MARK-MASQ`,
      `-A ${ENDPOINT_1} -p tcp -m comment --comment "default/nginx" -m tcp -j DNAT --to-destination 10.0.1.79:80`,
    ]);
  }

  cluster.apply(slice(['10.0.1.79', '10.0.0.224']));
  for (const node of nodes) {
    await eventually(`two endpoints on ${node}`, () => (rulesOf(node, ENDPOINT_2).length > 0 ? true : undefined));
    assert.deepEqual(
      rulesOf(node, SERVICE).filter((l) => !l.includes('KUBE-MARK-MASQ')),
      [
        `-A ${SERVICE} -m comment --comment "default/nginx -> 10.0.0.224:80" -m statistic --mode random --probability 0.50000000000 -j ${ENDPOINT_2}`,
        `-A ${SERVICE} -m comment --comment "default/nginx -> 10.0.1.79:80" -j ${ENDPOINT_1}`,
      ],
    );
    assert.deepEqual(rulesOf(node, ENDPOINT_2), [
      `-A ${ENDPOINT_2} -s 10.0.0.224/32 -m comment --comment "default/nginx" -j KUBE-MARK-MASQ`,
      `-A ${ENDPOINT_2} -p tcp -m comment --comment "default/nginx" -m tcp -j DNAT --to-destination 10.0.0.224:80`,
    ]);
  }

  cluster.kubectl('delete', 'endpointslice', 'nginx-by-hand');
  cluster.kubectl('delete', 'service', 'nginx');
  for (const node of nodes) {
    await eventually(`chains gone on ${node}`, () =>
      cluster.natRules(node).some((l) => l.includes(SERVICE) || l.includes(ENDPOINT_1) || l.includes(ENDPOINT_2))
        ? undefined
        : true,
    );
  }
});

test('the commands of docs/walkthrough.md print what stands there', async () => {
  const shown = readConsoleBlocks(readFileSync(path.join(root, 'docs', 'walkthrough.md'), 'utf8'));
  assert.ok(shown.length > 15, `${shown.length} commands found`);
  for (const { command, output, line } of shown) {
    const here = command
      .replaceAll('portico-node-', `${cluster.name}-node-`)
      .replace(/^(\.\/bin\/portico \w+)/, `$1 ${cluster.flags.join(' ')}`);
    let printed = '';
    // What a change brings about comes when it comes.
    await eventually(
      `line ${line}: ${command}`,
      () => {
        printed = cluster.shell(here);
        return outputMatches(output, printed) ? true : undefined;
      },
      10_000,
    ).catch((error: unknown) => assert.fail(`${String(error)}\nprinted:\n${printed}\nexpected:\n${output.join('\n')}`));
  }
});
