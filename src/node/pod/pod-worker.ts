// Brings one pod to what the API server says, and keeps it there. One worker a pod; it works on one thing at a time,
// and everything that happens (a new spec, a container's end, a probe's verdict, a timer) only makes it look again.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { isConflict, isNotFound, pods, type core, type Pod } from '../../api/objects.ts';
import type { Clock, Timer } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import type { ProbeTarget } from '../probes/contract.ts';
import { ContainerProbes } from '../probes/container-probes.ts';
import type { Container } from '../runtime/contract.ts';
import { ensureVolumes, isLive, VolumeError, type VolumeContext } from '../volumes/pod-volumes.ts';
import { buildContainerSpec, ImageError, podLogDir } from './build-container-spec.ts';
import { ContainerConfigError } from './container-env.ts';
import { ContainerEnd } from './container-ender.ts';
import type { ContainerView } from './container-view.ts';
import type { DownwardFacts } from './downward.ts';
import { runInContainer } from './run-in-container.ts';
import { runHook } from './lifecycle-hook.ts';
import { planPod, type Start } from './plan.ts';
import type { PodContext } from './pod-context.ts';
import { PodSandbox } from './pod-sandbox.ts';
import { podStatus } from './pod-status.ts';
import {
  allContainers,
  findContainer,
  gracePeriodSeconds,
  isFinished,
  isSidecar,
  namespaceOf,
  podKey,
  specOf,
} from './pod-spec.ts';
import { formatDelay, RestartBackOff } from './restart-back-off.ts';
import { StatusWriter } from './status-writer.ts';

interface Waiting {
  readonly reason: string;
  readonly message: string;
  /** Try again then. */
  readonly untilMs: number;
}

const CONFIG_RETRY_MS = 5000;
/** How often files made from API objects are brought up to date. */
const VOLUME_REFRESH_MS = 60_000;
const VOLUME_REFRESH_WAIT_MS = 3000;
const DELETE_RETRY_MS = 1000;

export class PodWorker {
  readonly uid: string;
  readonly #ctx: PodContext;
  readonly #log: Logger;
  readonly #status: StatusWriter;
  readonly #sandbox: PodSandbox;
  readonly #backOff = new RestartBackOff();
  readonly #imageBackOff = new RestartBackOff();
  readonly #waiting = new Map<string, Waiting>();
  /** By container id. */
  readonly #probes = new Map<string, ContainerProbes>();
  readonly #ends = new Map<string, ContainerEnd>();
  readonly #startTimeMs: number;
  readonly #onGone: (worker: PodWorker) => void;
  #pod: Pod;
  #volumes: Map<string, string> | undefined;
  #volumesAtMs = 0;
  #failure: { reason: string; message: string } | undefined;
  #timer: Timer;
  #isRunning = false;
  #isDirty = false;
  /** The object is gone from the API server. */
  #isGone = false;
  #isStopped = false;
  #termination: Promise<void> | undefined;

