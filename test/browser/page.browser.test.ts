// The page against a live cluster: what people see, what moves, what a trace shows, and who is kept out.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import type { Browser } from 'playwright-core';

import { eventually, must, portico, shellManifest, startCluster, webManifest } from '../scenarios/cluster-fixture.ts';
import type { Cluster } from '../scenarios/cluster-fixture.ts';
import { launchBrowser, lowContrast, openPage, startUiProcess, traceOnPage } from './page-fixture.ts';
import type { UiProcess } from './page-fixture.ts';

const stack = new AsyncDisposableStack();
let cluster: Cluster;
let ui: UiProcess;
let browser: Browser;

before(async () => {
  cluster = stack.use(startCluster('--nodes', '2'));
  cluster.apply(
    `${webManifest({ name: 'web', replicas: 2, nodes: ['node-1'] })}---\n${shellManifest('shell', 'node-2')}`,
  );
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  cluster.kubectl('wait', '--for=condition=Ready', 'pod/shell', '--timeout=60s');
  ui = stack.use(await startUiProcess(cluster.flags));
  browser = await launchBrowser();
  stack.defer(() => browser.close());
});
after(() => stack.disposeAsync());

const podsOf = (name: string) => `[data-pod^="default/${name}-"]`;

test('the topology appears: nodes, pods with their addresses, Services with theirs', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.locator('[data-pod="default/shell"]').waitFor();
  assert.equal(await page.locator('[data-node]').count(), 2);
  assert.equal(await page.locator(podsOf('web')).count(), 2);
  const address = cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const service = page.getByRole('button', { name: `Service default/web, ${address}` });
  assert.match((await service.getAttribute('aria-label')) ?? '', /2 of 2 endpoints ready/);
  const podAddress = cluster.kubectl('get', 'pod', 'shell', '-o', 'jsonpath={.status.podIP}');
  const shell = await page.locator('[data-pod="default/shell"]').getAttribute('aria-label');
  assert.equal(shell, `Pod default/shell, Running, ready, ${podAddress}, on node-2`);
});

test('scaling shows within two seconds, both ways', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.locator(podsOf('web')).nth(1).waitFor();
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=4');
  await page.locator(podsOf('web')).nth(3).waitFor({ timeout: 2000 });
  cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await page
    .getByRole('button', { name: /^Service default\/web,.* 4 of 4 endpoints ready/ })
    .waitFor({ timeout: 2000 });
  cluster.kubectl('scale', 'deployment', 'web', '--replicas=2');
  await eventually(
    'two pods leave',
    async () => ((await page.locator(`${podsOf('web')}:not(.leaving)`).count()) === 2 ? true : undefined),
    2000,
  );
  await eventually('two pods are gone', async () =>
    (await page.locator(podsOf('web')).count()) === 2 ? true : undefined,
  );
});

/** What must agree between two walks of the same shape: everything but clocks, ports and identifiers. */
interface HopShape {
  place: string;
  device: string;
  direction: string;
  source: string;
  destination: string;
  ttl: string;
  changes: number;
  rules: number;
}

const bare = (addressAndPort: string, clientPort: string) =>
  addressAndPort.replace(new RegExp(`:${clientPort}$`), ':CLIENT');

