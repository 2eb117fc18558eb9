// The work of one server at a time (controllers, scheduler) goes on with another one when its server dies, does not
// answer any more, or says goodbye.
import assert from 'node:assert/strict';

import { deployments, isAlreadyExists, leases, pods } from '../../src/api/index.ts';
import type { Client } from '../../src/client/index.ts';
import { eventually } from './cluster-fixture.ts';
import { addressOf, type Hosts, type Server, type ServerHost } from './hosts-fixture.ts';

const NAMESPACE = 'failover';
/** A leader that is silent is followed after 7 s; the rest is a slow machine. */
const MOVES_WITHIN_MS = 15_000;

export interface Leader {
  readonly host: ServerHost;
  readonly server: Server;
  /** Another server. */
  readonly other: Client;
}

export async function leader(hosts: Hosts): Promise<Leader> {
  return eventually('a leader', async () => {
    for (const { client } of hosts.servers.values()) {
      const lease = await client.resource(leases).get('portico-server', 'kube-system');
      const holder = lease.spec?.holderIdentity ?? '';
      const host = [...hosts.servers.keys()].find((h) => holder.startsWith(`${addressOf(h)}:`));
      const server = host === undefined ? undefined : hosts.servers.get(host);
      const other = [...hosts.servers].find(([h]) => h !== host)?.[1].client;
      if (host !== undefined && server !== undefined && other !== undefined) return { host, server, other };
    }
    return undefined;
  });
}

/** A new Deployment gets pods, and they get nodes: controllers and scheduler are at work. */
export async function isWorkedOn(client: Client, name: string): Promise<number> {
  const began = performance.now();
  const labels = { app: name };
  const template = {
    metadata: { labels },
    spec: { tolerations: [{ operator: 'Exists' as const }], containers: [{ name: 'shell', image: 'portico/shell' }] },
  };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  };
  // Connections that the client kept may be those of a process that was killed: a write on one fails.
  await eventually(`${name} to be written`, async () => {
    try {
      return await client.resource(deployments).create(deployment, { namespace: NAMESPACE });
    } catch (e) {
      if (isAlreadyExists(e)) return true;
      throw e;
    }
  });
  await eventually(
    `two pods of ${name} to be given nodes`,
    async () => {
      const { items } = await client.resource(pods).list({ namespace: NAMESPACE, labelSelector: `app=${name}` });
      return items.filter((p) => (p.spec?.nodeName ?? '') !== '').length === 2 ? true : undefined;
    },
    MOVES_WITHIN_MS,
  );
  return performance.now() - began;
}

/** @returns seconds until the work went on, by what happened to the leader */
export async function leadersFall(hosts: Hosts): Promise<Readonly<Record<string, number>>> {
  hosts.kubectl('create', 'namespace', NAMESPACE);
  const seconds: Record<string, number> = {};

  const killed = await leader(hosts);
  await killed.server.stop('SIGKILL');
  seconds['killed'] = (await isWorkedOn(killed.other, 'killed')) / 1000;
  killed.server.start();
  const second = await leader(hosts);
  assert.notEqual(second.host, killed.host);

  await eventually('the killed server to serve again', async () =>
    (await killed.server.client.get('/readyz')) === 'ok' ? true : undefined,
  );
  second.server.signal('SIGSTOP');
  try {
    seconds['frozen'] = (await isWorkedOn(second.other, 'frozen')) / 1000;
  } finally {
    second.server.signal('SIGCONT');
  }
  // It finds that it was replaced, and does not take the work back.
  await isWorkedOn(second.server.client, 'thawed');
  const third = await leader(hosts);
  assert.notEqual(third.host, second.host);

  await third.server.stop();
  const left = await third.other.resource(leases).get('portico-server', 'kube-system');
  assert.ok(left.spec?.holderIdentity?.startsWith(`${addressOf(third.host)}:`) !== true, 'it gave the lease back');
  seconds['ended'] = (await isWorkedOn(third.other, 'ended')) / 1000;
  third.server.start();
  hosts.kubectl('delete', 'namespace', NAMESPACE, '--wait=false');
  return seconds;
}