  constructor(pod: Pod, ctx: PodContext, onGone: (worker: PodWorker) => void) {
    this.uid = pod.metadata.uid;
    this.#pod = pod;
    this.#ctx = ctx;
    this.#onGone = onGone;
    this.#log = ctx.log.with({ pod: podKey(pod) });
    this.#status = new StatusWriter({ client: ctx.client, clock: ctx.clock, log: this.#log, pod });
    this.#sandbox = new PodSandbox(ctx, this.#log);
    const known = Date.parse(pod.status?.startTime ?? '');
    this.#startTimeMs = Number.isNaN(known) ? ctx.clock.now() : known;
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The pod's addresses as the worker knows them. */
  get ips(): readonly string[] {
    return this.#facts().podIps;
  }

  get netns(): string | undefined {
    return this.#sandbox.netns;
  }

  update(pod: Pod): void {
    const said = ({ metadata }: Pod) => JSON.stringify([metadata.labels, metadata.annotations]);
    // Volumes may show labels and annotations; and an annotation is how people hurry the refresh of a ConfigMap.
    if (said(pod) !== said(this.#pod)) this.#volumesAtMs = -Infinity;
    this.#pod = pod;
    this.look();
  }

  /** The API server has no such pod any more: whatever runs is ended. */
  gone(): void {
    this.#isGone = true;
    this.#status.stop();
    this.look();
  }

  containerExited(container: Container): void {
    this.#probes.get(container.id)?.stop();
    this.#probes.delete(container.id);
    this.look();
  }

  /** Leaves everything as it is; a later worker takes over. */
  stop(): void {
    this.#isStopped = true;
    this.#ctx.clock.clear(this.#timer);
    this.#status.stop();
    for (const probes of this.#probes.values()) probes.stop();
  }

  /** Looks soon what is to be done; many calls in one turn of the loop count once. */
  look(): void {
    if (this.#isStopped) return;
    this.#isDirty = true;
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    try {
      while (this.#isDirty && !this.#isStopped) {
        this.#isDirty = false;
        await this.#sync();
      }
    } catch (error) {
      this.#log.error('a pod could not be brought up to date, trying again', { error });
      this.#wakeIn(1000);
    } finally {
      this.#isRunning = false;
    }
  }

  #wakeIn(ms: number): void {
    this.#ctx.clock.clear(this.#timer);
    this.#timer = this.#ctx.clock.after(Math.max(1, ms), () => this.look());
  }

  async #sync(): Promise<void> {
    if (this.#isGone || this.#pod.metadata.deletionTimestamp !== undefined) {
      this.#terminate();
      return;
    }
    if (this.#termination !== undefined) return;
    if (isFinished(this.#pod) && this.#failure === undefined && this.#running().length === 0) {
      await this.#sandbox.release(this.#pod);
      return;
    }
    if (this.#failure === undefined) {
      // Of a pod that an earlier agent left running there is nothing to tell yet.
      if (!this.#sandbox.exists && this.#running().length === 0) this.#report();
      if (!(await this.#ensureSandbox()) || !(await this.#ensureVolumes())) return;
    }
    this.#ensureProbes();
    await this.#act();
    this.#report();
  }

  /** Runs the plan until it has nothing to start: an init container may have ended meanwhile. */
  async #act(): Promise<void> {
    const { clock } = this.#ctx;
    const plan = planPod({
      pod: this.#pod,
      views: this.#views(),
      nowMs: clock.now(),
      startTimeMs: this.#startTimeMs,
      nextStartMs: (name, finishedAtMs) => this.#backOff.nextStartMs(name, finishedAtMs),
    });
    if (plan.deadlineExceeded) {
      this.#failPod('DeadlineExceeded', 'Pod was active on the node longer than the specified deadline');
      return;
    }
    for (const c of plan.end) void this.#end(c, gracePeriodSeconds(this.#pod) * 1000, undefined);
    let wakeAtMs = plan.wakeAtMs ?? Infinity;
    for (const { container, untilMs } of plan.backingOff) this.#noteBackOff(container, untilMs);
    for (const start of plan.start) {
      const waiting = this.#waiting.get(start.container.name);
      if (waiting !== undefined && waiting.untilMs > clock.now()) {
        wakeAtMs = Math.min(wakeAtMs, waiting.untilMs);
        continue;
      }
      await this.#start(start);
      if (this.#isStopped || this.#isGone || this.#pod.metadata.deletionTimestamp !== undefined) break;
      // A problem found just now has its own time of return.
      wakeAtMs = Math.min(wakeAtMs, this.#waiting.get(start.container.name)?.untilMs ?? Infinity);
    }
    if ((specOf(this.#pod).volumes ?? []).some(isLive))
      wakeAtMs = Math.min(wakeAtMs, this.#volumesAtMs + VOLUME_REFRESH_MS);
    if (wakeAtMs !== Infinity) this.#wakeIn(wakeAtMs - clock.now());
    if (this.#isPodOver()) await this.#sandbox.release(this.#pod);
  }

  #isPodOver(): boolean {
    const phase = this.#compute().phase;
    return (phase === 'Succeeded' || phase === 'Failed') && this.#running().length === 0;
  }

  #running(): Container[] {
    return this.#ctx.runtime.containers(this.uid).filter((c) => c.state !== 'exited');
  }

  // --- sandbox and volumes ---------------------------------------------------------------------------------------

  async #ensureSandbox(): Promise<boolean> {
    const retryMs = await this.#sandbox.ensure(this.#pod);
    if (retryMs !== undefined) this.#wakeIn(retryMs);
    return retryMs === undefined;
  }

  #volumeContext(): VolumeContext {
    const { objects, tokens, runtime, stateDir } = this.#ctx;
    return { objects, tokens, memoryDir: runtime.podDir(this.uid), diskDir: path.join(stateDir, 'pods', this.uid) };
  }

  /** Makes volumes, or brings those made from API objects up to date when it is time. */
  async #ensureVolumes(): Promise<boolean> {
    const { clock, events } = this.#ctx;
    const isDue = clock.now() >= this.#volumesAtMs + VOLUME_REFRESH_MS;
    if (this.#volumes !== undefined && !isDue) return true;
    try {
      const made = ensureVolumes(this.#pod, this.#volumeContext(), this.#facts());
      // An API server that does not answer must not keep a running pod from being looked after.
      this.#volumes = await (this.#volumes === undefined ? made : within(made, VOLUME_REFRESH_WAIT_MS, clock));
      this.#volumesAtMs = clock.now();
      return true;
    } catch (error) {
      const message = errorText(error);
      // A running pod keeps the files it has.
      if (this.#volumes !== undefined) {
        this.#volumesAtMs = clock.now();
        this.#log.warn('volumes could not be brought up to date', { error: message });
        return true;
      }
      if (error instanceof VolumeError) events.event(this.#pod, 'Warning', 'FailedMount', message);
      this.#log.warn('a pod got no volumes', { error: message });
      this.#wakeIn(CONFIG_RETRY_MS / 2);
      return false;
    }
  }

  // --- containers ------------------------------------------------------------------------------------------------

  async #start(start: Start): Promise<void> {
    const { container: c } = start;
    const attempt = start.attempt === 0 ? this.#firstAttempt(c.name) : start.attempt;
    const { runtime, events, clock } = this.#ctx;
    const subject = this.#subject(c);
    try {
      const spec = await buildContainerSpec({
        pod: this.#pod,
        container: c,
        attempt,
        ctx: this.#ctx,
        facts: this.#facts(),
        volumes: this.#volumes ?? new Map(),
        netns: this.#sandbox.netns,
      });
      this.#waiting.delete(c.name);
      this.#imageBackOff.forget(c.name);
      if (attempt > 0) this.#backOff.raise(c.name, clock.now());
      events.event(subject, 'Normal', 'Pulled', `Container image "${c.image}" already present on machine`);
      this.#dropOldAttempts(c.name);
      const started = await this.#ctx.startGate(() => runtime.start(spec));
      events.event(subject, 'Normal', 'Created', `Created container: ${c.name}`);
      if (started.reason === 'StartError') {
        events.event(subject, 'Warning', 'Failed', `Error: ${started.message}`);
        this.#isDirty = true;
        return;
      }
      events.event(subject, 'Normal', 'Started', `Started container ${c.name}`);
      this.#ensureProbes();
      this.#postStart(started, c);
    } catch (error) {
      this.#noteStartProblem(c, error);
    }
  }

  /** Runs that the runtime knows nothing of (the machine has started anew) count all the same. */
  #firstAttempt(name: string): number {
    const { containerStatuses = [], initContainerStatuses = [] } = this.#pod.status ?? {};
    const known = [...containerStatuses, ...initContainerStatuses].find((s) => s.name === name);
    return known?.containerID === undefined ? 0 : known.restartCount + 1;
  }

  /** The newest attempt is kept for `lastState` and `logs --previous`. */
  #dropOldAttempts(name: string): void {
    const attempts = this.#attempts(name);
    for (const old of attempts.slice(0, -1)) {
      this.#ctx.runtime.remove(old.id);
      for (const suffix of ['', '.1', '.2', '.3', '.4']) rmSync(`${old.logFile}${suffix}`, { force: true });
    }
  }

  #noteStartProblem(c: core.Container, error: unknown): void {
    const { clock, events } = this.#ctx;
    const message = errorText(error);
    const subject = this.#subject(c);
    if (error instanceof ImageError) {
      const now = clock.now();
      const isFirst = this.#imageBackOff.delayMs(c.name) === 0;
      this.#imageBackOff.raise(c.name, now);
      events.event(subject, 'Warning', 'Failed', `Failed to pull image "${c.image}": ${message}`);
      events.event(subject, 'Warning', 'Failed', `Error: ${error.reason}`);
      if (!isFirst) events.event(subject, 'Normal', 'BackOff', `Back-off pulling image "${c.image}"`);
      const reason = isFirst || error.reason !== 'ErrImagePull' ? error.reason : 'ImagePullBackOff';
      const text =
        reason === 'ImagePullBackOff' ? `Back-off pulling image "${c.image}": ErrImagePull: ${message}` : message;
      this.#waiting.set(c.name, { reason, message: text, untilMs: now + this.#imageBackOff.delayMs(c.name) });
      return;
    }
    const isConfig = error instanceof ContainerConfigError || error instanceof VolumeError;
    const reason = isConfig ? 'CreateContainerConfigError' : 'CreateContainerError';
    events.event(subject, 'Warning', 'Failed', `Error: ${message}`);
    if (!isConfig) this.#log.warn('a container could not be created', { container: c.name, error });
    this.#waiting.set(c.name, { reason, message, untilMs: clock.now() + CONFIG_RETRY_MS });
  }

  #noteBackOff(c: core.Container, untilMs: number): void {
    const before = this.#waiting.get(c.name);
    if (before?.reason === 'CrashLoopBackOff' && before.untilMs === untilMs) return;
    const delay = formatDelay(this.#backOff.delayMs(c.name));
    const pod = `${this.#pod.metadata.name}_${namespaceOf(this.#pod)}(${this.uid})`;
    const message = `back-off ${delay} restarting failed container=${c.name} pod=${pod}`;
    this.#waiting.set(c.name, { reason: 'CrashLoopBackOff', message, untilMs });
    this.#ctx.events.event(
      this.#subject(c),
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${c.name} in pod ${pod}`,
    );
  }

  #postStart(container: Container, c: core.Container): void {
    const hook = c.lifecycle?.postStart;
    if (hook === undefined) return;
    const graceMs = gracePeriodSeconds(this.#pod) * 1000;
    runHook(hook, this.#target(container.id, c), this.#ctx.clock, 600_000).catch((error: unknown) => {
      this.#ctx.events.event(
        this.#subject(c),
        'Warning',
        'FailedPostStartHook',
        `PostStartHook failed: ${errorText(error)}`,
      );
      void this.#end(container, graceMs, 'FailedPostStartHook');
    });
  }

  #target(id: string, c: core.Container): ProbeTarget {
    const { runtime } = this.#ctx;
    return {
      ip: this.#facts().podIps[0] ?? '127.0.0.1',
      port: (p) => portNumber(c, p),
      exec: (argv, signal) => runInContainer(runtime, id, argv, signal),
    };
  }

  #ensureProbes(): void {
    const { clock, events } = this.#ctx;
    for (const container of this.#running()) {
      const c = findContainer(this.#pod, container.name);
      if (c === undefined || container.state !== 'running' || this.#probes.has(container.id)) continue;
      const known = this.#knownStatus(container);
      const probes = new ContainerProbes({
        container: c,
        target: this.#target(container.id, c),
        clock,
        startedAtMs: container.startedAtMs ?? clock.now(),
        initial: { started: known?.started === true, ready: known?.ready === true },
        onChange: () => this.look(),
        onFailure: (kind, output) => {
          const title = `${kind[0]?.toUpperCase()}${kind.slice(1)}`;
          events.event(this.#subject(c), 'Warning', 'Unhealthy', `${title} probe failed: ${output}`);
        },
        onUnhealthy: (kind, graceSeconds) => {
          const graceMs = (graceSeconds ?? gracePeriodSeconds(this.#pod)) * 1000;
          void this.#end(container, graceMs, `failed ${kind} probe`);
        },
      });
      this.#probes.set(container.id, probes);
    }
  }

  /** What the API server was told of this very run. */
  #knownStatus(container: Container): core.ContainerStatus | undefined {
    const status = this.#pod.status;
    return [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])].find(
      (s) => s.containerID === `process://${container.id}`,
    );
  }

  /** Ends a container; `why` is told to the user when it will be restarted. */
  #end(container: Container, graceMs: number, why: string | undefined): Promise<void> {
    const running = this.#ends.get(container.id);
    if (running !== undefined) {
      running.shorten(graceMs);
      return running.done;
    }
    const { runtime, clock, events } = this.#ctx;
    const c = findContainer(this.#pod, container.name) ?? { name: container.name };
    const message =
      why === undefined ? `Stopping container ${c.name}` : `Container ${c.name} ${why}, will be restarted`;
    events.event(this.#subject(c), 'Normal', 'Killing', message);
    this.#probes.get(container.id)?.stopHealth();
    const end = new ContainerEnd({
      id: container.id,
      container: c,
      runtime,
      clock,
      target: this.#target(container.id, c),
      graceMs,
      onHookFailed: (text) =>
        events.event(this.#subject(c), 'Warning', 'FailedPreStopHook', `PreStopHook failed: ${text}`),
    });
    this.#ends.set(container.id, end);
    return end.done.then(() => {
      this.#ends.delete(container.id);
      this.look();
    });
  }

  // --- the end of the pod ----------------------------------------------------------------------------------------

  #failPod(reason: string, message: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason, message };
    this.#ctx.events.event(this.#pod, 'Normal', reason, message);
    const graceMs = gracePeriodSeconds(this.#pod) * 1000;
    for (const c of this.#running()) void this.#end(c, graceMs, undefined);
  }

  /** Starts the end, or hurries one that is under way. */
  #terminate(): void {
    const graceMs = gracePeriodSeconds(this.#pod) * 1000;
    if (this.#termination !== undefined) {
      for (const end of this.#ends.values()) end.shorten(graceMs);
      return;
    }
    this.#termination = this.#runTermination(graceMs).catch((error: unknown) => {
      this.#log.error('ending a pod failed, trying again', { error });
      this.#termination = undefined;
      this.#wakeIn(DELETE_RETRY_MS);
    });
  }

  async #runTermination(graceMs: number): Promise<void> {
    const { clock } = this.#ctx;
    const beganAtMs = clock.monotonic();
    const left = () => Math.max(0, graceMs - (clock.monotonic() - beganAtMs));
    const init = specOf(this.#pod).initContainers ?? [];
    const sidecars = new Set(init.filter(isSidecar).map((c) => c.name));
    // Regular containers together, then sidecars, the last one first.
    await Promise.all(
      this.#running()
        .filter((c) => !sidecars.has(c.name))
        .map((c) => this.#end(c, graceMs, undefined)),
    );
    for (const c of init.toReversed()) {
      const running = sidecars.has(c.name) ? this.#running().find((x) => x.name === c.name) : undefined;
      if (running !== undefined) await this.#end(running, left(), undefined);
    }
    for (const probes of this.#probes.values()) probes.stop();
    this.#probes.clear();
    if (this.#isStopped) return;
    if (!this.#isGone) {
      this.#report();
      await this.#status.flush();
    }
    await this.#cleanUp();
    if (!this.#isGone) await this.#deleteObject();
    this.#status.stop();
    clock.clear(this.#timer);
    this.#isStopped = true;
    this.#onGone(this);
  }

  async #cleanUp(): Promise<void> {
    const { runtime, tokens, stateDir } = this.#ctx;
    await this.#sandbox.remove(this.#pod);
    await runtime.removePod(this.uid);
    tokens.forget(this.uid);
    rmSync(path.join(stateDir, 'pods', this.uid), { recursive: true, force: true });
    const { name } = this.#pod.metadata;
    rmSync(podLogDir(stateDir, { namespace: namespaceOf(this.#pod), name, uid: this.uid }), {
      recursive: true,
      force: true,
    });
  }

  /** The object leaves the API server only now that nothing of the pod is left. */
  async #deleteObject(): Promise<void> {
    const { client, clock } = this.#ctx;
    while (!this.#isGone && !this.#isStopped) {
      try {
        await client.resource(pods).delete(this.#pod.metadata.name, {
          namespace: namespaceOf(this.#pod),
          gracePeriodSeconds: 0,
          preconditions: { uid: this.uid },
        });
        return;
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return;
        this.#log.debug('deleting a pod object failed, trying again', { error: errorText(error) });
        await new Promise<void>((resolve) => clock.after(DELETE_RETRY_MS, resolve));
      }
    }
  }

  // --- status ----------------------------------------------------------------------------------------------------

  #attempts(name: string): Container[] {
    const all = this.#ctx.runtime.containers(this.uid).filter((c) => c.name === name);
    return all.toSorted((a, b) => a.attempt - b.attempt);
  }

  #views(): Map<string, ContainerView> {
    const views = new Map<string, ContainerView>();
    for (const c of allContainers(this.#pod)) {
      const attempts = this.#attempts(c.name);
      const current = attempts.at(-1);
      const previous = attempts.at(-2);
      const waiting = current === undefined || current.state === 'exited' ? this.#waiting.get(c.name) : undefined;
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

  #compute(): core.PodStatus {
    const { podIps, hostIps } = this.#facts();
    return podStatus({
      pod: this.#pod,
      views: this.#views(),
      nowMs: this.#ctx.clock.now(),
      startTimeMs: this.#startTimeMs,
      hostIps,
      podIps,
      hasSandbox: this.#sandbox.exists,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    });
  }

  #report(): void {
    if (!this.#isGone) this.#status.submit(this.#compute());
  }

  #facts(): DownwardFacts {
    const known = (this.#pod.status?.podIPs ?? []).flatMap((p) => p.ip ?? []);
    return {
      pod: this.#pod,
      nodeName: this.#ctx.nodeName,
      hostIps: this.#ctx.nodeIps,
      podIps: this.#sandbox.ips ?? known,
      allocatable: this.#ctx.allocatable,
    };
  }

  #subject(c: Pick<core.Container, 'name'>) {
    const init = (specOf(this.#pod).initContainers ?? []).some((x) => x.name === c.name);
    return { ...this.#pod, fieldPath: `spec.${init ? 'initContainers' : 'containers'}{${c.name}}` };
  }
}

function portNumber(c: core.Container, port: string | number): number {
  if (typeof port === 'number') return port;
  const named = (c.ports ?? []).find((p) => p.name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named)) throw new Error(`couldn't find port "${port}" in the container's ports`);
  return named;
}

async function within<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.after(ms, () => late.reject(new Error(`the API server did not answer in ${ms / 1000} s`)));
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clock.clear(timer);
  }
}