test('a trace plays, and its table equals the JSON of the command', async () => {
  // One endpoint, so that two connections take the same way.
  cluster.apply(webManifest({ name: 'one', replicas: 1, nodes: ['node-1'] }));
  cluster.kubectl('rollout', 'status', 'deployment/one', '--timeout=60s');
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await traceOnPage(page, 'pod/default/shell', 'default/one 80 TCP');
  assert.equal(await page.locator('[data-verdict]').getAttribute('data-verdict'), 'ok');

  const rows = page.locator('tr[data-hop]');
  const shown: HopShape[] = [];
  for (const row of await rows.all()) {
    const [source = '', destination = ''] = await row.locator('.tuple').allTextContents();
    const [, direction = '', device = ''] = /(in|out) (\S+)/.exec(await row.locator('.device').innerText()) ?? [];
    shown.push({
      place: await row.locator('.place').innerText(),
      device,
      direction,
      source,
      destination: destination.replace('→ ', ''),
      ttl: /ttl (\d+)/.exec(await row.locator('.more').innerText())?.[1] ?? '',
      changes: await row.locator('.change').count(),
      rules: await row.locator('details li').count(),
    });
  }
  const report = JSON.parse(must(portico, ['trace', 'shell', 'one', '--json', ...cluster.flags])) as {
    walks: {
      sourcePort: number;
      legs: {
        hops: {
          place: { name: string };
          device: string;
          direction: string;
          packet: { source: string; sourcePort: number; destination: string; destinationPort: number; ttl: number };
          changes: unknown[];
          rules: unknown[];
        }[];
      }[];
    }[];
  };
  const [walk] = report.walks;
  assert.ok(walk);
  const printed = walk.legs
    .flatMap((leg) => leg.hops)
    .map(({ place, device, direction, packet, changes, rules }): HopShape => ({
      place: place.name,
      device,
      direction,
      source: `${packet.source}:${packet.sourcePort}`,
      destination: `${packet.destination}:${packet.destinationPort}`,
      ttl: String(packet.ttl),
      changes: changes.length,
      rules: rules.length,
    }));
  const plain = (hops: HopShape[], clientPort: string) =>
    hops.map((hop) => ({
      ...hop,
      source: bare(hop.source, clientPort),
      destination: bare(hop.destination, clientPort),
    }));
  assert.ok(printed.length >= 10, 'a walk between two nodes has ten hops or more');
  assert.deepEqual(plain(shown, shown[0]?.source.split(':').at(-1) ?? ''), plain(printed, String(walk.sourcePort)));

  // It plays by itself, to the end; stepping goes back.
  await page.getByLabel('Speed').selectOption('4');
  await page.locator('tr[data-hop].now.reply').first().waitFor({ timeout: 20_000 });
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor({ timeout: 20_000 });
  assert.equal(await page.locator('tr.now').getAttribute('data-hop'), String(shown.length - 1));
  assert.equal(await page.locator('.packet').getAttribute('data-hop'), String(shown.length - 1));
  await page.getByRole('button', { name: 'One hop back' }).click();
  assert.equal(await page.locator('tr.now').getAttribute('data-hop'), String(shown.length - 2));
  await page.getByRole('button', { name: 'Name (DNS)' }).click();
  assert.match(await page.locator('tr[data-hop="0"]').innerText(), /:53/);
});

test('the capture of a trace can be had', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await traceOnPage(page, 'pod/default/shell', 'default/web 80 TCP');
  const coming = page.waitForEvent('download');
  await page.getByRole('link', { name: /Download the capture/ }).click();
  const download = await coming;
  assert.equal(download.suggestedFilename(), 'portico-trace.pcapng');
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
  // The section header block of a pcapng.
  assert.equal(Buffer.concat(chunks).readUInt32LE(0), 0x0a0d0d0a);
});

test('a trace that cannot be made says why', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  cluster.apply(
    'apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec: {ports: [{port: 80}], selector: {app: none}}\n',
  );
  await page.locator('[data-service="default/nobody"]').waitFor({ timeout: 5000 });
  await traceOnPage(page, 'pod/default/shell', 'default/nobody 80 TCP');
  assert.equal(await page.locator('[data-verdict]').getAttribute('data-verdict'), 'rejected-by-rule');
});

