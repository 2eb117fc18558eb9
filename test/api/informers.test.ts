// Informers of other people (@kubernetes/client-node) and our own live through killed servers, compaction, slow readers
// and thousands of objects, and end with exactly what is stored.
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import process from 'node:process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { CoreV1Api, KubeConfig, makeInformer, type V1ConfigMap } from '@kubernetes/client-node';
import { configMaps, StatusError, type ConfigMap } from '../../src/api/objects.ts';
import { createInformer, type Client } from '../../src/client/index.ts';
import { ADMIN, startLiveServer, type LiveServer } from './live-server.ts';

/** INFORMER_MINUTES=5 plays for as long; without it the play is short. */
const MINUTES = Number(process.env['INFORMER_MINUTES'] ?? 0);
const OBJECTS = 10_000;
const WRITERS = 8;
const KILLS = MINUTES > 0 ? Math.ceil(MINUTES * 12) : 3;
/** Between two kills; a killed server is away for up to a second more. */
const PAUSE_MS = MINUTES > 0 ? 4000 : 2000;
const NAMESPACE = 'default';
const inNamespace = { namespace: NAMESPACE };

interface Follower {
  readonly name: string;
  /** Name → version, as it sees them. */
  state(): Map<string, string>;
  stop(): Promise<void> | void;
}

const versionsOf = (items: Iterable<ConfigMap | V1ConfigMap>): Map<string, string> =>
  new Map([...items].map((m) => [m.metadata?.name ?? '', m.metadata?.resourceVersion ?? '']));

function ourInformer(server: LiveServer): Follower {
  const client = server.client();
  const informer = createInformer(client, configMaps, {
    ...inNamespace,
    pageSize: 500,
    backoffMs: { first: 50, longest: 500 },
  });
  return {
    name: 'client',
    state: () => versionsOf(informer.items.values()),
    stop() {
      informer.stop();
      client.close();
    },
  };
}

async function theirInformer(server: LiveServer): Promise<Follower> {
  const config = new KubeConfig();
  config.loadFromString(server.kubeconfig(ADMIN));
  const api = config.makeApiClient(CoreV1Api);
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
  const informer = makeInformer<V1ConfigMap>(config, path, () => api.listNamespacedConfigMap(inNamespace));
  // What they hear must be what they have: a copy kept by their events alone.
  const heard = new Map<string, string>();
  const put = (m: V1ConfigMap) => heard.set(m.metadata?.name ?? '', m.metadata?.resourceVersion ?? '');
  informer.on('add', put);
  informer.on('update', put);
  informer.on('delete', (m) => heard.delete(m.metadata?.name ?? ''));
  let stopped = false;
  // Its users start it again after an error: it does not do so by itself.
  const restart = () => {
    if (!stopped) setTimeout(() => void informer.start().catch(restart), 100).unref();
  };
  informer.on('error', restart);
  await informer.start();
  return {
    name: '@kubernetes/client-node',
    state() {
      // Both their copy and what they told of it, or neither is right.
      const cached = versionsOf(informer.list(NAMESPACE));
      return [...cached].every(([name, version]) => heard.get(name) === version) ? cached : heard;
    },
    async stop() {
      stopped = true;
      await informer.stop();
    },
  };
}

interface SlowWatcher {
  /** What its events add up to; undefined when the server has cut it off, as it may. */
  state(): Map<string, string> | undefined;
  stop(): void;
}

