// The metrics of the server, by the names that dashboards for kube-apiserver know.
import { Counter, Gauge, Histogram, type Registry } from '../metrics/index.ts';
import type { InFlight } from './request/in-flight.ts';
import type { UserRate } from './request/user-rate.ts';
import type { RequestRecord } from './request/dispatch.ts';
import type { Store } from '../store/index.ts';

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** What is measured beside the requests themselves. */
export interface Measured {
  readonly inFlight: InFlight;
  readonly userRate: UserRate;
  readonly store: Store;
}

export function serverMetrics(registry: Registry, measured: Measured): (record: RequestRecord) => void {
  const { inFlight, userRate, store } = measured;
  const total = registry.register(new Counter('apiserver_request_total', 'Answered requests.'));
  const duration = registry.register(
    new Histogram('apiserver_request_duration_seconds', 'Time to the answer; for watches, to its beginning.', SECONDS),
  );
  registry.register(
    new Gauge('apiserver_current_inflight_requests', 'Requests being worked on.', (gauge) => {
      gauge.set(inFlight.reads, { request_kind: 'readOnly' });
      gauge.set(inFlight.writes, { request_kind: 'mutating' });
    }),
  );
  registry.register(
    new Gauge('apiserver_rejected_requests_total', 'Requests refused because their user made too many.', (gauge) =>
      gauge.set(userRate.refused),
    ),
  );
  registry.register(
    new Gauge('apiserver_storage_objects', 'Stored objects.', (gauge) => gauge.set(store.count('/registry/'))),
  );
  registry.register(
    new Gauge('apiserver_store_revision', 'Newest revision of the store.', (gauge) => gauge.set(store.currentRevision)),
  );
  return ({ route, status, milliseconds, request }) => {
    const of =
      route === undefined || route.kind === 'path'
        ? { group: '', version: '', resource: '', subresource: '' }
        : route.kind === 'unknown'
          ? { group: '', version: '', resource: 'unknown', subresource: '' }
          : {
              group: route.path.group,
              version: route.path.version,
              resource: route.path.plural,
              subresource: route.path.subresource,
            };
    const verb = route === undefined || route.kind !== 'resource' ? request.method : route.verb.toUpperCase();
    const labels = { verb: VERBS.has(verb) ? verb : 'OTHER', ...of };
    total.inc({ ...labels, code: String(status) });
    duration.observe(milliseconds / 1000, labels);
  };
}

/** Methods come from clients: without this list each invented one would make a series. */
const VERBS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'LIST',
  'WATCH',
  'POST',
  'CREATE',
  'PUT',
  'UPDATE',
  'PATCH',
  'DELETE',
  'DELETECOLLECTION',
]);