test('a Service’s page shows endpoints, DNS, rules of each node, and shares', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.locator('[data-service="default/web"]').click();
  await page.getByRole('link', { name: /Open its page/ }).click();
  await page.getByText('as it should be').waitFor({ timeout: 20_000 });
  assert.equal(await page.locator('.rule-lines').count(), 2);
  assert.match(await page.locator('.rule-lines').first().innerText(), /DNAT --to-destination/);
  // Connections are counted while the page is open: all of them, and no other.
  cluster.exec('shell', 'for i in $(seq 20); do curl -s -o /dev/null http://web/; done');
  const counts = page.locator('tr[data-endpoint] td:nth-child(2)');
  const sum = async () => (await counts.allInnerTexts()).reduce((a, text) => a + Number(text), 0);
  await eventually('twenty connections', async () => ((await sum()) === 20 ? true : undefined), 5000);
});

test('a Service’s page shows drift that is made while the proxy is away, and its repair', async () => {
  cluster.apply(webManifest({ name: 'adrift', replicas: 1, nodes: ['node-1'] }));
  cluster.kubectl('rollout', 'status', 'deployment/adrift', '--timeout=60s');
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.evaluate('location.hash = "#/services/default/adrift"');
  await page.getByText('as it should be').waitFor({ timeout: 20_000 });
  // The rule of its one endpoint is taken out on node-2 only.
  const chain = cluster
    .natRules('node-2')
    .find((rule) => rule.includes('"default/adrift"') && rule.includes('DNAT'))
    ?.split(' ')[1];
  assert.ok(chain);
  // A proxy that runs would put it back before anybody could look.
  const agent = cluster.pid('agent-node-2');
  process.kill(agent, 'SIGSTOP');
  using _ = { [Symbol.dispose]: () => void process.kill(agent, 'SIGCONT') };
  cluster.inNode('node-2', 'iptables', '-t', 'nat', '-F', chain);
  await page.getByRole('button', { name: 'Read again' }).click();
  await page.getByText('drift', { exact: true }).waitFor({ timeout: 20_000 });
  assert.match(await page.locator('.columns').innerText(), /translates nothing/);
  assert.match(await page.locator('.columns').innerText(), /not on node-2/);
  process.kill(agent, 'SIGCONT');
  await eventually('the rule is back', async () => {
    await page.getByRole('button', { name: 'Read again' }).click();
    return (await page.getByText('as it should be').count()) > 0 ? true : undefined;
  });
});

test('search, namespace and grouping keep many pods readable', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.locator('[data-pod="default/shell"]').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('shell');
  await page.locator(podsOf('web')).first().waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-pod]').count(), 1);
  await page.keyboard.press('Escape');
  await page.locator(podsOf('web')).first().waitFor();
  await page.getByLabel('Namespace').selectOption('kube-system');
  await page.locator('[data-pod="default/shell"]').waitFor({ state: 'detached' });
  await page.getByLabel('Namespace').selectOption('');
  await page.getByRole('button', { name: 'Group' }).click();
  await page.locator('.pod.as-dot[data-pod="default/shell"]').waitFor();
  assert.match(await page.locator('svg[role="group"]').first().textContent().then(String), /web · 2\/2/);
});

