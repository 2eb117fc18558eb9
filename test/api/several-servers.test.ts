// Several API servers on one etcd of three members, everything killed at random: no address is handed out twice, no
// acknowledged write is lost, and a watch that moves from server to server misses nothing. The seed is printed.
import assert from 'node:assert/strict';
import process from 'node:process';
import { after, before, describe, it } from 'node:test';

import { configMaps, type Service } from '../../src/api/index.ts';
import { createClient, createInformer } from '../../src/client/index.ts';
import { parseSnapshot } from '../../src/store/index.ts';
import { startEtcd, until, type EtcdCluster } from '../../src/store/testing/etcd-cluster.ts';
import { startLiveServer, type LiveServer } from './live-server.ts';

const SERVICES = '/api/v1/namespaces/default/services';
/** 61 addresses and 60 ports for 8 clients that hold up to 6 Services each: collisions are the rule. */
const SERVICE_CIDR = '10.96.0.0/26';
const NODE_PORTS = { first: 30_000, last: 30_059 };
const CLIENTS = 8;
const RUN_MS = 8000;

/** mulberry32: a schedule that can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Claim {
  name: string;
  ip: string;
  port: number;
}

const claimOf = ({ metadata, spec }: Service): Claim => ({
  name: metadata.name,
  ip: spec?.clusterIP ?? '',
  port: spec?.ports?.[0]?.nodePort ?? 0,
});

void describe('several servers on one etcd', () => {
  let etcd: EtcdCluster;
  const servers: LiveServer[] = [];
  before(async () => {
    etcd = await startEtcd({ members: 3 });
    // In turn: the first one finds an empty store, the others what it made.
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      const options = { etcd: etcd.url, address, serviceCidrs: [SERVICE_CIDR], nodePorts: NODE_PORTS };
      servers.push(await startLiveServer(options, servers[0]?.ca));
    }
  });
  after(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await etcd.close();
  });
  const serverAt = (n: number): LiveServer => {
    const server = servers[n % servers.length];
    if (server === undefined) throw new Error('no servers');
    return server;
  };

  void it('all are endpoints of default/kubernetes, and each reads at once what another wrote', async () => {
    const addresses = async () => {
      const slice = await serverAt(0).call(
        'GET',
        '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
      );
      return (slice.json().endpoints as { addresses: string[] }[]).flatMap((e) => e.addresses).join(' ');
    };
    await until(async () => (await addresses()) === '192.0.2.1 192.0.2.2 192.0.2.3');
    for (let i = 0; i < 20; i++) {
      const object = { metadata: { name: `read-${i}` }, data: { i: String(i) } };
      const made = await serverAt(i).call('POST', '/api/v1/namespaces/default/configmaps', object);
      assert.equal(made.status, 201, made.text);
      const read = await serverAt(i + 1).call('GET', `/api/v1/namespaces/default/configmaps/read-${i}`);
      assert.equal(read.json().metadata.resourceVersion, made.json().metadata.resourceVersion);
      const at = made.json().metadata.resourceVersion as string;
      const listed = await serverAt(i + 2).call(
        'GET',
        `/api/v1/configmaps?resourceVersion=${at}&fieldSelector=metadata.name=read-${i}`,
      );
      assert.equal(listed.json().items.length, 1);
    }
  });

  void it('an agent that knows several servers lives on when one dies and the next freezes', async () => {
    const moved: string[] = [];
    const [, ...rest] = servers.map((server) => server.config().server);
    const others = () => rest;
    const client = createClient({ ...serverAt(0).config(), others, onServer: (url) => moved.push(url) });
    const informer = createInformer(client, configMaps, { namespace: 'default' });
    await informer.synced();
    const seesWhatIsWrittenAt = async (n: number, name: string) => {
      const made = await serverAt(n).call('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name } });
      assert.equal(made.status, 201, made.text);
      await until(() => Promise.resolve(informer.items.has(`default/${name}`)));
      assert.equal((await client.resource(configMaps).get(name, 'default')).metadata.name, name);
    };
    await seesWhatIsWrittenAt(2, 'before');
    assert.deepEqual(moved, [], 'a server that answers is kept');
    await serverAt(0).kill();
    await seesWhatIsWrittenAt(2, 'one-is-dead');
    assert.deepEqual(moved, [rest[0]]);
    process.kill(serverAt(1).pid, 'SIGSTOP');
    await seesWhatIsWrittenAt(2, 'one-is-frozen');
    assert.deepEqual(moved, rest);
    process.kill(serverAt(1).pid, 'SIGCONT');
    await serverAt(0).start();
    informer.stop();
    client.close();
  });

  void it(
    'hands out nothing twice and loses nothing while servers and etcd members are killed',
    { timeout: 120_000 },
    async (t) => {
      const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
      t.diagnostic(`SEED=${seed}`);
      const random = randomFrom(seed);
      const endAt = performance.now() + RUN_MS;
      const inTime = () => performance.now() < endAt;
      /** Acknowledged and not asked to be deleted: these must be there at the end, as they were answered. */
      const kept = new Map<string, Claim>();
      const seen = new Map<string, Claim>();
      let created = 0;

      async function client(id: number): Promise<void> {
        const mine: string[] = [];
        for (let n = 0; inTime(); n++) {
          const server = serverAt(Math.floor(random() * servers.length));
          try {
            if (mine.length < 6 && random() < 0.7) {
              const name = `s-${id}-${n}`;
              const spec = { type: 'NodePort', ports: [{ port: 80 }] };
              const answer = await server.call('POST', SERVICES, { metadata: { name }, spec }, { timeoutMs: 3000 });
              if (answer.status !== 201) continue;
              created += 1;
              mine.push(name);
              kept.set(name, claimOf(answer.json() as Service));
            } else {
              const name = mine.shift();
              if (name === undefined) continue;
              kept.delete(name);
              await server.call('DELETE', `${SERVICES}/${name}`, undefined, { timeoutMs: 3000 });
            }
          } catch {
            // Killed under the request: nobody knows whether it was carried out, and nothing was promised.
            await pause(50);
          }
        }
      }

      /** Follows all Services, with a resourceVersion that it takes from one server to the next. */
      const history: string[] = [];
      async function watcher(): Promise<void> {
        const list = (await serverAt(0).call('GET', SERVICES)).json();
        let at = list.metadata.resourceVersion as string;
        for (let n = 1; inTime(); n++) {
          const query = `${SERVICES}?watch=true&resourceVersion=${at}&timeoutSeconds=2`;
          try {
            const answer = await serverAt(n).call('GET', query, undefined, { timeoutMs: 5000 });
            assert.equal(answer.status, 200, answer.text);
            for (const line of answer.text.split('\n').filter((l) => l !== '')) {
              const { type, object } = JSON.parse(line) as { type: string; object: Service };
              assert.notEqual(type, 'ERROR', line);
              at = object.metadata.resourceVersion;
              history.push(`${at} ${type} ${object.metadata.name}`);
              if (type === 'ADDED') seen.set(object.metadata.name, claimOf(object));
            }
          } catch (error) {
            // A broken answer is thrown away as a whole and asked for again from `at`.
            if (error instanceof assert.AssertionError) throw error;
            await pause(50);
          }
        }
      }

      async function faults(): Promise<void> {
        while (inTime()) {
          await pause(300 + random() * 700);
          const dice = random();
          if (dice < 0.5) {
            const server = serverAt(Math.floor(random() * servers.length));
            await server.kill();
            await pause(random() * 300);
            await server.start();
          } else {
            const member = etcd.members[Math.floor(random() * etcd.members.length)];
            if (member === undefined) continue;
            if (dice < 0.8) {
              await member.kill();
              await pause(random() * 500);
              member.start();
            } else {
              member.signal('SIGSTOP');
              await pause(random() * 1500);
              member.signal('SIGCONT');
            }
          }
        }
      }
      await Promise.all([...Array.from({ length: CLIENTS }, (_, id) => client(id)), watcher(), faults()]);

      await until(async () => (await serverAt(0).call('GET', '/readyz')).status === 200);
      await until(async () => (await serverAt(0).call('GET', SERVICES)).status === 200);
      const now = (await serverAt(0).call('GET', SERVICES)).json().items as Service[];
      const claims = now.map(claimOf);
      t.diagnostic(`${created} created, ${claims.length} left, ${history.length} events seen`);
      assert.ok(created > 20, `only ${created} Services could be created`);
      assert.equal(new Set(claims.map((c) => c.ip)).size, claims.length, 'an address was handed out twice');
      const ports = claims.map((c) => c.port).filter((port) => port !== 0);
      assert.equal(new Set(ports).size, ports.length, 'a node port was handed out twice');
      const byName = new Map(claims.map((c) => [c.name, c]));
      for (const [name, claim] of kept) assert.deepEqual(byName.get(name), claim, `${name} was acknowledged`);

      // The watch saw every Service come that is there, once, and in order.
      const revisions = history.map((line) => Number(line.split(' ')[0]));
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b),
        'events came twice or out of order',
      );
      const last = revisions.at(-1) ?? 0;
      for (const service of now) {
        const { name, resourceVersion } = service.metadata;
        if (name === 'kubernetes' || Number(resourceVersion) > last) continue;
        assert.deepEqual(seen.get(name), byName.get(name), `the watch did not tell of ${name}`);
      }

      // A snapshot through a server: one revision, whole, and only for administrators.
      const snapshot = await serverAt(1).call('GET', '/portico/snapshot');
      const { entries } = parseSnapshot(snapshot.text, 'snapshot');
      const prefix = '/registry/services/default/';
      assert.equal(entries.filter((e) => e.key.startsWith(prefix)).length, claims.length);
      assert.equal(
        (await serverAt(1).call('GET', '/portico/snapshot', undefined, { as: { cn: 'somebody' } })).status,
        403,
      );

      // The books agree: every address booked belongs to a Service that has it.
      const booked = (await serverAt(0).call('GET', '/apis/networking.k8s.io/v1/ipaddresses')).json().items as {
        metadata: { name: string };
      }[];
      assert.deepEqual(booked.map((b) => b.metadata.name).sort(), claims.map((c) => c.ip).sort());
    },
  );
});
