// What must hold whatever fails: acknowledged writes are there, no address is given out twice, and a watcher that goes
// on from where it was cut off has seen exactly the store's history.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  configMaps,
  isAlreadyExists,
  namespaces,
  services,
  type ConfigMap,
  type Service,
} from '../../src/api/index.ts';
import type { Client } from '../../src/client/index.ts';
import { CompactedError, type Store } from '../../src/store/index.ts';

const NAMESPACE = 'faults';
const OBJECTS = 5;
const PAUSE_MS = 40;
/** A history that is shorter than what was watched never ends: this long is waited for the rest. */
const HISTORY_MS = 10_000;

export interface Written {
  readonly acknowledged: number;
  /** The last acknowledged number of each ConfigMap. */
  readonly last: ReadonlyMap<string, number>;
  /** Every address that a Service was given, with the uid of the Service, in the order of the answers. */
  readonly addresses: readonly {
    readonly uid: string;
    readonly ip: string;
    readonly from: number;
    readonly to: number;
  }[];
  /** Every acknowledged count, `name number`. */
  readonly counted: ReadonlySet<string>;
  /** What each watcher saw: one on every server, and one that goes from server to server. */
  readonly watchers: readonly (readonly Watched[])[];
  /** Revision after which the watchers began. */
  readonly since: number;
}

interface Watched {
  /** `TYPE name number` */
  readonly text: string;
  readonly revision: number;
}

let runs = 0;

export interface Writers {
  stop(): Promise<Written>;
}

/** `name number` of an event. */
const countOf = ({ text }: Watched): string => text.slice(text.indexOf(' ') + 1);
const line = (type: string, name: string, n: string | undefined) => `${type} ${name} ${n ?? ''}`;

/** Starts writers, who go from server to server, and watchers; none of them ever gives up. */
export async function startWriters(clients: readonly Client[]): Promise<Writers> {
  let turn = 0;
  const next = (): Client => {
    turn += 1;
    const client = clients[turn % clients.length];
    if (client === undefined) throw new Error('no server to write to');
    return client;
  };
  // A later run finds the Services of an earlier one.
  const run = `s${(runs += 1)}`;
  const stopped = new AbortController();
  const { signal } = stopped;
  const watchStopped = new AbortController();
  const counted = new Set<string>();
  const last = new Map<string, number>();
  const addresses: { uid: string; ip: string; from: number; to: number }[] = [];
  let acknowledged = 0;
  try {
    await next()
      .resource(namespaces)
      .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
  const since = Number((await next().resource(configMaps).list({ namespace: NAMESPACE })).resourceVersion);

  /** Counts one object up; an answer that never came may have been a write or not. */
  async function countUp(name: string): Promise<void> {
    for (let n = 1; !signal.aborted; n++) {
      try {
        const metadata = { name, namespace: NAMESPACE };
        const data = { n: String(n) };
        const maps = next().resource(configMaps);
        if (last.has(name)) await maps.patch(name, { data }, { type: 'merge', namespace: NAMESPACE });
        else await maps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { namespace: NAMESPACE });
        last.set(name, n);
        counted.add(`${name} ${n}`);
        acknowledged += 1;
      } catch (e) {
        if (isAlreadyExists(e)) last.set(name, 0);
      }
      await sleep(PAUSE_MS);
    }
  }

  /** Takes addresses and gives them back. */
  async function takeAddresses(who: number): Promise<void> {
    for (let n = 1; !signal.aborted; n++) {
      const name = `${run}-${who}-${n}`;
      const api = next().resource(services);
      try {
        const spec = { ports: [{ port: 80 }], selector: { app: 'none' } };
        const metadata = { name, namespace: NAMESPACE };
        const made = await api.create({ apiVersion: 'v1', kind: 'Service', metadata, spec }, { namespace: NAMESPACE });
        acknowledged += 1;
        const held = { uid: made.metadata.uid, ip: made.spec?.clusterIP ?? '', from: performance.now(), to: Infinity };
        addresses.push(held);
        // Every other one stays, so that addresses are short of the ones that were never held.
        if (n % 2 === 0) {
          held.to = performance.now();
          await next().resource(services).delete(name, { namespace: NAMESPACE });
          acknowledged += 1;
        }
      } catch {
        // No answer: whether it was written is seen in the store.
      }
      await sleep(PAUSE_MS * 5);
    }
  }

  async function watch(choose: () => Client, watched: Watched[]): Promise<void> {
    let resourceVersion = String(since);
    while (!watchStopped.signal.aborted) {
      try {
        const options = { namespace: NAMESPACE, resourceVersion, allowBookmarks: true };
        for await (const event of choose().resource(configMaps).watch(options, watchStopped.signal)) {
          if (event.type === 'BOOKMARK') {
            resourceVersion = event.resourceVersion;
            continue;
          }
          const { metadata, data } = event.object;
          const revision = Number(metadata.resourceVersion);
          watched.push({ text: line(event.type, metadata.name, data?.['n']), revision });
          resourceVersion = metadata.resourceVersion;
        }
      } catch {
        // Cut off: go on from the last event.
      }
      if (!watchStopped.signal.aborted) await sleep(PAUSE_MS);
    }
  }

  const writing = [
    ...Array.from({ length: OBJECTS }, (_, i) => countUp(`m-${i}`)),
    ...[1, 2].map((who) => takeAddresses(who)),
  ];
  const watchers = [...clients.map((client) => () => client), next].map((choose) => {
    const watched: Watched[] = [];
    return { watched, running: watch(choose, watched) };
  });
  return {
    async stop() {
      stopped.abort();
      await Promise.all(writing);
      const deadline = performance.now() + HISTORY_MS;
      const isWhole = ({ watched }: { watched: readonly Watched[] }) => {
        const seen = new Set(watched.map(countOf));
        return [...last].every(([name, n]) => n === 0 || seen.has(`${name} ${n}`));
      };
      while (performance.now() < deadline && !watchers.every(isWhole)) await sleep(100);
      watchStopped.abort();
      await Promise.all(watchers.map((w) => w.running));
      return { acknowledged, last, counted, addresses, watchers: watchers.map((w) => w.watched), since };
    },
  };
}

