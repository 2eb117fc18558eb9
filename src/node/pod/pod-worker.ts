// Brings one pod to what the API server says, and keeps it there. One worker a pod; it works on one thing at a time,
// and everything that happens (a new spec, a container's end, a probe's verdict, a timer) only makes it look again.
import type { core, Pod } from '../../api/objects.ts';
import type { Timer } from '../../clock/index.ts';
import type { Container } from '../runtime/contract.ts';
import { ContainerRuns } from './container-runs.ts';
import { CONFIG_RETRY_MS, ContainerStarts } from './container-starts.ts';
import type { ContainerViews } from './container-view.ts';
import type { DownwardFacts } from './downward.ts';
import { planPod } from './plan.ts';
import type { PodContext } from './pod-context.ts';
import { deleteObject, endContainers, removeFromNode } from './pod-end.ts';
import { PodFiles } from './pod-files.ts';
import { PodSandbox } from './pod-sandbox.ts';
import { gracePeriodSeconds, isFinished, podKey, specOf } from './pod-spec.ts';
import { podStatus } from './pod-status.ts';
import { StatusWriter } from './status-writer.ts';
import type { WorkerScope } from './worker-scope.ts';

const RETRY_MS = 1000;

export class PodWorker {
  readonly uid: string;
  readonly #ctx: PodContext;
  readonly #scope: WorkerScope;
  readonly #status: StatusWriter;
  readonly #sandbox: PodSandbox;
  readonly #files: PodFiles;
  readonly #runs: ContainerRuns;
  readonly #starts: ContainerStarts;
  readonly #startTimeMs: number;
  readonly #onGone: (worker: PodWorker) => void;
  #pod: Pod;
  #failure: { reason: string; message: string } | undefined;
  #timer: Timer;
  #isRunning = false;
  #isDirty = false;
  /** The node has taken the pod; until then nothing of it is here. */
  #isAdmitted = false;
  #isRejected = false;
  /** The object is gone from the API server. */
  #isGone = false;
  #isStopped = false;
  #termination: Promise<void> | undefined;

  constructor(pod: Pod, ctx: PodContext, onGone: (worker: PodWorker) => void) {
    this.uid = pod.metadata.uid;
    this.#pod = pod;
    this.#ctx = ctx;
    this.#onGone = onGone;
    const log = ctx.log.with({ pod: podKey(pod) });
    this.#scope = {
      uid: this.uid,
      ctx,
      log,
      pod: () => this.#pod,
      facts: () => this.#facts(),
      look: () => this.look(),
    };
    this.#status = new StatusWriter({ client: ctx.client, clock: ctx.clock, log, pod });
    this.#sandbox = new PodSandbox(ctx, log);
    this.#files = new PodFiles(this.#scope);
    this.#runs = new ContainerRuns(this.#scope);
    this.#starts = new ContainerStarts(this.#scope, this.#runs);
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

  /** Does it take of what the node has to give? */
  get isActive(): boolean {
    return this.#isAdmitted && !this.#isGone && !isFinished(this.#pod);
  }

