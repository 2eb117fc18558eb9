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
  /** Reads what all controllers watch. */
  client: Client;
  /** What the controller of this name writes with, each under an identity of its own. @default `client` */
  clientFor?: (controller: string) => Client;
  log?: Logger;
  clock?: Clock;
  options?: ControllersOptions;
}

export function startControllers(start: StartControllers): Running {
  const log = (start.log ?? silentLogger).with({ component: 'controllers' });
  const clock = start.clock ?? systemClock;
  const options = start.options ?? {};
  const informers = createSharedInformers(start.client, { log, clock });
  const clientFor = start.clientFor ?? (() => start.client);
  const as = (name: string): ControllerContext => ({ client: clientFor(name), informers, log, clock });
  const resources = options.resources ?? servedResources();
  const { caPem, maxEndpointsPerSlice, nodeGraceMs, podCidrs = [] } = options;
  const running: Running[] = [
    startNamespaceController(as('namespace-controller'), resources),
    startServiceAccountController(as('service-account-controller'), { caPem }),
    startDeploymentController(as('deployment-controller')),
    startReplicaSetController(as('replicaset-controller')),
    startReplicationControllerController(as('replication-controller')),
    startStatefulSetController(as('statefulset-controller')),
    startDaemonSetController(as('daemon-set-controller')),
    startJobController(as('job-controller')),
    startCronJobController(as('cronjob-controller')),
    startDisruptionController(as('disruption-controller')),
    startEndpointSliceController(as('endpointslice-controller'), { maxEndpointsPerSlice }),
    startEndpointsController(as('endpoint-controller')),
    startEndpointSliceMirroringController(as('endpointslicemirroring-controller')),
    startPodGcController(as('pod-garbage-collector'), { quarantineMs: nodeGraceMs }),
    startTokenCleaner(as('token-cleaner')),
    startVolumeBinder(as('persistent-volume-binder')),
    startVolumeProtection(as('pvc-protection-controller')),
    startEphemeralClaims(as('ephemeral-volume-controller')),
    startNodeLifecycleController(as('node-controller'), { graceMs: nodeGraceMs }),
    startGarbageCollector(as('generic-garbage-collector'), resources.filter(isCollectable)),
  ];
  if (options.signer !== undefined)
    running.push(startCertificateController(as('certificate-controller'), { ca: options.signer }));
  if (podCidrs.length > 0)
    running.push(startNodeIpamController(as('node-controller'), { podCidrs, ...options.nodeMaskSize }));
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
