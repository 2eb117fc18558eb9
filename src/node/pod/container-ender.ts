// Ends one container: preStop hook, SIGTERM, patience, SIGKILL. The grace period covers all of it; at least two
// seconds are left for SIGTERM after a preStop hook, as kubelet has it.
import type { core } from '../../api/objects.ts';
import type { Clock, Timer } from '../../clock/index.ts';
import type { ProbeTarget } from '../probes/contract.ts';
import type { ContainerRuntime } from '../runtime/contract.ts';
import { runHook } from './lifecycle-hook.ts';

const LEAST_AFTER_HOOK_MS = 2000;

export interface EndOptions {
  readonly id: string;
  readonly container: core.Container;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly target: ProbeTarget;
  readonly graceMs: number;
  readonly onHookFailed: (message: string) => void;
}

export class ContainerEnd {
  readonly #o: EndOptions;
  readonly #done = Promise.withResolvers<void>();
  readonly #subscription: Disposable;
  #killTimer: Timer;
  #killAtMs: number;
  #termSent = false;

  constructor(o: EndOptions) {
    this.#o = o;
    this.#killAtMs = o.clock.monotonic() + o.graceMs;
    this.#subscription = o.runtime.onExit((c) => {
      if (c.id === o.id) this.#finish();
    });
    this.#killTimer = o.clock.after(o.graceMs, () => this.#kill());
    if (o.runtime.container(o.id)?.state !== 'running') this.#finish();
    else void this.#begin();
  }

  /** Resolves when the container has ended. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Somebody is in a hurry: a shorter grace period counts from now. */
  shorten(graceMs: number): void {
    const at = this.#o.clock.monotonic() + graceMs;
    if (at >= this.#killAtMs) return;
    this.#setKill(at);
    this.#term();
  }

  async #begin(): Promise<void> {
    const { container, target, clock, graceMs, onHookFailed } = this.#o;
    const hook = container.lifecycle?.preStop;
    if (hook !== undefined && graceMs > 0) {
      try {
        await runHook(hook, target, clock, graceMs);
      } catch (e) {
        onHookFailed((e as Error).message);
      }
      this.#setKill(Math.max(this.#killAtMs, clock.monotonic() + LEAST_AFTER_HOOK_MS));
    }
    this.#term();
  }

  #setKill(atMs: number): void {
    const { clock } = this.#o;
    this.#killAtMs = atMs;
    clock.clear(this.#killTimer);
    this.#killTimer = clock.after(Math.max(0, atMs - clock.monotonic()), () => this.#kill());
  }

  #term(): void {
    if (this.#termSent) return;
    this.#termSent = true;
    const lifecycle = this.#o.container.lifecycle as { stopSignal?: string } | undefined;
    this.#o.runtime.signal(this.#o.id, (lifecycle?.stopSignal ?? 'SIGTERM') as NodeJS.Signals);
  }

  #kill(): void {
    this.#o.runtime.signal(this.#o.id, 'SIGKILL');
  }

  #finish(): void {
    this.#o.clock.clear(this.#killTimer);
    this.#subscription[Symbol.dispose]();
    this.#done.resolve();
  }
}
