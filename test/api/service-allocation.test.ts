// Addresses and ports of Services when many clients ask at once, and when there are no more.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { ipAddresses, services, StatusError, type Service } from '../../src/api/objects.ts';
import type { Client } from '../../src/client/index.ts';
import { startLiveServer, type LiveServer } from './live-server.ts';

const CLIENTS = 100;
const EACH = 3;
const inDefault = { namespace: 'default' };

const object = (name: string, spec: object): Service =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec }) as Service;

/** Connections of their own, as so many processes have. */
function clientsOf(server: LiveServer, count: number): { clients: readonly Client[] } & Disposable {
  const clients = Array.from({ length: count }, () => server.client());
  return { clients, [Symbol.dispose]: () => clients.forEach((c) => c.close()) };
}

const nodePortsOf = (s: Service): number[] => (s.spec?.ports ?? []).map((p) => p.nodePort ?? 0);
const addressOf = (s: Service): string => s.spec?.clusterIP ?? '';

/** Every Service's address has its IPAddress object, and nothing else has one. */
async function assertBooked(client: Client): Promise<void> {
  const all = (await client.resource(services).list()).items;
  const booked = (await client.resource(ipAddresses).list()).items;
  const parent = (a: (typeof booked)[number]) => `${a.spec?.parentRef?.namespace}/${a.spec?.parentRef?.name}`;
  assert.deepEqual(
    booked.map((a) => `${a.metadata.name} ${parent(a)}`).toSorted(),
    all.map((s) => `${addressOf(s)} ${s.metadata.namespace}/${s.metadata.name}`).toSorted(),
  );
}

void describe('a hundred clients at once', () => {
  void it('never get the same address or node port', { timeout: 60_000 }, async () => {
    await using server = await startLiveServer();
    using many = clientsOf(server, CLIENTS);
    const spec = { type: 'NodePort', ports: [{ port: 80 }] };
    const made = await Promise.all(
      many.clients.flatMap((client, i) =>
        Array.from({ length: EACH }, (_, j) =>
          client.resource(services).create(object(`s-${i}-${j}`, spec), inDefault),
        ),
      ),
    );
    assert.equal(new Set(made.map(addressOf)).size, CLIENTS * EACH);
    assert.equal(new Set(made.flatMap(nodePortsOf)).size, CLIENTS * EACH);
    const [client = server.client()] = many.clients;
    await assertBooked(client);

    // One address and one port that all of them want: one gets each.
    const wish = { ...spec, clusterIP: '10.96.0.200' };
    const forAddress = await Promise.allSettled(
      many.clients.map((c, i) => c.resource(services).create(object(`address-${i}`, wish), inDefault)),
    );
    const wishPort = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_007 }] };
    const forPort = await Promise.allSettled(
      many.clients.map((c, i) => c.resource(services).create(object(`port-${i}`, wishPort), inDefault)),
    );
    for (const results of [forAddress, forPort]) {
      assert.equal(results.filter((r) => r.status === 'fulfilled').length, 1);
      for (const r of results) {
        if (r.status === 'rejected') assert.match(String(r.reason), /already allocated/);
      }
    }
    await assertBooked(client);

    // What is deleted is free again, at once.
    await Promise.all(
      made.map((s, i) =>
        (many.clients[i % CLIENTS] ?? client).resource(services).delete(s.metadata.name ?? '', inDefault),
      ),
    );
    await assertBooked(client);
    const [first] = made;
    const again = { ...spec, clusterIP: first === undefined ? '' : addressOf(first) };
    assert.equal(addressOf(await client.resource(services).create(object('again', again), inDefault)), again.clusterIP);
  });
});

void describe('one node port', () => {
  void it('serves one port number in several protocols, and no other Service', async () => {
    await using server = await startLiveServer();
    using one = clientsOf(server, 1);
    const [client = server.client()] = one.clients;
    const create = (name: string, ports: object[]) =>
      client.resource(services).create(object(name, { type: 'NodePort', ports }), inDefault);
    const dns = await create('dns', [
      { name: 'udp', port: 53, protocol: 'UDP' },
      { name: 'tcp', port: 53, protocol: 'TCP' },
      { name: 'other', port: 54, protocol: 'TCP' },
    ]);
    const [udp, tcp, other] = nodePortsOf(dns);
    assert.equal(udp, tcp);
    assert.notEqual(udp, other);
    await assert.rejects(create('late', [{ port: 53, protocol: 'UDP', nodePort: udp }]), /already allocated/);

    // The port is free only when the last protocol lets it go.
    const drop = [{ op: 'remove', path: '/spec/ports/0' }];
    await client.resource(services).patch('dns', drop, { ...inDefault, type: 'json' });
    const kept = await client.resource(services).get('dns', 'default');
    assert.ok(nodePortsOf(kept).includes(udp ?? 0));
    await assert.rejects(create('late', [{ port: 53, protocol: 'UDP', nodePort: udp }]), /already allocated/);
    await client.resource(services).delete('dns', inDefault);
    assert.deepEqual(nodePortsOf(await create('late', [{ port: 53, protocol: 'UDP', nodePort: udp }])), [udp]);
  });
});

void describe('when there are no more', () => {
  const outcome = async (made: Promise<Service>): Promise<string> => {
    try {
      await made;
      return 'created';
    } catch (error) {
      return error instanceof StatusError ? `${error.code} ${error.message}` : String(error);
    }
  };
  const count = (outcomes: readonly string[]) =>
    Object.fromEntries(
      Map.groupBy(outcomes, (o) => o)
        .entries()
        .map(([o, all]) => [o, all.length]),
    );

  void it('addresses and node ports are refused as Kubernetes does, and given again when free', async () => {
    // 14 addresses, one of them the API server's own; 5 ports.
    await using server = await startLiveServer({
      serviceCidrs: ['10.97.0.0/28'],
      nodePorts: { first: 30_000, last: 30_004 },
    });
    using many = clientsOf(server, 10);
    const create = (name: string, spec: object, i: number) =>
      outcome(
        (many.clients[i % 10] ?? server.client())
          .resource(services)
          .create(object(name, { ports: [{ port: 80 }], ...spec }), inDefault),
      );
    const nodePorts = await Promise.all(
      Array.from({ length: 8 }, (_, i) => create(`np-${i}`, { type: 'NodePort' }, i)),
    );
    assert.deepEqual(count(nodePorts), {
      created: 5,
      '500 Internal error occurred: failed to allocate a nodePort: range is full': 3,
    });
    const clusterIps = await Promise.all(Array.from({ length: 20 }, (_, i) => create(`ip-${i}`, {}, i)));
    assert.deepEqual(count(clusterIps), {
      created: 8,
      '500 Internal error occurred: failed to allocate a serviceIP: range is full': 12,
    });
    // Nothing was left behind by what was refused.
    const [client = server.client()] = many.clients;
    await assertBooked(client);
    // Those that need no address still go.
    assert.equal(await create('headless', { clusterIP: 'None' }, 0), 'created');
    const gone = nodePorts.indexOf('created');
    await client.resource(services).delete(`np-${gone}`, inDefault);
    assert.equal(await create('again', { type: 'NodePort' }, 0), 'created');
  });
});
