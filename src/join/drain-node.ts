// Takes work away from a node, as `kubectl drain` does: no new pods, and those that are there are evicted.
import { isNotFound, nodes, pods, type Node, type Pod } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';

export interface DrainOptions {
  /** Also pods that nobody will replace. */
  readonly force: boolean;
  readonly timeoutMs: number;
  readonly say: (text: string) => void;
}

const MIRROR = 'kubernetes.io/config.mirror';
const POLL_MS = 200;

/** @throws UserError when there is no such node */
export async function setSchedulable(client: Client, name: string, schedulable: boolean): Promise<Node> {
  try {
    const spec = { unschedulable: schedulable ? null : true };
    return await client.resource(nodes).patch(name, { spec }, { type: 'merge' });
  } catch (e) {
    if (isNotFound(e)) throw new UserError(`there is no node ${name}: see 'kubectl get nodes'`, { cause: e });
    throw e;
  }
}

export type DrainPart = 'evict' | 'stays' | 'nobody replaces it';

/** What a drain does with a pod. Pure. */
export function drainPart(pod: Pod): DrainPart {
  if (pod.metadata.annotations?.[MIRROR] !== undefined) return 'stays';
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 'evict';
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller === true);
  // A DaemonSet would put it back at once.
  if (owner?.kind === 'DaemonSet') return 'stays';
  return owner === undefined ? 'nobody replaces it' : 'evict';
}

export async function podsOn(client: Client, node: string): Promise<Pod[]> {
  return (await client.resource(pods).list({ fieldSelector: `spec.nodeName=${node}` })).items;
}

/** Cordons and evicts, and returns when the evicted pods are gone. @throws UserError */
export async function drainNode(client: Client, name: string, options: DrainOptions): Promise<void> {
  await setSchedulable(client, name, false);
  const all = await podsOn(client, name);
  const alone = all.filter((pod) => drainPart(pod) === 'nobody replaces it');
  if (alone.length > 0 && !options.force) {
    const names = alone.map((p) => `${p.metadata.namespace}/${p.metadata.name}`).join(', ');
    throw new UserError(`no controller would replace ${names}: delete them yourself, or drain with --force`);
  }
  const leaving = all.filter((pod) => drainPart(pod) !== 'stays');
  for (const pod of leaving) {
    const { name: pod_, namespace = '', uid } = pod.metadata;
    options.say(`evicting pod ${namespace}/${pod_}`);
    try {
      await client.resource(pods).createSubresource(
        pod_,
        'eviction',
        {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: pod_, namespace },
          deleteOptions: { preconditions: { uid } },
        },
        { namespace },
      );
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  }
  await waitUntilGone(client, name, new Set(leaving.map((p) => p.metadata.uid)), options.timeoutMs);
}

async function waitUntilGone(client: Client, node: string, uids: ReadonlySet<string>, timeoutMs: number) {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const left = (await podsOn(client, node)).filter((pod) => uids.has(pod.metadata.uid));
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      const names = left.map((p) => `${p.metadata.namespace}/${p.metadata.name}`).join(', ');
      throw new UserError(
        `not gone from ${node} within ${Math.round(timeoutMs / 1000)} s: ${names}; look at them with kubectl, or give --timeout`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
