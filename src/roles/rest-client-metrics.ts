// Requests to the API server as client-go counts them: `rest_client_…`, in CoreDNS with a prefix of its own.
import type { AnswerReport } from '../client/index.ts';
import { Counter, Histogram, type Registry } from '../metrics/index.ts';

/** client-go's buckets, seconds. */
const DURATIONS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** @example createClient(config, { onAnswer: restClientMetrics(registry, 'rest_client') }) */
export function restClientMetrics(registry: Registry, prefix: string): (answer: AnswerReport) => void {
  const requests = registry.register(
    new Counter(`${prefix}_requests_total`, 'Requests to the API server, by status code, method and host.'),
  );
  const durations = registry.register(
    new Histogram(
      `${prefix}_request_duration_seconds`,
      'Time until the API server answered, by verb and host.',
      DURATIONS,
    ),
  );
  return ({ method, host, code, seconds }) => {
    requests.inc({ code, host, method });
    durations.observe(seconds, { host, verb: method });
  };
}
