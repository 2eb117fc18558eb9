// One more thread of the server: sockets and index of its own, objects and configuration from the main thread.
import process from 'node:process';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../clock/index.ts';
import { createLogger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import type { KubernetesConfig } from './config/config.ts';
import { Engine } from './engine.ts';
import { createRecords } from './plugins/kubernetes/cluster.ts';
import type { ClusterRecords } from './plugins/kubernetes/cluster-records.ts';
import type { ClusterZone } from './plugins/kubernetes/cluster-zone.ts';
import { openSockets } from './server/sockets.ts';
import type { CloseLimits } from './server/sockets.ts';
import type { FromWorker, ObjectChange, ToWorker, WorkerStart } from './workers.ts';

interface Followed {
  readonly records: ClusterRecords;
  readonly zone: ClusterZone;
  known: boolean;
}

const start = workerData as WorkerStart;
const clusters = new Map<string, Followed>();
const post = (message: FromWorker) => parentPort?.postMessage(message);

function follow(config: KubernetesConfig): Followed {
  const id = JSON.stringify(config);
  let followed = clusters.get(id);
  if (followed === undefined) {
    const synced = () => clusters.get(id)?.known === true;
    followed = {
      ...createRecords(config, { clock: systemClock, onProgrammed: () => undefined, synced }),
      known: false,
    };
    clusters.set(id, followed);
  }
  return followed;
}

function apply(records: ClusterRecords, change: ObjectChange): void {
  switch (change.kind) {
    case 'service':
      return records.service(change.key, change.before, change.after);
    case 'slice':
      return records.slice(change.key, change.before, change.after);
    case 'namespace':
      return records.namespace(change.key, change.after);
    case 'pod':
      return records.pod(change.key, change.before, change.after);
  }
}

const registry = new Registry();
const log = createLogger().with({ component: 'dns', thread: 'worker' });
const engine = new Engine({
  config: start.config,
  registry,
  clock: systemClock,
  log,
  version: start.version,
  zoneOf: (config) => follow(config).zone,
});

async function stop(limits: CloseLimits): Promise<void> {
  await sockets?.close(limits);
  engine.stop();
  process.exit(0);
}

parentPort?.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'objects': {
      const { records } = follow(message.config);
      for (const change of message.changes) apply(records, change);
      records.commit();
      break;
    }
    case 'known': {
      const followed = clusters.get(message.cluster);
      if (followed !== undefined) followed.known = true;
      break;
    }
    case 'config':
      try {
        engine.reconfigure(message.config);
      } catch (error) {
        log.error('the new configuration cannot be used in this thread', { error });
      }
      break;
    case 'metrics':
      post({ type: 'metrics', id: message.id, text: registry.render() });
      break;
    case 'stop':
      void stop(message);
      break;
  }
});

const sockets = await openSockets(engine.responder, { ...start, reusePort: true }, { clock: systemClock, log }).catch(
  (error: unknown) => {
    post({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  },
);
if (sockets !== undefined) {
  engine.start();
  post({ type: 'listening' });
}
