// A cluster in memory for tests: the fake API server, controllers, a scheduler of one line, and agents that make pods
// run at once.
import { namespaces, nodes, pods } from '../../api/objects.ts';
import type { Deployment, Node, Pod, Service, Unstored } from '../../api/objects.ts';
import { createFakeClient } from '../../client/index.ts';
import type { FakeClient } from '../../client/index.ts';
import { systemClock } from '../../clock/index.ts';
import type { Clock } from '../../clock/index.ts';
import { nodeOfDaemon } from '../daemonset/plan-daemons.ts';
import { startControllers } from '../start-controllers.ts';
import type { ControllersOptions } from '../start-controllers.ts';
import { timestamp } from '../runtime/pod-state.ts';

export interface TestCluster extends AsyncDisposable {
  /** Ends the controllers in the middle of whatever they do and starts new ones that know nothing. */
  restartControllers(): void;
  client: FakeClient;
  /** Decides what an agent does with a pod; default: it runs and is ready. */
  agent: (pod: Pod) => 'ready' | 'unready' | 'ignore';
  /** Resolves when `done` answers with something true. */
  until<T>(what: string, done: () => T | undefined | false): Promise<T>;
}

export async function startTestCluster(
  options: { controllers?: ControllersOptions; nodes?: number; clock?: Clock } = {},
): Promise<TestCluster> {
  const clock = options.clock ?? systemClock;
  const client = createFakeClient(clock);
  await client.resource(namespaces).create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
  for (let i = 1; i <= (options.nodes ?? 2); i++) await client.resource(nodes).create(testNode(`node-${i}`));
  const stopped = new AbortController();
  const cluster: TestCluster = {
    client,
    agent: () => 'ready',
    async until(what, done) {
      const end = performance.now() + 5000;
      for (;;) {
        const result = done();
        if (result !== undefined && result !== false) return result;
        if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    restartControllers() {
      ended.push(controllers.stop());
      controllers = start();
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      client.intercept = () => undefined;
      await Promise.all([controllers.stop(), ...ended]);
    },
  };
  void runAgents(cluster, clock, stopped.signal);
  const ended: Promise<void>[] = [];
  const start = () =>
    startControllers({
      client,
      clock,
      ...(options.controllers === undefined ? {} : { options: options.controllers }),
    });
  let controllers = start();
  return cluster;
}

async function runAgents(cluster: TestCluster, clock: Clock, signal: AbortSignal): Promise<void> {
  const api = cluster.client.resource(pods);
  let next = 0;
  while (!signal.aborted) {
    for await (const event of api.watch({ resourceVersion: '1' }, signal)) {
      if (event.type === 'BOOKMARK' || event.type === 'DELETED') continue;
      for (let attempt = 0; attempt < 50; attempt++) {
        const pod = cluster.client.find(pods, `${event.object.metadata.namespace ?? ''}/${event.object.metadata.name}`);
        if (pod === undefined || pod.metadata.uid !== event.object.metadata.uid) break;
        try {
          await step(cluster, pod, clock, () => next++);
          break;
        } catch {
          // Changed meanwhile, or a failure that the test wants: again.
        }
      }
    }
  }
}

async function step(cluster: TestCluster, pod: Pod, clock: Clock, next: () => number): Promise<void> {
  const api = cluster.client.resource(pods);
  const { name, namespace = '', deletionTimestamp } = pod.metadata;
  const what = cluster.agent(pod);
  if (what === 'ignore') return;
  if (deletionTimestamp !== undefined) return api.delete(name, { namespace, gracePeriodSeconds: 0 });
  if (pod.spec?.nodeName === undefined) {
    const open = cluster.client.objects(nodes).filter((n) => (n.spec?.taints ?? []).length === 0);
    const names = open.map((n) => n.metadata.name);
    // The least crowded node, unless the pod is made for one.
    const crowd = (node: string) => cluster.client.objects(pods).filter((p) => p.spec?.nodeName === node).length;
    const best = names.toSorted((a, b) => crowd(a) - crowd(b))[0];
    const target = { name: nodeOfDaemon(pod) ?? best };
    await api.createSubresource(name, 'binding', { target }, { namespace });
    return;
  }
  const ready = what === 'ready' ? 'True' : 'False';
  const known = pod.status?.conditions?.find((c) => c.type === 'Ready');
  if (pod.status?.phase !== undefined && known?.status === ready) return;
  const ip = pod.status?.podIP ?? `10.244.0.${next() + 1}`;
  const condition = { type: 'Ready', status: ready, lastTransitionTime: timestamp(clock.now()) };
  await api.updateStatus({
    ...pod,
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [condition] },
  });
}

export const testNode = (name: string, labels: Record<string, string> = {}): Unstored<Node> => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  status: { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
});

export const testDeployment = (name: string, replicas: number, image = 'portico/web'): Unstored<Deployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas,
    progressDeadlineSeconds: 600,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'web', image }] } },
  },
});

export const testService = (name: string): Unstored<Service> => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: name }, ports: [{ port: 80 }], clusterIP: '10.96.0.20', ipFamilies: ['IPv4'] },
});
