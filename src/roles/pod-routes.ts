// Routes from the control plane to the pods, for the API server's proxy and for answers to pods: one route a node,
// following the Node objects. Only for a server in a network namespace of its own.
import { nodes } from '../api/objects.ts';
import { createInformer, type Client } from '../client/index.ts';
import { openRtnl, type RouteSpec } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';

/** Marks our routes, as in the pod network of the nodes (rtnetlink(7), rtm_protocol). */
const PROTOCOL = 99;

/** Keeps the routes in step until disposed; they stay in the kernel. */
export function startPodRoutes(client: Client, log: Logger): Disposable {
  const rtnl = openRtnl();
  const informer = createInformer(client, nodes, { log });

  function wanted(): Map<string, RouteSpec> {
    const routes = new Map<string, RouteSpec>();
    for (const node of informer.items.values()) {
      const addresses = (node.status?.addresses ?? []).filter((a) => a.type === 'InternalIP').map((a) => a.address);
      for (const destination of node.spec?.podCIDRs ?? []) {
        const via = addresses.find((a) => a.includes(':') === destination.includes(':'));
        if (via !== undefined) routes.set(destination, { destination, via, protocol: PROTOCOL });
      }
    }
    return routes;
  }

  function sync(): void {
    const want = wanted();
    try {
      for (const have of rtnl.routes({ protocol: PROTOCOL })) {
        const { destination } = have;
        if (!want.has(destination)) rtnl.deleteRoute({ destination, protocol: PROTOCOL });
        else if (want.get(destination)?.via === have.via) want.delete(destination);
      }
      for (const route of want.values()) rtnl.replaceRoute(route);
    } catch (error) {
      log.error('routes to pods could not be set', { error });
    }
  }

  informer.onBatch(sync);
  return {
    [Symbol.dispose]() {
      informer.stop();
      rtnl.close();
    },
  };
}
