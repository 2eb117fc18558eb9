// The probes of one run of one container: startup first, then liveness and readiness together.
import type { core } from '../../api/objects.ts';
import type { Clock } from '../../clock/index.ts';
import type { ProbeTarget } from './contract.ts';
import { ProbeLoop, type ProbeKind } from './probe-loop.ts';
import { probeOnce } from './probe-once.ts';

export interface ContainerProbesOptions {
  readonly container: core.Container;
  readonly target: ProbeTarget;
  readonly clock: Clock;
  readonly startedAtMs: number;
  /** `started` or `ready` changed. */
  readonly onChange: () => void;
  /** The container must be ended; `graceSeconds` only when the probe names one of its own. */
  readonly onUnhealthy: (kind: 'startup' | 'liveness', graceSeconds: number | undefined) => void;
  readonly onFailure: (kind: ProbeKind, output: string) => void;
  /** What an earlier agent had told the API server of this same run. */
  readonly initial: { readonly started: boolean; readonly ready: boolean };
}

export class ContainerProbes {
  readonly #o: ContainerProbesOptions;
  readonly #loops: ProbeLoop[] = [];
  #started: boolean;
  #ready: boolean;
  #stopped = false;

  constructor(o: ContainerProbesOptions) {
    this.#o = o;
    const { startupProbe, readinessProbe } = o.container;
    this.#started = startupProbe === undefined || o.initial.started;
    this.#ready = this.#started && (readinessProbe === undefined || o.initial.ready);
    if (this.#started) this.#watch();
    else if (startupProbe !== undefined) this.#loop('startup', startupProbe, (ok) => this.#startup(ok, startupProbe));
  }

  get started(): boolean {
    return this.#started;
  }

  get ready(): boolean {
    return this.#ready;
  }

  stop(): void {
    this.#stopped = true;
    for (const loop of this.#loops) loop.stop();
  }

  /** A container that is being ended is still asked for readiness, but no longer killed for its health. */
  stopHealth(): void {
    this.#stopped = true;
  }

  #startup(ok: boolean, probe: core.Probe): void {
    if (!ok) {
      if (!this.#stopped) this.#o.onUnhealthy('startup', probe.terminationGracePeriodSeconds);
      return;
    }
    this.#started = true;
    this.#ready = this.#o.container.readinessProbe === undefined;
    for (const loop of this.#loops.splice(0)) loop.stop();
    this.#watch();
    this.#o.onChange();
  }

  #watch(): void {
    const { livenessProbe, readinessProbe } = this.#o.container;
    if (readinessProbe !== undefined) {
      const onVerdict = (ok: boolean) => {
        this.#ready = ok;
        this.#o.onChange();
      };
      this.#loop('readiness', readinessProbe, onVerdict, this.#ready ? true : undefined);
    }
    if (livenessProbe !== undefined) {
      this.#loop('liveness', livenessProbe, (ok) => {
        if (!ok && !this.#stopped) this.#o.onUnhealthy('liveness', livenessProbe.terminationGracePeriodSeconds);
      });
    }
  }

  #loop(kind: ProbeKind, probe: core.Probe, onVerdict: (ok: boolean) => void, initialVerdict?: boolean): void {
    const { clock, startedAtMs, target, onFailure } = this.#o;
    this.#loops.push(
      new ProbeLoop({
        kind,
        probe,
        clock,
        startedAtMs,
        ...(initialVerdict === undefined ? {} : { initialVerdict }),
        attempt: () => probeOnce(probe, target),
        onVerdict,
        onFailure: (output) => onFailure(kind, output),
      }),
    );
  }
}
