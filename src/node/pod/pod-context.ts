// What the workers of all pods on a node share. Types only.
import type { Pod } from '../../api/objects.ts';
import type { Client, EventRecorder } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Logger } from '../../log/index.ts';
import type { ImageProblem, ResolvedImage } from '../catalog/contract.ts';
import type { ImageRequest } from '../catalog/resolve-image.ts';
import type { PodNetwork } from '../contract.ts';
import type { HostPorts } from '../host-ports/host-ports.ts';
import type { ContainerRuntime } from '../runtime/contract.ts';
import type { StartCounters } from '../server/kubelet-metrics.ts';
import type { ObjectCache } from '../volumes/object-cache.ts';
import type { TokenSource } from '../volumes/token-source.ts';
import type { Rejection } from './admission.ts';
import type { DnsSettings } from './dns-config.ts';
import type { ServiceForEnv } from './service-env.ts';

export interface PodContext {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly podNetwork: PodNetwork;
  readonly hostPorts: HostPorts;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly starts: StartCounters;
  readonly objects: ObjectCache;
  readonly tokens: TokenSource;
  readonly nodeName: string;
  readonly nodeIps: () => readonly string[];
  /** Why the node does not take a pod that was bound to it; undefined: it takes it. */
  readonly admit: (pod: Pod) => Promise<Rejection | undefined>;
  readonly allocatable: { readonly cpu: number; readonly memory: number };
  readonly stateDir: string;
  readonly dns: () => DnsSettings;
  readonly hostsFile: () => string;
  readonly services: () => Iterable<ServiceForEnv>;
  readonly resolveImage: (request: ImageRequest) => Promise<ResolvedImage | ImageProblem>;
  /** Runs when there is room: too many starts at once slow each other down. */
  readonly startGate: <T>(run: () => Promise<T>) => Promise<T>;
}
