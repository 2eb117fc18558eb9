// What must hold whatever fails: acknowledged writes are there, no address is given out twice, and a watcher that goes
// on from where it was cut off has seen exactly the store's history.
import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { configMaps, isAlreadyExists, namespaces, services, type ConfigMap } from '../../src/api/index.ts';
import type { Client } from '../../src/client/index.ts';
import { openSqliteStore } from '../../src/store/index.ts';
import type { Hosts } from './hosts-fixture.ts';

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
  /** `TYPE name number`, by revision. */
  readonly watched: readonly string[];
  /** Revision after which the watcher began. */
  readonly since: number;
}

export interface Writers {
  stop(): Promise<Written>;
}

const line = (type: string, name: string, n: string | undefined) => `${type} ${name} ${n ?? ''}`;

/** Starts writers and a watcher that never give up. */
export async function startWriters(client: Client): Promise<Writers> {
  const stopped = new AbortController();
  const { signal } = stopped;
  const last = new Map<string, number>();
  const addresses: { uid: string; ip: string; from: number; to: number }[] = [];
  const watched: string[] = [];
  let acknowledged = 0;
  try {
    await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  } catch (e) {
    if (!isAlreadyExists(e)) throw e;
  }
  const maps = client.resource(configMaps);
  const since = Number((await maps.list({ namespace: NAMESPACE })).resourceVersion);

  /** Counts one object up; an answer that never came may have been a write or not. */
  async function countUp(name: string): Promise<void> {
    for (let n = 1; !signal.aborted; n++) {
      try {
        const metadata = { name, namespace: NAMESPACE };
        const data = { n: String(n) };
        if (last.has(name)) await maps.patch(name, { data }, { type: 'merge', namespace: NAMESPACE });
        else await maps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, { namespace: NAMESPACE });
        last.set(name, n);
        acknowledged += 1;
      } catch (e) {
        if (isAlreadyExists(e)) last.set(name, 0);
      }
      await sleep(PAUSE_MS);
    }
  }

  /** Takes addresses and gives them back. */
  async function takeAddresses(who: number): Promise<void> {
    const api = client.resource(services);
    for (let n = 1; !signal.aborted; n++) {
      const name = `s-${who}-${n}`;
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
          await api.delete(name, { namespace: NAMESPACE });
          acknowledged += 1;
        }
      } catch {
        // No answer: whether it was written is seen in the store.
      }
      await sleep(PAUSE_MS * 5);
    }
  }

  async function watch(): Promise<void> {
    let resourceVersion = String(since);
    while (!signal.aborted) {
      try {
        for await (const event of maps.watch({ namespace: NAMESPACE, resourceVersion, allowBookmarks: true }, signal)) {
          if (event.type === 'BOOKMARK') {
            resourceVersion = event.resourceVersion;
            continue;
          }
          const { metadata, data } = event.object;
          watched.push(line(event.type, metadata.name, data?.['n']));
          resourceVersion = metadata.resourceVersion;
        }
      } catch {
        // Cut off: go on from the last event.
      }
      if (!signal.aborted) await sleep(PAUSE_MS);
    }
  }

  const writing = [
    ...Array.from({ length: OBJECTS }, (_, i) => countUp(`m-${i}`)),
    ...[1, 2].map((who) => takeAddresses(who)),
  ];
  const watching = watch();
  return {
    async stop() {
      stopped.abort();
      await Promise.all([...writing, watching]);
      return { acknowledged, last, addresses, watched, since };
    },
  };
}

/** Ends the server for a moment and compares with what its store holds. */
export async function checkHistory(hosts: Hosts, written: Written): Promise<void> {
  await hosts.server.stop();
  const store = openSqliteStore({ path: path.join(hosts.dir, 'server', 'portico.db') });
  try {
    for (const [name, n] of written.last) {
      const entry = await store.get(`/registry/configmaps/${NAMESPACE}/${name}`);
      assert.ok(entry !== undefined, `${name} was acknowledged and is gone`);
      const map = JSON.parse(entry.value) as ConfigMap;
      const stored = Number(map.data?.['n']);
      assert.ok(stored >= n, `${name}: ${n} was acknowledged, ${stored} is stored`);
    }
    const { entries } = await store.list('/registry/services/');
    const ips = entries.map((e) => {
      const service = JSON.parse(e.value) as { spec?: { clusterIP?: string } };
      return service.spec?.clusterIP ?? '';
    });
    assert.equal(new Set(ips).size, ips.length, 'two Services with one address');
    for (const [i, a] of written.addresses.entries()) {
      const twin = written.addresses.slice(i + 1).find((b) => b.ip === a.ip && b.uid !== a.uid && b.from < a.to);
      assert.equal(twin, undefined, `${a.ip} was given to two Services at the same time`);
    }

    const history: string[] = [];
    const prefix = `/registry/configmaps/${NAMESPACE}/`;
    // kube-root-ca.crt is in every namespace.
    const ours = (text: string) => text.includes(' m-');
    const wanted = written.watched.filter(ours);
    for await (const batch of store.watch({ prefix, after: written.since }, AbortSignal.timeout(HISTORY_MS))) {
      for (const { entry, previous } of batch) {
        const type = entry === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
        const map = JSON.parse((entry ?? previous)?.value ?? '') as ConfigMap;
        history.push(line(type, map.metadata.name, map.data?.['n']));
      }
      if (history.filter(ours).length >= wanted.length) break;
    }
    assert.deepEqual(wanted, history.filter(ours).slice(0, wanted.length), "the watcher's history is the store's");
  } finally {
    await store.close();
    hosts.server.start();
  }
}
