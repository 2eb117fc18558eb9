// One view of a cluster: watch, records, zone, snapshot. Lives on when the configuration around it is reloaded.
import { networkInterfaces } from 'node:os';
import type { Client } from '../../../client/index.ts';
import type { Clock } from '../../../clock/index.ts';
import { isBelow } from '../../../dnswire/index.ts';
import type { Logger } from '../../../log/index.ts';
import type { KubernetesConfig } from '../../config/config.ts';
import { ClusterRecords } from './cluster-records.ts';
import { ClusterZone } from './cluster-zone.ts';
import { createSnapshotWriter, readSnapshot, sinkOverSnapshot } from './snapshot.ts';
import { watchObjects } from './watch-objects.ts';
import type { ObjectSink } from './watch-objects.ts';

export interface ClusterDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onProgrammed: (seconds: number, kind: string) => void;
  /** Silence on a watch that makes the answers doubtful. */
  readonly staleAfterMs: number;
  readonly snapshotFile?: string;
  /** Hears everything that changes, e.g. to pass it on to worker threads. */
  readonly also?: ObjectSink;
}

export interface Cluster {
  readonly zone: ClusterZone;
  /** Resolves when the first complete list is in the answers. */
  readonly synced: Promise<void>;
  /** When the snapshot in use was written; undefined: answers come from the API. */
  readonly snapshotOf: string | undefined;
  notReady(): string | undefined;
  idleMs(): ReadonlyMap<string, number>;
  stop(): void;
}

/** The records and zone of a configuration, not fed yet. */
export function createRecords(
  config: KubernetesConfig,
  deps: { clock: Clock; onProgrammed: (seconds: number, kind: string) => void; synced: () => boolean },
): { records: ClusterRecords; zone: ClusterZone } {
  const isOpen = (zone: KubernetesConfig['zones'][number]) => config.fallthrough.some((open) => isBelow(zone, open));
  const records = new ClusterRecords({
    zones: config.zones,
    reverseZones: config.reverseZones,
    openReverseZones: config.reverseZones.filter(isOpen),
    podNames: config.pods !== 'disabled',
    endpointPodNames: config.endpointPodNames,
    ignoreEmptyService: config.ignoreEmptyService,
    ...(config.namespaces === undefined ? {} : { namespaces: new Set(config.namespaces) }),
    clock: deps.clock,
    onProgrammed: deps.onProgrammed,
  });
  const own = localAddresses();
  records.index.setLocalAddresses(own);
  const zone = new ClusterZone({
    ...config,
    index: records.index,
    synced: deps.synced,
    hasPod: (namespace, address) => records.hasPod(namespace, address),
    localAddresses: () => own,
    serial: () => records.serial,
  });
  return { records, zone };
}

export function openCluster(config: KubernetesConfig, deps: ClusterDeps): Cluster {
  const { log, snapshotFile } = deps;
  let live = false;
  let snapshotOf: string | undefined;
  const { records, zone } = createRecords(config, { ...deps, synced: () => live || snapshotOf !== undefined });
  const everyone = deps.also === undefined ? records : bothSinks(records, deps.also);
  const scope = JSON.stringify(config);
  const stored = snapshotFile === undefined ? undefined : readSnapshot(snapshotFile, scope, log);
  const overlay = stored === undefined ? undefined : sinkOverSnapshot(everyone, stored);
  const sink: ObjectSink = overlay ?? everyone;
  if (stored !== undefined) {
    snapshotOf = stored.writtenAt;
    log.info('answering from the snapshot until the API server has been heard', { writtenAt: snapshotOf });
  }
  const watch = watchObjects(
    {
      client: deps.client,
      log,
      clock: deps.clock,
      withPods: config.pods === 'verified',
      withEndpoints: config.withEndpoints,
      endpointPodNames: config.endpointPodNames,
      zonal: config.zonal,
      ...(config.labelSelector === undefined ? {} : { labelSelector: config.labelSelector }),
      ...(config.namespaceLabelSelector === undefined ? {} : { namespaceLabelSelector: config.namespaceLabelSelector }),
    },
    {
      service: (key, before, after) => sink.service(key, before, after),
      slice: (key, before, after) => sink.slice(key, before, after),
      namespace: (key, after) => sink.namespace(key, after),
      pod: (key, before, after) => sink.pod(key, before, after),
      commit: () => {
        sink.commit();
        if (live) writer?.touch();
      },
    },
  );
  const writer =
    snapshotFile === undefined ? undefined : createSnapshotWriter(snapshotFile, scope, () => watch.items(), deps);
  const synced = watch.synced.then(() => {
    live = true;
    overlay?.complete();
    if (snapshotOf !== undefined) log.info('the API server has been heard: the snapshot is no longer used');
    snapshotOf = undefined;
    writer?.touch();
  });
  return {
    zone,
    synced,
    get snapshotOf() {
      return snapshotOf;
    },
    notReady: () => {
      if (snapshotOf !== undefined) return undefined;
      if (!live) return 'kubernetes: the list of services is not complete yet';
      for (const [resource, idle] of watch.idleMs())
        if (idle > deps.staleAfterMs)
          return `kubernetes: nothing heard about ${resource} for ${Math.round(idle / 1000)} s`;
      return undefined;
    },
    idleMs: () => watch.idleMs(),
    stop: () => {
      watch.stop();
      writer?.stop();
    },
  };
}

function bothSinks(a: ObjectSink, b: ObjectSink): ObjectSink {
  return {
    service: (key, before, after) => {
      a.service(key, before, after);
      b.service(key, before, after);
    },
    slice: (key, before, after) => {
      a.slice(key, before, after);
      b.slice(key, before, after);
    },
    namespace: (key, after) => {
      a.namespace(key, after);
      b.namespace(key, after);
    },
    pod: (key, before, after) => {
      a.pod(key, before, after);
      b.pod(key, before, after);
    },
    commit: () => {
      a.commit();
      b.commit();
    },
  };
}

/** Addresses of this machine that others can reach. */
function localAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter((a) => !a.internal && !a.address.startsWith('fe80:'))
    .map((a) => a.address);
}