  update(pod: Pod): void {
    const said = ({ metadata }: Pod) => JSON.stringify([metadata.labels, metadata.annotations]);
    // Volumes may show labels and annotations; and an annotation is how people hurry the refresh of a ConfigMap.
    if (said(pod) !== said(this.#pod)) this.#files.expire();
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
    this.#runs.exited(container);
    this.look();
  }

  /** Leaves everything as it is; a later worker takes over. */
  stop(): void {
    this.#isStopped = true;
    this.#ctx.clock.clear(this.#timer);
    this.#status.stop();
    this.#runs.stopProbes();
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
      this.#scope.log.error('a pod could not be brought up to date, trying again', { error });
      this.#wakeIn(RETRY_MS);
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
    if (isFinished(this.#pod) && this.#failure === undefined && this.#runs.running().length === 0) {
      await this.#sandbox.release(this.#pod);
      return;
    }
    this.#adoptFailure();
    if (!(await this.#ensureAdmission())) return;
    if (this.#failure === undefined && !(await this.#ensurePlace())) return;
    this.#runs.ensureProbes();
    const excess = this.#failure === undefined ? await this.#files.excess() : undefined;
    if (excess !== undefined) this.#failPod('Evicted', excess, 'Warning');
    await this.#act();
    this.#report();
  }

  /** A pod that was failed by an earlier agent, or by the control plane, though containers of it still run. */
  #adoptFailure(): void {
    const { phase, reason = '', message = '' } = this.#pod.status ?? {};
    const { containers } = specOf(this.#pod);
    const works = this.#runs.running().some((c) => containers.some(({ name }) => name === c.name));
    if (phase !== 'Failed' || this.#failure !== undefined || !works) return;
    this.#failure = { reason, message };
    this.#runs.endAll();
  }

  /** Asked once, before anything of the pod is on the node. False: it was rejected, and has failed. */
  async #ensureAdmission(): Promise<boolean> {
    if (this.#isAdmitted) return true;
    if (!this.#isRejected) {
      const isHereAlready = this.#pod.status?.startTime !== undefined || this.#runs.running().length > 0;
      const rejection = isHereAlready ? undefined : await this.#ctx.admit(this.#pod);
      this.#isAdmitted = rejection === undefined;
      if (rejection === undefined) return true;
      this.#isRejected = true;
      this.#ctx.events.event(this.#pod, 'Warning', rejection.reason, rejection.message);
      this.#failure = { reason: rejection.reason, message: `Pod was rejected: ${rejection.message}` };
    }
    this.#report();
    return false;
  }

  /** Network and files; false: containers cannot be started now. */
  async #ensurePlace(): Promise<boolean> {
    if (!(await this.#keepSandbox())) return false;
    // Of a pod that an earlier agent left running there is nothing to tell yet.
    if (!this.#sandbox.exists && this.#runs.running().length === 0) this.#report();
    const retryMs = await this.#sandbox.ensure(this.#pod);
    if (retryMs !== undefined) {
      if (this.#sandbox.isCutOff) this.#report();
      this.#wakeIn(retryMs);
      return false;
    }
    if (await this.#files.ensure()) return true;
    this.#wakeIn(CONFIG_RETRY_MS / 2);
    return false;
  }

  /**
   * A pod whose namespace is lost serves nobody: it is not ready from now on, its containers end, and they start again
   * in a new sandbox if the restart policy has it so. False while that end is under way. A lost link is made again.
   */
  async #keepSandbox(): Promise<boolean> {
    const running = this.#runs.running();
    const wasLost = this.#sandbox.isLost;
    if (running.length > 0) this.#sandbox.check(this.#pod);
    if (!this.#sandbox.isLost) return true;
    if (!wasLost) this.#runs.endAll();
    this.#report();
    if (running.length > 0) return false;
    await this.#sandbox.clear(this.#pod);
    return !this.#isPodOver();
  }

  /** Does what the plan says, once; whatever comes of it makes the worker look again. */
  async #act(): Promise<void> {
    const { clock } = this.#ctx;
    if (this.#failure !== undefined) {
      // It is over, whatever the restart policy says.
      if (this.#runs.running().length === 0) await this.#sandbox.release(this.#pod);
      return;
    }
    const plan = planPod({
      pod: this.#pod,
      views: this.#views(),
      nowMs: clock.now(),
      startTimeMs: this.#startTimeMs,
      nextStartMs: (name, finishedAtMs) => this.#starts.nextStartMs(name, finishedAtMs),
      ...(this.#sandbox.remadeAtMs === undefined ? {} : { sandboxSinceMs: this.#sandbox.remadeAtMs }),
    });
    if (plan.deadlineExceeded) {
      this.#failPod('DeadlineExceeded', 'Pod was active on the node longer than the specified deadline');
      return;
    }
    for (const c of plan.end) void this.#runs.end(c, gracePeriodSeconds(this.#pod) * 1000, undefined);
    for (const { container, untilMs } of plan.backingOff) this.#starts.noteBackOff(container, untilMs);
    let wakeAtMs = Math.min(plan.wakeAtMs ?? Infinity, this.#files.nextRefreshMs());
    for (const start of plan.start) {
      const { name } = start.container;
      const untilMs = this.#starts.waiting(name)?.untilMs ?? 0;
      if (untilMs <= clock.now()) {
        await this.#starts.start(start, { volumes: this.#files.folders, netns: this.#sandbox.netns });
        if (this.#isStopped || this.#isGone || this.#pod.metadata.deletionTimestamp !== undefined) break;
      }
      // A problem, also one found just now, has its own time of return.
      wakeAtMs = Math.min(wakeAtMs, this.#starts.waiting(name)?.untilMs ?? Infinity);
    }
    if (wakeAtMs !== Infinity) this.#wakeIn(wakeAtMs - clock.now());
    if (this.#isPodOver()) await this.#sandbox.release(this.#pod);
  }

  #isPodOver(): boolean {
    const { phase } = this.#compute();
    return (phase === 'Succeeded' || phase === 'Failed') && this.#runs.running().length === 0;
  }

  // --- the end of the pod ----------------------------------------------------------------------------------------

  #failPod(reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal'): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason, message };
    this.#ctx.events.event(this.#pod, type, reason, message);
    this.#runs.endAll();
  }

  /** Starts the end, or hurries one that is under way. */
  #terminate(): void {
    const graceMs = gracePeriodSeconds(this.#pod) * 1000;
    if (this.#termination !== undefined) {
      this.#runs.hurry(graceMs);
      return;
    }
    this.#termination = this.#runTermination(graceMs).catch((error: unknown) => {
      this.#scope.log.error('ending a pod failed, trying again', { error });
      this.#termination = undefined;
      this.#wakeIn(RETRY_MS);
    });
  }

  async #runTermination(graceMs: number): Promise<void> {
    await endContainers(this.#scope, this.#runs, graceMs);
    if (this.#isStopped) return;
    if (!this.#isGone) {
      this.#report();
      await this.#status.flush();
    }
    await removeFromNode(this.#scope, this.#sandbox);
    await deleteObject(this.#scope, () => !this.#isGone && !this.#isStopped);
    this.#status.stop();
    this.#ctx.clock.clear(this.#timer);
    this.#isStopped = true;
    this.#onGone(this);
  }

  // --- status ----------------------------------------------------------------------------------------------------

  #views(): ContainerViews {
    return this.#runs.views((name) => this.#starts.waiting(name));
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
      isCutOff: this.#sandbox.isCutOff,
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
      hostIps: this.#ctx.nodeIps(),
      podIps: this.#sandbox.ips ?? known,
      allocatable: this.#ctx.allocatable,
    };
  }
}
