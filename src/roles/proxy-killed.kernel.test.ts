// `portico proxy` as a process of its own, killed with SIGKILL at random moments of its start and of its syncs while
// services and endpoints change: the one that comes after ends with exactly the rules that a proxy on a clean node has.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { endpointSlices, namespaces, services } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { runCommand } from '../linux/index.ts';
import type { ProxyMode } from '../proxy/index.ts';
import { startServedNodes, type ServedNodes } from './fixtures/served-nodes.ts';

const SERVICES = 80;
const KILLS = 6;
const LIMIT_MS = 60_000;

let ground: ServedNodes;
before(async () => {
  ground = await startServedNodes('killed', 2);
});
after(async () => {
  await ground[Symbol.asyncDispose]();
});

const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
const integer = (below: number) => Math.floor(Math.random() * below);
const nameOf = (i: number) => `svc-${i}`;

interface Place {
  readonly client: Client;
  readonly namespace: string;
}

function endpoints(): { addresses: string[]; nodeName: string }[] {
  const first = integer(200);
  return Array.from({ length: integer(8) }, (_, j) => ({
    addresses: [`10.244.${first}.${j + 1}`],
    nodeName: j % 2 === 0 ? 'node-1' : 'node-2',
  }));
}

async function createService({ client, namespace }: Place, i: number): Promise<void> {
  const metadata = { name: nameOf(i), namespace };
  // Of every kind some, so that chains, sets and maps of every kind come and go.
  const spec = {
    ports: [{ port: 80 }],
    ...(i % 4 === 1 ? { type: 'NodePort', externalTrafficPolicy: i % 8 === 1 ? 'Local' : 'Cluster' } : {}),
    ...(i % 4 === 2 ? { sessionAffinity: 'ClientIP' } : {}),
    ...(i % 4 === 3 ? { externalIPs: [`192.0.2.${i + 1}`] } : {}),
  };
  await client.resource(services).create({ apiVersion: 'v1', kind: 'Service', metadata, spec });
}

async function createSlice({ client, namespace }: Place, i: number): Promise<void> {
  await client.resource(endpointSlices).create({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: nameOf(i), namespace, labels: { 'kubernetes.io/service-name': nameOf(i) } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: endpoints(),
  });
}

/** Writes as fast as a rolling update of everything, until told to stop. */
async function churn(place: Place, stop: AbortSignal): Promise<void> {
  const { client, namespace } = place;
  const gone = new Set<number>();
  while (!stop.aborted) {
    const i = integer(SERVICES);
    if (gone.delete(i)) await createService(place, i);
    else if (integer(6) === 0) {
      await client.resource(services).delete(nameOf(i), { namespace });
      gone.add(i);
    } else {
      await client.resource(endpointSlices).patch(nameOf(i), { endpoints: endpoints() }, { type: 'merge', namespace });
    }
    if (integer(4) === 0) await sleep(2);
  }
}