/** A watcher that reads nothing for a while, then all of it: nobody waits for it, and it misses nothing. */
function slowWatcher(server: LiveServer): SlowWatcher {
  const config = server.config();
  const session = connect(config.server, {
    ca: server.ca.certPem,
    cert: config.certPem ?? '',
    key: config.keyPem ?? '',
  });
  session.on('error', () => undefined);
  const seen = new Map<string, string>();
  let cut = false;
  let rest = '';
  const stream = session.request({
    ':path': `/api/v1/namespaces/${NAMESPACE}/configmaps?watch=true&resourceVersion=0`,
  });
  stream.on('error', () => (cut = true)).on('close', () => (cut = true));
  stream.setEncoding('utf8').pause();
  const read = (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { type, object } = JSON.parse(line) as { type: string; object: ConfigMap };
      if (type === 'ERROR') cut = true;
      else if (type === 'DELETED') seen.delete(object.metadata.name ?? '');
      else seen.set(object.metadata.name ?? '', object.metadata.resourceVersion ?? '');
    }
  };
  const wake = setTimeout(() => stream.on('data', read).resume(), 3000);
  return {
    state: () => (cut ? undefined : seen),
    stop() {
      clearTimeout(wake);
      session.destroy();
    },
  };
}

/** Creates, changes and deletes until told to stop; failures of a server that is away are part of the play. */
async function writer(client: Client, id: number, stop: () => boolean): Promise<number> {
  const maps = client.resource(configMaps);
  const size = OBJECTS / WRITERS;
  let written = 0;
  for (let i = 0; !stop() || i < size; i++) {
    const name = `w${id}-${i % size}`;
    const data = { n: String(i), filler: 'x'.repeat(i % 7 === 0 ? 2000 : 50) };
    try {
      if (i >= size && i % 5 === 0) await maps.delete(name, inNamespace);
      else if (i < size) {
        await maps.create(
          { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...inNamespace }, data },
          inNamespace,
        );
      } else await maps.patch(name, { data }, { ...inNamespace, type: 'merge' });
      written += 1;
    } catch (error) {
      if (!(error instanceof StatusError)) await sleep(50);
    }
  }
  return written;
}

async function truth(client: Client): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let next: string | undefined;
  do {
    const page = await client
      .resource(configMaps)
      .list({ ...inNamespace, limit: 700, ...(next === undefined ? {} : { continue: next }) });
    for (const [name, version] of versionsOf(page.items)) found.set(name, version);
    next = page.continue === '' ? undefined : page.continue;
  } while (next !== undefined);
  return found;
}

void test('informers end with what is stored', { timeout: 120_000 + MINUTES * 120_000 }, async (t) => {
  // A window of half a second: whoever is away for a moment meets a compacted history.
  await using server = await startLiveServer({ history: { windowMs: 500, minChanges: 100 } });
  const followers = [
    ourInformer(server),
    ourInformer(server),
    await theirInformer(server),
    await theirInformer(server),
  ];
  const clients = Array.from({ length: WRITERS }, () => server.client());
  let slow: SlowWatcher | undefined;
  try {
    let stopped = false;
    const writers = clients.map((client, id) => writer(client, id, () => stopped));
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(PAUSE_MS);
      await server.kill();
      // Sometimes away for longer than the window.
      await sleep(kill % 2 === 0 ? 0 : 1000);
      await server.start();
    }
    slow = slowWatcher(server);
    await sleep(2000);
    stopped = true;
    const written = (await Promise.all(writers)).reduce((a, b) => a + b, 0);
    const [client = server.client()] = clients;
    const stored = await truth(client);
    t.diagnostic(`${written} writes, ${stored.size} objects, ${KILLS} kills`);
    assert.ok(stored.size > OBJECTS / 3, `only ${stored.size} objects are there`);
    const late = slow;
    const ends: Pick<Follower, 'name' | 'state'>[] = [
      ...followers,
      { name: 'the slow watcher', state: () => late.state() ?? stored },
    ];
    for (const { name, state } of ends) {
      const same = () => {
        const seen = state();
        return seen.size === stored.size && [...stored].every(([key, version]) => seen.get(key) === version);
      };
      for (let i = 0; i < 600 && !same(); i++) await sleep(50);
      const sorted = (map: Map<string, string>) => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
      assert.deepEqual(sorted(state()), sorted(stored), name);
    }
    t.diagnostic(late.state() === undefined ? 'the slow watcher was cut off' : 'the slow watcher caught up');
  } finally {
    for (const follower of followers) await follower.stop();
    for (const client of clients) client.close();
    slow?.stop();
  }
});
