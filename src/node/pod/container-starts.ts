// Starts of one pod's containers, and what is remembered of those that failed: why, and when to try again.
import type { core } from '../../api/objects.ts';
import { errorText } from '../../errors/index.ts';
import { VolumeError } from '../volumes/pod-volumes.ts';
import { buildContainerSpec, ImageError } from './build-container-spec.ts';
import { ContainerConfigError } from './container-env.ts';
import type { ContainerRuns } from './container-runs.ts';
import type { Start } from './plan.ts';
import { namespaceOf } from './pod-spec.ts';
import { formatDelay, RestartBackOff } from './restart-back-off.ts';
import { eventSubject, listOf, type WorkerScope } from './worker-scope.ts';

interface Waiting {
  readonly reason: string;
  readonly message: string;
  /** Try again then. */
  readonly untilMs: number;
}

export const CONFIG_RETRY_MS = 5000;

/** As kubelet's metrics call them. */
const TYPES = {
  containers: 'container',
  initContainers: 'init_container',
  ephemeralContainers: 'ephemeral_container',
} as const;

export class ContainerStarts {
  readonly #scope: WorkerScope;
  readonly #runs: ContainerRuns;
  readonly #backOff = new RestartBackOff();
  readonly #imageBackOff = new RestartBackOff();
  readonly #waiting = new Map<string, Waiting>();

  constructor(scope: WorkerScope, runs: ContainerRuns) {
    this.#scope = scope;
    this.#runs = runs;
  }

  /** Why a container does not run although it should. */
  waiting(name: string): Waiting | undefined {
    return this.#waiting.get(name);
  }

  /** When a container that ended may be started again. */
  nextStartMs(name: string, finishedAtMs: number): number {
    return this.#backOff.nextStartMs(name, finishedAtMs);
  }

  async start(
    { container: c, attempt: planned }: Start,
    place: { volumes: ReadonlyMap<string, string>; netns: string | undefined },
  ): Promise<void> {
    const { ctx, pod, facts, look } = this.#scope;
    const { runtime, events, clock, startGate, starts } = ctx;
    const type = TYPES[listOf(pod(), c)];
    const attempt = planned === 0 ? this.#firstAttempt(c.name) : planned;
    const subject = eventSubject(pod(), c);
    try {
      const spec = await buildContainerSpec({ pod: pod(), container: c, attempt, ctx, facts: facts(), ...place });
      this.#waiting.delete(c.name);
      this.#imageBackOff.forget(c.name);
      if (attempt > 0) this.#backOff.raise(c.name, clock.now());
      const pulledMs = spec.image?.pulledMs;
      const pulled =
        pulledMs === undefined
          ? `Container image "${c.image}" already present on machine`
          : `Successfully pulled image "${c.image}" in ${pulledMs}ms`;
      events.event(subject, 'Normal', 'Pulled', pulled);
      this.#runs.dropOldAttempts(c.name);
      const started = await startGate(() => runtime.start(spec));
      events.event(subject, 'Normal', 'Created', `Created container: ${c.name}`);
      if (started.reason === 'StartError') {
        events.event(subject, 'Warning', 'Failed', `Error: ${started.message}`);
        starts.fail(type, 'RunContainerError');
        look();
        return;
      }
      events.event(subject, 'Normal', 'Started', `Started container ${c.name}`);
      starts.succeed(type);
      this.#runs.ensureProbes();
      this.#runs.postStart(started, c);
    } catch (error) {
      this.#noteProblem(c, error);
      starts.fail(type, this.#waiting.get(c.name)?.reason ?? 'Unknown');
    }
  }

  /** Runs that the runtime knows nothing of (the machine has started anew) count all the same. */
  #firstAttempt(name: string): number {
    const { containerStatuses = [], initContainerStatuses = [] } = this.#scope.pod().status ?? {};
    const known = [...containerStatuses, ...initContainerStatuses].find((s) => s.name === name);
    return known?.containerID === undefined ? 0 : known.restartCount + 1;
  }

  #noteProblem(c: core.Container, error: unknown): void {
    if (error instanceof ImageError) {
      this.#noteImageProblem(c, error);
      return;
    }
    const { ctx, pod, log } = this.#scope;
    const message = errorText(error);
    const isConfig = error instanceof ContainerConfigError || error instanceof VolumeError;
    const reason = isConfig ? 'CreateContainerConfigError' : 'CreateContainerError';
    ctx.events.event(eventSubject(pod(), c), 'Warning', 'Failed', `Error: ${message}`);
    if (!isConfig) log.warn('a container could not be created', { container: c.name, error });
    this.#waiting.set(c.name, { reason, message, untilMs: ctx.clock.now() + CONFIG_RETRY_MS });
  }

  #noteImageProblem(c: core.Container, error: ImageError): void {
    const { ctx, pod } = this.#scope;
    const { message } = error;
    const subject = eventSubject(pod(), c);
    const now = ctx.clock.now();
    const isFirst = this.#imageBackOff.delayMs(c.name) === 0;
    this.#imageBackOff.raise(c.name, now);
    ctx.events.event(subject, 'Warning', 'Failed', `Failed to pull image "${c.image}": ${message}`);
    ctx.events.event(subject, 'Warning', 'Failed', `Error: ${error.reason}`);
    if (!isFirst) ctx.events.event(subject, 'Normal', 'BackOff', `Back-off pulling image "${c.image}"`);
    const reason = isFirst || error.reason !== 'ErrImagePull' ? error.reason : 'ImagePullBackOff';
    const text =
      reason === 'ImagePullBackOff' ? `Back-off pulling image "${c.image}": ErrImagePull: ${message}` : message;
    this.#waiting.set(c.name, { reason, message: text, untilMs: now + this.#imageBackOff.delayMs(c.name) });
  }

  noteBackOff(c: core.Container, untilMs: number): void {
    const before = this.#waiting.get(c.name);
    if (before?.reason === 'CrashLoopBackOff' && before.untilMs === untilMs) return;
    const { ctx, pod: podNow, uid } = this.#scope;
    const delay = formatDelay(this.#backOff.delayMs(c.name));
    const pod = `${podNow().metadata.name}_${namespaceOf(podNow())}(${uid})`;
    const message = `back-off ${delay} restarting failed container=${c.name} pod=${pod}`;
    this.#waiting.set(c.name, { reason: 'CrashLoopBackOff', message, untilMs });
    const text = `Back-off restarting failed container ${c.name} in pod ${pod}`;
    ctx.events.event(eventSubject(podNow(), c), 'Warning', 'BackOff', text);
  }
}