/** Compares what was acknowledged and seen with what the store holds. */
export async function checkHistory(store: Store, written: Written): Promise<void> {
  for (const [name, n] of written.last) {
    const entry = await store.get(`/registry/configmaps/${NAMESPACE}/${name}`);
    assert.ok(entry !== undefined, `${name} was acknowledged and is gone`);
    const map = JSON.parse(entry.value) as ConfigMap;
    const stored = Number(map.data?.['n']);
    assert.ok(stored >= n, `${name}: ${n} was acknowledged, ${stored} is stored`);
  }
  const { entries } = await store.list('/registry/services/');
  const stored = entries.map((e) => JSON.parse(e.value) as Service);
  const ips = stored.map((service) => service.spec?.clusterIP ?? '');
  assert.equal(new Set(ips).size, ips.length, 'two Services with one address');
  const kept = new Map(stored.map((service) => [service.metadata.uid, service.spec?.clusterIP]));
  for (const [i, a] of written.addresses.entries()) {
    if (a.to === Infinity) assert.equal(kept.get(a.uid), a.ip, `a Service with ${a.ip} was acknowledged`);
    const twin = written.addresses.slice(i + 1).find((b) => b.ip === a.ip && b.uid !== a.uid && b.from < a.to);
    assert.equal(twin, undefined, `${a.ip} was given to two Services at the same time`);
  }
  for (const watched of written.watchers) {
    checkWatched(written.counted, watched);
    await compareWithStore(store, watched, written.since);
  }
}

/** Over the whole time: each acknowledged count was seen exactly once, in order. */
function checkWatched(counted: ReadonlySet<string>, watched: readonly Watched[]): void {
  const all = new Set(watched.map(countOf));
  const missed = [...counted].filter((c) => !all.has(c));
  assert.deepEqual(missed, [], 'acknowledged, and never seen by the watcher');
  assert.equal(new Set(watched.map((w) => w.revision)).size, watched.length, 'an event was seen twice');
  assert.ok(
    watched.every((w, i) => w.revision > (watched[i - 1]?.revision ?? 0)),
    'events came out of order',
  );
}

/** Event by event, as far back as the store keeps its history. */
async function compareWithStore(store: Store, watched: readonly Watched[], since: number): Promise<void> {
  const prefix = `/registry/configmaps/${NAMESPACE}/`;
  // kube-root-ca.crt is in every namespace.
  const ours = (e: { text: string }) => e.text.includes(' m-');
  const read = async (after: number) => {
    const wanted = watched.filter((e) => ours(e) && e.revision > after);
    const history: { text: string; revision: number }[] = [];
    for await (const batch of store.watch({ prefix, after }, AbortSignal.timeout(HISTORY_MS))) {
      for (const { entry, previous, revision } of batch) {
        const type = entry === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
        const map = JSON.parse((entry ?? previous)?.value ?? '') as ConfigMap;
        history.push({ text: line(type, map.metadata.name, map.data?.['n']), revision });
      }
      if (history.filter(ours).length >= wanted.length) break;
    }
    assert.deepEqual(wanted, history.filter(ours).slice(0, wanted.length), "the watcher's history is the store's");
    assert.ok(wanted.length > 0, 'there is a history to compare');
  };
  try {
    await read(since);
  } catch (e) {
    if (!(e instanceof CompactedError)) throw e;
    await read(e.compactedRevision);
  }
}
