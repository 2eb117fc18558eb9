// Starts all controllers of a process on one set of informers.
import * as api from '../api/objects.ts';
import type { Resource } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import type { Logger } from '../log/index.ts';
import type { CertificateAndKey } from '../pki/index.ts';
import { startCertificateController } from './certificates/certificate-controller.ts';
import { startCronJobController } from './cronjob/cronjob-controller.ts';
import { startDaemonSetController } from './daemonset/daemonset-controller.ts';
import { startDeploymentController } from './deployment/deployment-controller.ts';
import { startDisruptionController } from './disruption/disruption-controller.ts';
import { startEndpointsController } from './endpoints/endpoints-controller.ts';
import { startEndpointSliceMirroringController } from './endpointslice-mirroring/mirroring-controller.ts';
import { startEndpointSliceController } from './endpointslice/endpointslice-controller.ts';
import { startGarbageCollector } from './garbage-collector/garbage-collector.ts';
import { startJobController } from './job/job-controller.ts';
import { startNamespaceController } from './namespace/namespace-controller.ts';
import { startNodeIpamController } from './node-ipam/node-ipam-controller.ts';
import { startNodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
import { startPodGcController } from './pod-gc/pod-gc-controller.ts';
import { startReplicaSetController, startReplicationControllerController } from './replicaset/replicaset-controller.ts';
import type { ControllerContext, Running } from './runtime/context.ts';
import { createSharedInformers } from './runtime/shared-informers.ts';
import { startServiceAccountController } from './service-account/service-account-controller.ts';
import { startStatefulSetController } from './statefulset/statefulset-controller.ts';
import { startTokenCleaner } from './token-cleaner/token-cleaner.ts';
import { startEphemeralClaims } from './volumes/ephemeral-claims.ts';
import { startVolumeBinder } from './volumes/volume-binder.ts';
import { startVolumeProtection } from './volumes/volume-protection.ts';

export interface ControllersOptions {
  /** To be parted among the nodes, the primary first; without them nodes are expected to bring their own. */
  podCidrs?: readonly string[];
  /** Size of a node's part. @default 24 and 64 */
  nodeMaskSize?: { ipv4?: number; ipv6?: number };
  /** Silence after which a node is Unknown. @default 40000 */
  nodeGraceMs?: number;
  /** PEM for `kube-root-ca.crt` in every namespace. */
  caPem?: string;
  /** Signs certificates of nodes; without it nobody here signs. */
  signer?: CertificateAndKey;
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
  const { caPem, maxEndpointsPerSlice, nodeGraceMs, podCidrs = [] } = options;
  const running: Running[] = [
    startNamespaceController(context, resources),
    startServiceAccountController(context, { caPem }),
    startDeploymentController(context),
    startReplicaSetController(context),
    startReplicationControllerController(context),
    startStatefulSetController(context),
    startDaemonSetController(context),
    startJobController(context),
    startCronJobController(context),
    startDisruptionController(context),
    startEndpointSliceController(context, { maxEndpointsPerSlice }),
    startEndpointsController(context),
    startEndpointSliceMirroringController(context),
    startPodGcController(context, { quarantineMs: nodeGraceMs }),
    startTokenCleaner(context),
    startVolumeBinder(context),
    startVolumeProtection(context),
    startEphemeralClaims(context),
    startNodeLifecycleController(context, { graceMs: nodeGraceMs }),
    startGarbageCollector(context, resources.filter(isCollectable)),
  ];
  if (options.signer !== undefined) running.push(startCertificateController(context, { ca: options.signer }));
  if (podCidrs.length > 0) running.push(startNodeIpamController(context, { podCidrs, ...options.nodeMaskSize }));
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
