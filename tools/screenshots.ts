// Makes the pictures of the page in docs/images, from a live cluster that it brings up and takes down.
// Usage (root): node tools/screenshots.ts
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

import type { Page } from 'playwright-core';

import { launchBrowser, openPage, startUiProcess, traceOnPage } from '../test/browser/page-fixture.ts';
import { eventually, shellManifest, startCluster, webManifest } from '../test/scenarios/cluster-fixture.ts';

const images = path.join(import.meta.dirname, '..', 'docs', 'images');
const LARGEST_BYTES = 300_000;
const WALK_HOP = 3;
/** What moves has come to rest. */
const SETTLE_MS = 500;

async function shoot(page: Page, name: string, fullPage = false): Promise<void> {
  const file = path.join(images, `${name}.png`);
  await page.screenshot({ path: file, fullPage });
  const { size } = statSync(file);
  if (size > LARGEST_BYTES) throw new Error(`${file} has ${size} bytes, more than ${LARGEST_BYTES}`);
  console.log(`${path.relative(process.cwd(), file)} ${(size / 1000).toFixed(0)} kB`);
}

/** Half-way along the hop at which the node translates, where the change is shown. */
async function walkToTranslation(page: Page): Promise<void> {
  await traceOnPage(page, 'pod/default/tmp-shell', 'default/nginx 80 TCP');
  await page.getByLabel('Speed').selectOption('0.5');
  await page.locator(`tr[data-hop="${WALK_HOP - 2}"].now`).waitFor();
  await page.locator('.packet .change').waitFor();
  await page.waitForTimeout(SETTLE_MS);
}

// Clusters of tests whose process is gone are swept away; the sweep knows a living one by this word.
process.title = 'screenshots of a test cluster';
mkdirSync(images, { recursive: true });
await using stack = new AsyncDisposableStack();
const cluster = stack.use(startCluster());
cluster.apply(
  [
    webManifest({ name: 'nginx', replicas: 3, nodes: ['node-1', 'node-2'] }),
    webManifest({ name: 'shop', replicas: 2 }),
    shellManifest('tmp-shell', 'node-3'),
  ].join('---\n'),
);
for (const name of ['nginx', 'shop']) cluster.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=60s');
cluster.kubectl('wait', '--for=condition=Ready', 'pod/tmp-shell', '--timeout=60s');
const ui = stack.use(await startUiProcess(cluster.flags));
const browser = await launchBrowser();
stack.defer(() => browser.close());

for (const colorScheme of ['light', 'dark'] as const) {
  await using open = await openPage(browser, ui.url, { colorScheme });
  await open.page.locator('[data-pod="default/tmp-shell"]').waitFor();
  await walkToTranslation(open.page);
  await shoot(open.page, `walk-${colorScheme}`);
}
{
  await using open = await openPage(browser, ui.url, { viewport: { width: 390, height: 844 } });
  await open.page.locator('[data-pod="default/tmp-shell"]').waitFor();
  await walkToTranslation(open.page);
  await shoot(open.page, 'walk-narrow');
}
{
  await using open = await openPage(browser, ui.url, { viewport: { width: 1280, height: 900 } });
  const { page } = open;
  await page.evaluate('location.hash = "#/services/default/nginx"');
  await page.locator('.rule-lines').first().waitFor({ timeout: 20_000 });
  cluster.exec('tmp-shell', 'for i in $(seq 150); do curl -s -o /dev/null http://nginx/; sleep 0.1; done');
  await eventually('three endpoints in the plot', async () =>
    (await page.locator('tr[data-endpoint]').count()) === 3 ? true : undefined,
  );
  await shoot(page, 'service');
}
{
  cluster.kubectl('scale', 'deployment', 'nginx', '--replicas=60');
  cluster.kubectl('scale', 'deployment', 'shop', '--replicas=24');
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.locator('[data-service="default/nginx"]').click();
  for (const name of ['nginx', 'shop']) cluster.kubectl('rollout', 'status', `deployment/${name}`, '--timeout=120s');
  await page.getByRole('button', { name: /^Service default\/nginx,.* 60 of 60 endpoints ready/ }).waitFor();
  await page.waitForTimeout(SETTLE_MS);
  await shoot(page, 'many-pods');
}
