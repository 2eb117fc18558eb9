// Starts all controllers of a process on one set of informers.
import * as api from '../api/index.ts';
import type { Resource } from '../api/index.ts';
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Logger } from '../log/index.ts';
import { startDeploymentController } from './deployment/deployment-controller.ts';
import { startEndpointSliceController } from './endpointslice/endpointslice-controller.ts';
import { startGarbageCollector } from './garbage-collector/garbage-collector.ts';
import { startNamespaceController } from './namespace/namespace-controller.ts';
import { startNodeIpamController } from './node-ipam/node-ipam-controller.ts';
import type { NodeIpamOptions } from './node-ipam/node-ipam-controller.ts';
import { startNodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
import { startReplicaSetController, startReplicationControllerController } from './replicaset/replicaset-controller.ts';
import type { ControllerContext, Running } from './runtime/context.ts';
import { createSharedInformers } from './runtime/shared-informers.ts';
import { startServiceAccountController } from './service-account/service-account-controller.ts';

export interface ControllersOptions {
  /** Pod CIDRs to part among the nodes; without it nodes are expected to bring their own. */
  nodeIpam?: NodeIpamOptions;
  /** Silence after which a node is Unknown. @default 40000 */
  nodeGraceMs?: number;
  /** PEM for `kube-root-ca.crt` in every namespace. */
  rootCaPem?: string;
  /** @default 100 */
  maxEndpointsPerSlice?: number;
  /** All served resources; default: the table of the api room. */
  resources?: readonly Resource[];
}

export interface StartControllers {
  client: Client;
  log?: Logger;
  clock?: Clock;
  options?: ControllersOptions;
}

export function startControllers(start: StartControllers): Running {
  const log = (start.log ?? silentLogger).with({ component: 'controllers' });
  const clock = start.clock ?? systemClock;
  const options = start.options ?? {};
  const informers = createSharedInformers(start.client, { log, clock });
  const context: ControllerContext = { client: start.client, informers, log, clock };
  const resources = options.resources ?? servedResources();
  const running: Running[] = [
    startNamespaceController(context, resources),
    startServiceAccountController(context, options.rootCaPem === undefined ? {} : { rootCaPem: options.rootCaPem }),
    startDeploymentController(context),
    startReplicaSetController(context),
    startReplicationControllerController(context),
    startEndpointSliceController(
      context,
      options.maxEndpointsPerSlice === undefined ? {} : { maxEndpointsPerSlice: options.maxEndpointsPerSlice },
    ),
    startNodeLifecycleController(context, options.nodeGraceMs === undefined ? {} : { graceMs: options.nodeGraceMs }),
    startGarbageCollector(context, resources.filter(isCollectable)),
  ];
  if (options.nodeIpam !== undefined) running.push(startNodeIpamController(context, options.nodeIpam));
  return {
    async stop() {
      await Promise.all(running.map((controller) => controller.stop()));
      informers.stop();
    },
  };
}

/** Every row of the table; events.k8s.io is a second door to the same objects. */
function servedResources(): Resource[] {
  return Object.values(api)
    .filter(isResource)
    .filter((r) => r !== api.eventsV1);
}

function isResource(value: unknown): value is Resource {
  return typeof value === 'object' && value !== null && 'plural' in value && 'namespaced' in value;
}

/** Events are many, own nothing, and end by themselves. */
const isCollectable = (r: Resource): boolean => r !== api.events;
