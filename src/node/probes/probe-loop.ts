// Repeats one probe of one container and tells when its verdict changes.
import type { core } from '../../api/objects.ts';
import type { Clock, Timer } from '../../clock/index.ts';
import type { ProbeOutcome } from './contract.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProbeLoopOptions {
  readonly kind: ProbeKind;
  readonly probe: core.Probe;
  readonly clock: Clock;
  readonly startedAtMs: number;
  /** What an earlier agent had found out about this run. */
  readonly initialVerdict?: boolean;
  readonly attempt: () => Promise<ProbeOutcome>;
  /** The verdict is new: thresholds are passed. */
  readonly onVerdict: (ok: boolean, output: string) => void;
  /** A single attempt failed, for an event. */
  readonly onFailure: (output: string) => void;
}

const FIRST_EAGER_MS = 20;
const FIRST_EAGER_EXEC_MS = 250;

/**
 * DIFFERS: until its first success a readiness or startup probe is tried more often than `periodSeconds` says, with
 * growing pauses, because a pod that is up after 100 ms should not be told so after 10 s. Failures count once a period.
 */
export class ProbeLoop {
  readonly #o: ProbeLoopOptions;
  readonly #periodMs: number;
  #timer: Timer;
  #stopped = false;
  #verdict: boolean | undefined;
  #successes = 0;
  #failures = 0;
  #eagerMs: number;
  #countedAtMs = -Infinity;

  constructor(o: ProbeLoopOptions) {
    this.#o = o;
    this.#verdict = o.initialVerdict;
    this.#periodMs = Math.max(1, o.probe.periodSeconds ?? 10) * 1000;
    this.#eagerMs = o.probe.exec === undefined ? FIRST_EAGER_MS : FIRST_EAGER_EXEC_MS;
    const delayMs = (o.probe.initialDelaySeconds ?? 0) * 1000 - (o.clock.now() - o.startedAtMs);
    this.#timer = o.clock.after(Math.max(0, delayMs), () => void this.#round());
  }

  stop(): void {
    this.#stopped = true;
    this.#o.clock.clear(this.#timer);
  }

  async #round(): Promise<void> {
    const { clock, attempt } = this.#o;
    const beganAtMs = clock.monotonic();
    const outcome = await attempt();
    if (this.#stopped) return;
    if (outcome.ok) this.#success(outcome.output);
    else this.#failure(outcome.output, beganAtMs);
    if (this.#stopped) return;
    const spentMs = clock.monotonic() - beganAtMs;
    this.#timer = clock.after(Math.max(0, this.#nextPauseMs() - spentMs), () => void this.#round());
  }

  #isEager(): boolean {
    return this.#o.kind !== 'liveness' && this.#verdict === undefined && this.#successes === 0;
  }

  #nextPauseMs(): number {
    if (!this.#isEager()) return this.#periodMs;
    const pause = Math.min(this.#eagerMs, this.#periodMs);
    this.#eagerMs *= 1.25;
    return pause;
  }

  #success(output: string): void {
    this.#failures = 0;
    this.#successes++;
    if (this.#verdict !== true && this.#successes >= (this.#o.probe.successThreshold ?? 1)) this.#decide(true, output);
  }

  #failure(output: string, atMs: number): void {
    const isEager = this.#isEager();
    this.#successes = 0;
    // The first try comes before most programs listen: it does not count either.
    if (isEager && this.#countedAtMs === -Infinity) this.#countedAtMs = atMs;
    if (isEager && atMs - this.#countedAtMs < this.#periodMs) return;
    this.#countedAtMs = atMs;
    this.#failures++;
    this.#o.onFailure(output);
    if (this.#verdict !== false && this.#failures >= (this.#o.probe.failureThreshold ?? 3)) this.#decide(false, output);
  }

  #decide(ok: boolean, output: string): void {
    // Not ready is where readiness begins: no news.
    const isNews = this.#verdict !== undefined || ok || this.#o.kind !== 'readiness';
    this.#verdict = ok;
    if (isNews) this.#o.onVerdict(ok, output);
  }
}
