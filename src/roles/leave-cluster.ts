// How a host stops being a node: `portico node remove` marks the Node, its agent takes everything away that it made,
// and deletes the Node as its last act.
import { isNotFound, nodes, REMOVAL_ANNOTATION } from '../api/objects.ts';
import { createInformer, type Client } from '../client/index.ts';
import type { Logger } from '../log/index.ts';
import type { NodeAgent } from '../node/index.ts';
import type { PodNetwork } from '../podnet/index.ts';
import { cleanupProxyRules, type Proxy } from '../proxy/index.ts';
import type { AgentOptions } from './agent.ts';

/** Resolves when the Node is marked for removal. */
export function awaitRemoval(client: Client, nodeName: string, log: Logger) {
  const informer = createInformer(client, nodes, { fieldSelector: `metadata.name=${nodeName}`, log });
  const asked = new Promise<'removed'>((resolve) => {
    informer.onChange(({ after }) => {
      if (after?.metadata.annotations?.[REMOVAL_ANNOTATION] !== undefined) resolve('removed');
    });
  });
  return { asked, stop: () => informer.stop() };
}

export interface LeavingParts {
  readonly client: Client;
  readonly agent: NodeAgent;
  readonly proxy: Proxy;
  readonly podNetwork: PodNetwork;
  readonly log: Logger;
}

export async function leaveCluster(options: AgentOptions, parts: LeavingParts): Promise<void> {
  const { client, agent, proxy, podNetwork, log } = parts;
  log.info('this host is being removed from the cluster: ending its pods and taking its network away');
  // The agent's pods need the pod network to be taken apart by.
  await Promise.all([agent.leave(), proxy.stop()]);
  await cleanupProxyRules({ mode: options.proxy.mode });
  await podNetwork.leave();
  try {
    await client.resource(nodes).delete(options.nodeName);
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
  options.identity.forget?.();
  log.info('this host is no node any more; to join again, give it a new token');
}
