// The page against a cluster with an overlay and nftables: the walk in its envelope, the rules of nft, and the pages of
// a pod and a node with what differs.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';

import { shellManifest, startCluster, webManifest } from '../scenarios/cluster-fixture.ts';
import { launchBrowser, openPage, startUiProcess, traceOnPage } from './page-fixture.ts';

test('vxlan and nftables: the walk, the rules, and what differs on a node', async () => {
  await using cluster = startCluster('--nodes', '2', '--network', 'vxlan', '--proxy-mode', 'nftables');
  cluster.apply(
    `${webManifest({ name: 'web', replicas: 2, nodes: ['node-1'] })}---\n${shellManifest('shell', 'node-2')}`,
  );
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
  await using ui = await startUiProcess(cluster.flags);
  await using stack = new AsyncDisposableStack();
  const browser = await launchBrowser();
  stack.defer(() => browser.close());
  await using open = await openPage(browser, ui.url);
  const { page } = open;

  await traceOnPage(page, 'pod/default/shell', 'default/web 80 TCP');
  assert.equal(await page.locator('[data-verdict]').getAttribute('data-verdict'), 'ok');
  assert.match(await page.locator('[data-verdict]').innerText(), /1 of 2 endpoints, chosen with probability 0\.5/);
  assert.equal(await page.locator('tr[data-hop]').count(), 16, 'eight hops there and eight back');
  assert.match(await page.locator('tr[data-hop] .device').nth(2).innerText(), /out portico\.vxlan/);

  await page.evaluate('location.hash = "#/services/default/web"');
  await page.locator('.rule-lines').first().waitFor({ timeout: 20_000 });
  assert.match(await page.locator('.rule-lines').first().innerText(), /10\.244\.\d+\.\d+ \. 80/);
  assert.match(await page.locator('h1 .drift').innerText(), /as it should be/);

  const cidr = cluster.kubectl('get', 'node', 'node-1', '-o', 'jsonpath={.spec.podCIDR}');
  const way = cluster.inNode('node-2', 'ip', 'route', 'show', cidr).trim().split(/\s+/);
  // The agent would mend it at once.
  const agent = cluster.pid('agent-node-2');
  process.kill(agent, 'SIGSTOP');
  try {
    cluster.inNode('node-2', 'ip', 'route', 'del', cidr);
    await page.evaluate('location.hash = "#/nodes/node-2"');
    const differs = page.locator('tr[data-check=differs]');
    await differs.first().waitFor({ timeout: 20_000 });
    assert.match(await differs.first().innerText(), /pods of node-1/);
    assert.match(await page.locator('h1 .drift').innerText(), /^drift/);
  } finally {
    cluster.inNode('node-2', 'ip', 'route', 'replace', ...way);
    process.kill(agent, 'SIGCONT');
  }
  await page.getByRole('button', { name: 'Read again' }).click();
  await page.locator('h1 .drift.good').waitFor({ timeout: 20_000 });

  await page.evaluate('location.hash = "#/pods/default/shell"');
  await page.getByRole('article', { name: 'Pod default/shell' }).locator('tr[data-check=ok]').first().waitFor();
  assert.match(await page.getByRole('article').innerText(), /Running on node-2/);
  assert.deepEqual(open.complaints, []);
});
