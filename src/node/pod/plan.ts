// What is to be done for a pod now: which containers to start, which to end, when to look again. Pure.
import type { core, Pod } from '../../api/objects.ts';
import type { Container } from '../runtime/contract.ts';
import type { ContainerView, ContainerViews } from './container-view.ts';
import { ephemeralContainers, isSidecar, specOf } from './pod-spec.ts';

export interface Start {
  readonly container: core.Container;
  readonly attempt: number;
}

export interface BackingOff {
  readonly container: core.Container;
  readonly untilMs: number;
}

export interface PodPlan {
  readonly start: readonly Start[];
  /** Containers to end because their work is over (sidecars of a finished pod). */
  readonly end: readonly Container[];
  readonly backingOff: readonly BackingOff[];
  /** Look again then, if nothing happens before. */
  readonly wakeAtMs?: number;
  /** The pod has missed its deadline: end everything, it has failed. */
  readonly deadlineExceeded: boolean;
}

export interface PlanInput {
  readonly pod: Pod;
  readonly views: ContainerViews;
  readonly nowMs: number;
  readonly startTimeMs: number;
  /** When a container that ended may be started again. */
  readonly nextStartMs: (name: string, finishedAtMs: number) => number;
  /** The pod got a new sandbox then: init containers that ran before run again in it. */
  readonly sandboxSinceMs?: number;
}

const NOTHING: PodPlan = { start: [], end: [], backingOff: [], deadlineExceeded: false };

export function isOver(view: ContainerView | undefined): view is ContainerView & { current: Container } {
  return view?.current?.state === 'exited';
}

/** Does the pod's restart policy ask for another run? */
function wantsRestart(policy: string, exitCode: number | undefined): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

export function planPod(input: PlanInput): PodPlan {
  const { pod, views, nowMs } = input;
  const spec = specOf(pod);
  const policy = spec.restartPolicy ?? 'Always';
  const init = spec.initContainers ?? [];
  const collect = new Collector(input);

  const deadline =
    spec.activeDeadlineSeconds === undefined ? undefined : input.startTimeMs + spec.activeDeadlineSeconds * 1000;
  if (deadline !== undefined && nowMs >= deadline) return { ...NOTHING, deadlineExceeded: true };
  if (deadline !== undefined) collect.wake(deadline);

  const initialized = planInit(collect, init, policy);
  if (initialized === 'failed') return NOTHING;
  for (const c of ephemeralContainers(pod)) if (views.get(c.name)?.current === undefined) collect.starts(c, 0);
  if (initialized === 'pending') return collect.plan();

  const allOver = spec.containers.every((c) => {
    const view = views.get(c.name);
    return isOver(view) && !wantsRestart(policy, view.current.exitCode);
  });
  if (allOver) {
    // The work is done: what ran beside it ends, the last one first.
    const running = init.filter((c) => isSidecar(c) && views.get(c.name)?.current?.state === 'running');
    const last = views.get(running.at(-1)?.name ?? '');
    if (last?.current !== undefined && !last.ending) collect.ends(last.current);
    return collect.plan();
  }
  for (const c of init.filter(isSidecar)) collect.restartIfOver(c);
  for (const c of spec.containers) {
    const view = views.get(c.name);
    if (view?.current === undefined) collect.startOrWait(c);
    else if (isOver(view) && wantsRestart(policy, view.current.exitCode)) collect.restartIfOver(c);
  }
  return collect.plan();
}

/** Init containers run one after the other; a sidecar is passed once it has started. */
function planInit(collect: Collector, init: readonly core.Container[], policy: string): 'done' | 'pending' | 'failed' {
  const { views, pod } = collect.input;
  // A regular container that ran proves that initialization is over, though records of init containers may be gone.
  const sinceMs = collect.input.sandboxSinceMs ?? -Infinity;
  const ranHere = (view: ContainerView | undefined) =>
    view?.current !== undefined && view.current.createdAtMs >= sinceMs;
  if (specOf(pod).containers.some((c) => ranHere(views.get(c.name)))) return 'done';
  for (const c of init) {
    const view = views.get(c.name);
    if (isSidecar(c)) {
      if (view?.current?.state === 'running' && view.started) continue;
      if (view?.current === undefined) collect.startOrWait(c);
      else if (view.current.state === 'exited') collect.restartIfOver(c);
      return 'pending';
    }
    if (view?.current === undefined) {
      collect.startOrWait(c);
      return 'pending';
    }
    if (view.current.state !== 'exited') return 'pending';
    if (!ranHere(view)) {
      collect.starts(c, view.current.attempt + 1);
      return 'pending';
    }
    if (view.current.exitCode === 0) continue;
    if (policy === 'Never') return 'failed';
    collect.restartIfOver(c);
    return 'pending';
  }
  return 'done';
}

class Collector {
  readonly input: PlanInput;
  readonly #start: Start[] = [];
  readonly #end: Container[] = [];
  readonly #backingOff: BackingOff[] = [];
  #wakeAtMs: number | undefined;

  constructor(input: PlanInput) {
    this.input = input;
  }

  wake(atMs: number): void {
    this.#wakeAtMs = Math.min(this.#wakeAtMs ?? Infinity, atMs);
  }

  starts(container: core.Container, attempt: number): void {
    this.#start.push({ container, attempt });
  }

  ends(container: Container): void {
    this.#end.push(container);
  }

  /** Never ran: start, unless an earlier try (image, configuration) is to be repeated later. */
  startOrWait(container: core.Container): void {
    this.starts(container, 0);
  }

  restartIfOver(container: core.Container): void {
    const view = this.input.views.get(container.name);
    if (!isOver(view)) {
      if (view?.current === undefined) this.starts(container, 0);
      return;
    }
    const at = this.input.nextStartMs(container.name, view.current.finishedAtMs ?? this.input.nowMs);
    if (at <= this.input.nowMs) this.starts(container, view.current.attempt + 1);
    else {
      this.#backingOff.push({ container, untilMs: at });
      this.wake(at);
    }
  }

  plan(): PodPlan {
    return {
      start: this.#start,
      end: this.#end,
      backingOff: this.#backingOff,
      deadlineExceeded: false,
      ...(this.#wakeAtMs === undefined ? {} : { wakeAtMs: this.#wakeAtMs }),
    };
  }
}
