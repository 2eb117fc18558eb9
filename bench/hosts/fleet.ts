// A hundred node agents without pods and without a kernel: what the API server sees of them, and nothing else. Each has
// its Node, its Lease every ten seconds, and the lists that an agent keeps (its pods, and all Services, EndpointSlices
// and Nodes) on connections of its own. Speaks with the bench by IPC.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { endpointSlices, leases, nodes, pods, services, type KubeObject } from '../../src/api/objects.ts';
import { createClient, createInformer, loadKubeconfig, type Client, type Informer } from '../../src/client/index.ts';

export type Order = { readonly do: 'relist' } | { readonly do: 'await'; readonly service: string };
export interface Done {
  readonly done: 'registered' | 'relist' | 'await';
  /** Until the last of the agents. */
  readonly ms: number;
}

const HEARTBEAT_MS = 10_000;
const slim = (object: KubeObject) => object.metadata.resourceVersion;

interface Agent {
  readonly name: string;
  readonly client: Client;
  lists: Informer<string>[];
}

function startLists({ client, name }: Pick<Agent, 'client' | 'name'>): Informer<string>[] {
  return [
    createInformer(client, services, { transform: slim }),
    createInformer(client, endpointSlices, { transform: slim }),
    createInformer(client, nodes, { transform: slim }),
    createInformer(client, pods, { transform: slim, fieldSelector: `spec.nodeName=${name}` }),
  ];
}

async function register(client: Client, name: string, i: number): Promise<void> {
  await client.resource(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
    status: {
      addresses: [{ type: 'InternalIP', address: `198.51.100.${i + 1}` }],
      capacity: { cpu: '8', memory: '16Gi', pods: '110' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
}

async function heartbeats({ client, name }: Pick<Agent, 'client' | 'name'>, firstMs: number): Promise<void> {
  const api = client.resource(leases);
  const namespace = 'kube-node-lease';
  await sleep(firstMs);
  for (;;) {
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec };
    try {
      await api.patch(name, lease, { type: 'apply', namespace, fieldManager: name, force: true });
    } catch {
      // The server is away: again with the next beat.
    }
    await sleep(HEARTBEAT_MS);
  }
}

const [kubeconfig = '', count = ''] = process.argv.slice(2);
const tell = (message: Done) => process.send?.(message);
const began = performance.now();
const agents: Agent[] = await Promise.all(
  Array.from({ length: Number(count) }, async (_, i) => {
    const name = `node-${String(i + 1).padStart(3, '0')}`;
    const client = createClient(loadKubeconfig(kubeconfig));
    await register(client, name, i);
    void heartbeats({ client, name }, (HEARTBEAT_MS * i) / Number(count));
    return { name, client, lists: startLists({ client, name }) };
  }),
);
const allSynced = () => Promise.all(agents.flatMap((a) => a.lists.map((list) => list.synced())));
await allSynced();
tell({ done: 'registered', ms: performance.now() - began });

process.on('message', (order: Order) => {
  void (async () => {
    const start = performance.now();
    if (order.do === 'relist') {
      for (const agent of agents) {
        for (const list of agent.lists) list.stop();
        agent.lists = startLists(agent);
      }
      await allSynced();
    } else {
      while (!agents.every((a) => a.lists[0]?.items.has(order.service) === true)) await sleep(5);
    }
    tell({ done: order.do, ms: performance.now() - start });
  })();
});
