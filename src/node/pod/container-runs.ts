// The runs of one pod's containers: their probes, their hooks, their ends, and what is known of each.
import { rmSync } from 'node:fs';
import type { core } from '../../api/objects.ts';
import { errorText } from '../../errors/index.ts';
import { ContainerProbes } from '../probes/container-probes.ts';
import type { Container } from '../runtime/contract.ts';
import { ContainerEnd } from './container-ender.ts';
import { containerId } from './container-status.ts';
import type { ContainerView } from './container-view.ts';
import { runHook } from './lifecycle-hook.ts';
import { allContainers, findContainer, gracePeriodSeconds } from './pod-spec.ts';
import { eventSubject, probeTarget, type WorkerScope } from './worker-scope.ts';

const POST_START_LIMIT_MS = 600_000;
/** Rotated parts of a log have these endings. */
const LOG_SUFFIXES = ['', '.1', '.2', '.3', '.4'];

export class ContainerRuns {
  readonly #scope: WorkerScope;
  /** By container id, as are the ends. */
  readonly #probes = new Map<string, ContainerProbes>();
  readonly #ends = new Map<string, ContainerEnd>();

  constructor(scope: WorkerScope) {
    this.#scope = scope;
  }

  running(): Container[] {
    return this.#scope.ctx.runtime.containers(this.#scope.uid).filter((c) => c.state !== 'exited');
  }

  /** All runs of a container that the runtime knows, the oldest first. */
  attempts(name: string): Container[] {
    const all = this.#scope.ctx.runtime.containers(this.#scope.uid).filter((c) => c.name === name);
    return all.toSorted((a, b) => a.attempt - b.attempt);
  }

  /** The newest attempt is kept for `lastState` and `logs --previous`. */
  dropOldAttempts(name: string): void {
    for (const old of this.attempts(name).slice(0, -1)) {
      this.#scope.ctx.runtime.remove(old.id);
      for (const suffix of LOG_SUFFIXES) rmSync(`${old.logFile}${suffix}`, { force: true });
    }
  }

  exited(container: Container): void {
    this.#probes.get(container.id)?.stop();
    this.#probes.delete(container.id);
  }

  /** @param waitingOf Why a container that should run does not. */
  views(waitingOf: (name: string) => ContainerView['waiting']): Map<string, ContainerView> {
    const views = new Map<string, ContainerView>();
    for (const c of allContainers(this.#scope.pod())) {
      const attempts = this.attempts(c.name);
      const current = attempts.at(-1);
      const previous = attempts.at(-2);
      const waiting = current === undefined || current.state === 'exited' ? waitingOf(c.name) : undefined;
      const probes = current === undefined ? undefined : this.#probes.get(current.id);
      views.set(c.name, {
        ...(current === undefined ? {} : { current }),
        ...(previous === undefined ? {} : { previous }),
        ...(waiting === undefined ? {} : { waiting }),
        started: probes?.started === true,
        ready: probes?.ready === true,
        ending: current !== undefined && this.#ends.has(current.id),
      });
    }
    return views;
  }

  // --- probes and hooks ------------------------------------------------------------------------------------------

  ensureProbes(): void {
    const { ctx, pod, look } = this.#scope;
    const { clock, events } = ctx;
    for (const container of this.running()) {
      const c = findContainer(pod(), container.name);
      if (c === undefined || container.state !== 'running' || this.#probes.has(container.id)) continue;
      const known = this.#knownStatus(container);
      const probes = new ContainerProbes({
        container: c,
        target: probeTarget(this.#scope, container.id, c),
        clock,
        startedAtMs: container.startedAtMs ?? clock.now(),
        initial: { started: known?.started === true, ready: known?.ready === true },
        onChange: look,
        onFailure: (kind, output) => {
          const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
          events.event(eventSubject(pod(), c), 'Warning', 'Unhealthy', `${title} probe failed: ${output}`);
        },
        onUnhealthy: (kind, graceSeconds) => {
          const graceMs = (graceSeconds ?? gracePeriodSeconds(pod())) * 1000;
          void this.end(container, graceMs, `failed ${kind} probe`);
        },
      });
      this.#probes.set(container.id, probes);
    }
  }

  /** What the API server was told of this very run. */
  #knownStatus(container: Container): core.ContainerStatus | undefined {
    const { status } = this.#scope.pod();
    return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
      (s) => s.containerID === containerId(container),
    );
  }

  stopProbes(): void {
    for (const probes of this.#probes.values()) probes.stop();
    this.#probes.clear();
  }

  postStart(container: Container, c: core.Container): void {
    const hook = c.lifecycle?.postStart;
    if (hook === undefined) return;
    const { ctx, pod } = this.#scope;
    const graceMs = gracePeriodSeconds(pod()) * 1000;
    const target = probeTarget(this.#scope, container.id, c);
    runHook(hook, target, ctx.clock, POST_START_LIMIT_MS).catch((error: unknown) => {
      const message = `PostStartHook failed: ${errorText(error)}`;
      ctx.events.event(eventSubject(pod(), c), 'Warning', 'FailedPostStartHook', message);
      void this.end(container, graceMs, 'FailedPostStartHook');
    });
  }

  // --- ends ------------------------------------------------------------------------------------------------------

  /** Ends a container; `why` is told to the user when it will be restarted. */
  end(container: Container, graceMs: number, why: string | undefined): Promise<void> {
    const running = this.#ends.get(container.id);
    if (running !== undefined) {
      running.shorten(graceMs);
      return running.done;
    }
    const { ctx, pod, look } = this.#scope;
    const { runtime, clock, events } = ctx;
    const c = findContainer(pod(), container.name) ?? { name: container.name };
    const subject = () => eventSubject(pod(), c);
    const message =
      why === undefined ? `Stopping container ${c.name}` : `Container ${c.name} ${why}, will be restarted`;
    events.event(subject(), 'Normal', 'Killing', message);
    this.#probes.get(container.id)?.stopHealth();
    const end = new ContainerEnd({
      id: container.id,
      container: c,
      runtime,
      clock,
      target: probeTarget(this.#scope, container.id, c),
      graceMs,
      onHookFailed: (text) => events.event(subject(), 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${text}`),
    });
    this.#ends.set(container.id, end);
    return end.done.then(() => {
      this.#ends.delete(container.id);
      look();
    });
  }

  /** Ends all of them with the pod's own grace period. */
  endAll(): void {
    const graceMs = gracePeriodSeconds(this.#scope.pod()) * 1000;
    for (const c of this.running()) void this.end(c, graceMs, undefined);
  }

  /** Ends that are under way get no longer than this. */
  hurry(graceMs: number): void {
    for (const end of this.#ends.values()) end.shorten(graceMs);
  }
}