function logged(child: ChildProcess, words: string): Promise<void> {
  let log = '';
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the proxy did not say "${words}":\n${log}`)), LIMIT_MS);
    const done = (then: () => void) => {
      clearTimeout(timer);
      then();
    };
    child.stderr?.on('data', (d: Buffer) => {
      log += d.toString();
      if (log.includes(words)) done(resolve);
    });
    child.on('exit', () => done(() => reject(new Error(`the proxy ended:\n${log}`))));
  });
}

type Json = string | number | readonly Json[] | { readonly [key: string]: Json };

/** nft's listing as lines that can be compared: without handles, and without the numbers of endpoints. */
async function nftRules(netns: string): Promise<string[]> {
  const { stdout } = await runCommand('nft', ['-j', 'list', 'table', 'ip', 'portico'], { netns });
  const { nftables }: { nftables: readonly Record<string, Record<string, Json>>[] } = JSON.parse(stdout);
  const lines: string[] = [];
  for (const entry of nftables) {
    for (const [kind, { handle: _, elem = [], ...object }] of Object.entries(entry)) {
      if (kind === 'metainfo') continue;
      lines.push(JSON.stringify({ [kind]: object }));
      const name = typeof object['name'] === 'string' ? object['name'] : '';
      for (const element of Array.isArray(elem) ? elem : []) {
        const text = JSON.stringify(element);
        // [{"concat":["10.96.7.1","tcp",80,0]},{…}]: the last of the first list.
        lines.push(`${name} ${name.endsWith('endpoints') ? text.replace(/,\d+\]\}/, ']}') : text}`);
      }
    }
  }
  return lines.toSorted();
}

/** The chains and, chain by chain, their rules in order. */
async function iptablesRules(netns: string): Promise<string[]> {
  const { stdout } = await runCommand('iptables-save', [], { netns });
  let table = '';
  const lines: string[] = [];
  const order = new Map<string, number>();
  for (const line of stdout.split('\n')) {
    if (line.startsWith('*')) table = line;
    else if (line.startsWith(':')) lines.push(`${table} ${line.replace(/ \[.*/, '')}`);
    else if (line.startsWith('-A ')) {
      const chain = `${table} ${line.split(' ')[1] ?? ''}`;
      const number = (order.get(chain) ?? 0) + 1;
      order.set(chain, number);
      lines.push(`${chain} ${String(number).padStart(5, '0')} ${line}`);
    }
  }
  return lines.toSorted();
}

for (const mode of ['nftables', 'iptables'] as const satisfies ProxyMode[]) {
  test(`${mode}: a proxy killed at any moment leaves nothing wrong behind`, { timeout: 170_000 }, async (t) => {
    const { client, nodes } = ground;
    const [node = '', clean = ''] = nodes;
    const rules = mode === 'nftables' ? nftRules : iptablesRules;
    const place = { client, namespace: mode };
    await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: mode } });
    for (let i = 0; i < SERVICES; i++) await Promise.all([createService(place, i), createSlice(place, i)]);
    const flags = ['--hostname-override', 'node-1', '--proxy-mode', mode, '--cluster-cidr', '10.244.0.0/16'];
    flags.push('--healthz-bind-address', '', '--metrics-bind-address', '');
    const stop = new AbortController();
    const changes = churn(place, stop.signal);
    const moments: string[] = [];
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const child = ground.startProxy(node, flags);
        // Half of them in the first sync, which adopts and repairs; half among the small ones that follow.
        const inFirst = kill % 2 === 0;
        await logged(child, inFirst ? 'programming the kernel' : 'rules are in the kernel');
        const delayMs = integer(inFirst ? 250 : 120);
        await sleep(delayMs);
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
        moments.push(`${inFirst ? 'start' : 'synced'} + ${delayMs} ms`);
      }
    } finally {
      stop.abort();
      await changes;
    }
    t.diagnostic(`killed at ${moments.join(', ')}`);
    const survivors = [ground.startProxy(node, flags), ground.startProxy(clean, flags)];
    await Promise.all(survivors.map((child) => logged(child, 'rules are in the kernel')));
    // Chains that nobody needs go a moment later, and the server's ServiceCIDRs may come a moment later.
    const end = Date.now() + 10_000;
    let [have, wanted] = await Promise.all([rules(node), rules(clean)]);
    while (Date.now() < end && have.join('\n') !== wanted.join('\n')) {
      await sleep(200);
      [have, wanted] = await Promise.all([rules(node), rules(clean)]);
    }
    for (const child of survivors) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    assert.ok(wanted.length > SERVICES, `${wanted.length} lines of rules`);
    const differences = {
      missing: wanted.filter((line) => !have.includes(line)),
      leftOver: have.filter((line) => !wanted.includes(line)),
    };
    assert.deepEqual(differences, { missing: [], leftOver: [] });
    assert.equal(have.length, wanted.length);
  });
}