test('the keyboard alone chooses both ends, traces, and steps', async () => {
  await using open = await openPage(browser, ui.url, { reducedMotion: 'reduce' });
  const { page } = open;
  await page.locator('[data-pod="default/shell"]').waitFor();
  await page.locator('[data-service="default/web"]').focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-service="default/web"][aria-pressed="true"]').waitFor();
  await page.keyboard.press('ArrowRight');
  const focused = () => page.evaluate('document.activeElement?.getAttribute("data-mark")');
  assert.equal(await focused(), 'pod');
  await page.locator('[data-pod="default/shell"]').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Trace', exact: true }).focus();
  await page.keyboard.press('Enter');
  await page.locator('[data-verdict="ok"]').waitFor({ timeout: 20_000 });
  await page.keyboard.press('p');
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  const at = async () => Number(await page.locator('tr.now').getAttribute('data-hop'));
  const start = await at();
  await page.keyboard.press('.');
  await page.keyboard.press('.');
  assert.equal(await at(), start + 2);
  // A screen reader hears where the packet is.
  const said = await page.getByRole('group', { name: 'Player', exact: true }).getByRole('status').innerText();
  assert.match(said, new RegExp(`^hop ${start + 3} of \\d+, request, node-2 out \\S+, .* to .*, DNAT `));
  await page.keyboard.press(',');
  assert.equal(await at(), start + 1);
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1280, 390]) {
    test(`${colorScheme} at ${width} pixels: nothing sticks out, nothing complains, nothing is fetched elsewhere`, async () => {
      await using open = await openPage(browser, ui.url, { colorScheme, viewport: { width, height: 800 } });
      const { page } = open;
      await page.locator('[data-pod="default/shell"]').waitFor();
      await traceOnPage(page, 'pod/default/shell', 'default/web 80 TCP');
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      assert.deepEqual(await lowContrast(page), []);
      const luminance: unknown = await page.evaluate(
        '(() => { const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return r + g + b; })()',
      );
      assert.ok(
        colorScheme === 'dark' ? Number(luminance) < 200 : Number(luminance) > 600,
        `background ${String(luminance)}`,
      );
      await page.evaluate('location.hash = "#/services/default/web"');
      await page.locator('.rule-lines').first().waitFor({ timeout: 20_000 });
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width);
      for (const hash of ['#/pods/default/shell', '#/nodes/node-2']) {
        await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
        await page.locator('[data-check]').first().waitFor({ timeout: 20_000 });
        assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width, hash);
        assert.deepEqual(await lowContrast(page), [], hash);
        // Filters are of the picture.
        assert.equal(await page.getByRole('search').count(), 0);
        // What scrolls sideways can be scrolled by key; at 390 pixels nothing needs to.
        const hidden = await page.evaluate(
          `[...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.tabIndex)`,
        );
        assert.deepEqual(hidden, [], hash);
      }
      assert.deepEqual(open.foreign, []);
      assert.deepEqual(open.complaints, []);
    });
  }
}

test('every control has a name', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await traceOnPage(page, 'pod/default/shell', 'default/web 80 TCP');
  const nameless = await page.evaluate(
    `[...document.querySelectorAll('button, select, input, a, [role=button]')]
      .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
      .map((e) => e.outerHTML)`,
  );
  assert.deepEqual(nameless, []);
  assert.equal(await page.locator('h1').count(), 1);
});

test('the tab key goes through the order of a trace as it is read', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.getByLabel('From', { exact: true }).selectOption('pod/default/shell');
  await page.getByLabel('To', { exact: true }).selectOption('default/web 80 TCP');
  await page.getByLabel('From', { exact: true }).focus();
  const names: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press('Tab');
    names.push(await page.evaluate('(document.activeElement.labels?.[0] ?? document.activeElement).textContent'));
  }
  assert.deepEqual(names, ['To', 'Connections', 'Wait (s)', 'Trace']);
});

test('several connections are traced, each with its walk', async () => {
  await using open = await openPage(browser, ui.url);
  const { page } = open;
  await page.getByLabel('Connections', { exact: true }).fill('3');
  await page.getByLabel('Wait (s)', { exact: true }).fill('5');
  await traceOnPage(page, 'pod/default/shell', 'default/web 80 TCP');
  const walks = page.getByRole('group', { name: 'Walk', exact: true }).getByRole('button');
  assert.deepEqual(await walks.allInnerTexts(), ['Name (DNS)', 'Connection', 'Connection 2', 'Connection 3']);
});

test('without the token nobody is let in, and the token leaves the address', async () => {
  const { origin } = new URL(ui.url);
  assert.equal((await fetch(origin)).status, 401);
  assert.equal((await fetch(`${origin}/api/cluster`)).status, 401);
  assert.equal((await fetch(`${origin}/?token=wrong`)).status, 401);
  await using open = await openPage(browser, ui.url);
  assert.equal(open.page.url(), `${origin}/`);
  await open.page.reload();
  await open.page.locator('[data-node]').first().waitFor();
});
