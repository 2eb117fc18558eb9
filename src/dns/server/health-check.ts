// The server asks its own /health once a second, as CoreDNS does: what a probe from outside would wait for shows in the
// metrics before the probe fails.
import type { Clock, Timer } from '../../clock/index.ts';
import { http } from '../../http/index.ts';
import { Counter, exponentialBounds, Histogram, type Registry } from '../../metrics/index.ts';

const PERIOD_MS = 1000;
const LATE_MS = 5000;

export interface HealthCheck {
  stop(): void;
}

/** @param at where /health listens; an address that means all is asked at loopback. */
export function watchHealth(at: { address: string; port: number }, clock: Clock, registry: Registry): HealthCheck {
  const durations = registry.register(
    new Histogram(
      'coredns_health_request_duration_seconds',
      'Time of the server’s own questions for /health.',
      exponentialBounds(0.00025, 10, 5),
    ),
  );
  const failures = registry.register(
    new Counter('coredns_health_request_failures_total', 'The server’s own questions for /health without an answer.'),
  );
  const host = at.address === '::' || at.address === '0.0.0.0' ? '127.0.0.1' : at.address;
  let timer: Timer;
  let stopped = false;

  const ask = () => {
    const began = clock.monotonic();
    let ended = false;
    const end = (well: boolean) => {
      if (ended || stopped) return;
      ended = true;
      durations.observe((clock.monotonic() - began) / 1000);
      if (!well) failures.inc();
      timer = clock.after(PERIOD_MS, ask);
    };
    const request = http.get({ host, port: at.port, path: '/health', agent: false, timeout: LATE_MS }, (response) => {
      response.resume();
      response.once('end', () => end(response.statusCode === 200));
      response.once('error', () => end(false));
    });
    request.once('timeout', () => request.destroy(new Error('late')));
    request.once('error', () => end(false));
    // Watching must never keep the process from ending.
    request.once('socket', (socket) => socket.unref());
  };
  timer = clock.after(PERIOD_MS, ask);
  return {
    stop() {
      stopped = true;
      clock.clear(timer);
    },
  };
}
