// One upstream server: how to reach it, how fast it answers, whether it is alive.
import { Class, encodeMessage, Flag, ROOT, Type } from '../../../dnswire/index.ts';
import type { Message } from '../../../dnswire/index.ts';
import type { Clock, Timer } from '../../../clock/index.ts';
import { openTcp, streamTransport, udpTransport, UpstreamError } from './exchange.ts';
import type { OutgoingQuery, Transport, UpstreamAddress } from './exchange.ts';

export type Protocol = 'udp' | 'tcp' | 'tls';

export interface UpstreamOptions {
  readonly clock: Clock;
  /** Failures in a row after which the upstream counts as down; 0: never. */
  readonly maxFails: number;
  readonly healthCheckMs: number;
  readonly onStateChange: (upstream: Upstream, healthy: boolean) => void;
  readonly onProbeFailure: (upstream: Upstream) => void;
  /** A question went through an open socket, or a new one. `proto` as CoreDNS calls it. */
  readonly onUse: (upstream: Upstream, proto: 'udp' | 'tcp' | 'tcp-tls', reused: boolean) => void;
}

const FIRST_RTT_MS = 100;
const PROBE_TIMEOUT_MS = 1000;

export class Upstream {
  readonly target: UpstreamAddress;
  /** `address:port`, for logs and metrics. */
  readonly label: string;
  healthy = true;
  /** Smoothed round trip and its deviation (as TCP does it, RFC 6298). */
  rttMs = FIRST_RTT_MS;
  #deviationMs = FIRST_RTT_MS / 2;
  #fails = 0;
  #probe: Timer;
  #stopped = false;
  readonly #options: UpstreamOptions;
  readonly #udp: Transport;
  readonly #tcp: Transport;
  /** A promise, so that questions that come together share it. */
  #tls: Promise<Transport> | undefined;

  constructor(target: UpstreamAddress, options: UpstreamOptions) {
    this.target = target;
    this.label = target.address.includes(':')
      ? `[${target.address}]:${target.port}`
      : `${target.address}:${target.port}`;
    this.#options = options;
    this.#udp = udpTransport(target, (reused) => options.onUse(this, 'udp', reused));
    this.#tcp = streamTransport(target, openTcp, (reused) => options.onUse(this, 'tcp', reused));
  }

  /** When a reply is late enough to ask somebody else too. */
  get patienceMs(): number {
    return Math.min(1000, Math.max(50, this.rttMs + 4 * this.#deviationMs));
  }

  /** @throws UpstreamError */
  async exchange(query: OutgoingQuery, protocol: Protocol, signal: AbortSignal): Promise<Message> {
    const started = this.#options.clock.monotonic();
    const transport = await this.#transport(protocol);
    try {
      const message = await transport.exchange(query, signal);
      this.#heard(this.#options.clock.monotonic() - started);
      return message;
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      // Giving up because another upstream was faster says nothing about this one.
      if (signal.reason !== NOT_NEEDED) this.#failed();
      throw error;
    }
  }

  async #transport(protocol: Protocol): Promise<Transport> {
    if (this.target.tlsName === undefined && protocol !== 'tls') return protocol === 'udp' ? this.#udp : this.#tcp;
    // TLS costs start-up time and memory that plain forwarding does not need.
    this.#tls ??= import('./tls.ts').then(({ tlsTransport }) =>
      tlsTransport(this.target, (reused) => this.#options.onUse(this, 'tcp-tls', reused)),
    );
    return this.#tls;
  }

  #heard(rttMs: number): void {
    this.#fails = 0;
    this.#deviationMs = 0.75 * this.#deviationMs + 0.25 * Math.abs(this.rttMs - rttMs);
    this.rttMs = 0.875 * this.rttMs + 0.125 * rttMs;
    if (this.healthy) return;
    this.healthy = true;
    this.#options.onStateChange(this, true);
  }

  #failed(): void {
    this.#fails += 1;
    const { maxFails } = this.#options;
    if (maxFails === 0 || this.#fails < maxFails || !this.healthy) return;
    this.healthy = false;
    this.#options.onStateChange(this, false);
    this.#scheduleProbe();
  }

  #scheduleProbe(): void {
    if (this.#stopped) return;
    const { clock, healthCheckMs } = this.#options;
    this.#probe = clock.after(healthCheckMs, () => void this.#runProbe());
  }

  /** Any reply at all shows life. */
  async #runProbe(): Promise<void> {
    const question = { name: ROOT, type: Type.NS, class: Class.IN };
    const message = { id: 0, flags: Flag.RD, rcode: 0, questions: [question], answers: [], authorities: [] };
    const wire = encodeMessage({ ...message, additionals: [] });
    try {
      await this.exchange({ wire, question }, 'udp', AbortSignal.timeout(PROBE_TIMEOUT_MS));
    } catch {
      this.#options.onProbeFailure(this);
      this.#scheduleProbe();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#options.clock.clear(this.#probe);
    this.#udp.close();
    this.#tcp.close();
    void this.#tls?.then((tls) => tls.close());
  }
}

/** Abort reason: another upstream has answered. */
export const NOT_NEEDED = new UpstreamError('another upstream answered first');
