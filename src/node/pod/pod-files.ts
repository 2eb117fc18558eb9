// The volumes of one pod: made before its first container, and brought up to date from then on.
import path from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import { localVolumesDir } from '../volumes/local-volumes-dir.ts';
import { ensureVolumes, isLive, VolumeError, type VolumeContext } from '../volumes/pod-volumes.ts';
import { excessOf, hasSizeLimits } from '../volumes/volume-size.ts';
import { specOf } from './pod-spec.ts';
import type { WorkerScope } from './worker-scope.ts';

/** How often files made from API objects are brought up to date. */
const REFRESH_MS = 60_000;
const REFRESH_WAIT_MS = 3000;
/** How often kubelet looks whether volumes are larger than they may be. */
const MEASURE_MS = 10_000;

export class PodFiles {
  readonly #scope: WorkerScope;
  #folders: Map<string, string> | undefined;
  #madeAtMs = 0;
  #measuredAtMs = 0;

  constructor(scope: WorkerScope) {
    this.#scope = scope;
  }

  /** Volume name → folder on the node. */
  get folders(): ReadonlyMap<string, string> {
    return this.#folders ?? new Map();
  }

  /** What they are made from has changed. */
  expire(): void {
    this.#madeAtMs = -Infinity;
  }

  /** When they should be brought up to date or measured; Infinity when nothing in them can change. */
  nextRefreshMs(): number {
    const changes = (specOf(this.#scope.pod()).volumes ?? []).some(isLive);
    const measure = hasSizeLimits(this.#scope.pod()) ? this.#measuredAtMs + MEASURE_MS : Infinity;
    return Math.min(measure, changes ? this.#madeAtMs + REFRESH_MS : Infinity);
  }

  /** Why the pod has to go: a volume of it is too large. Looks now and then only. */
  async excess(): Promise<string | undefined> {
    const { ctx, pod } = this.#scope;
    const now = ctx.clock.now();
    if (!hasSizeLimits(pod()) || now < this.#measuredAtMs + MEASURE_MS) return undefined;
    this.#measuredAtMs = now;
    return excessOf(pod(), this.folders);
  }

  /** Makes them, or brings those made from API objects up to date when it is time. False: try again later. */
  async ensure(): Promise<boolean> {
    const { ctx, pod, facts, log } = this.#scope;
    const { clock, events } = ctx;
    const isDue = clock.now() >= this.#madeAtMs + REFRESH_MS;
    if (this.#folders !== undefined && !isDue) return true;
    try {
      const made = ensureVolumes(pod(), this.#context(), facts());
      // An API server that does not answer must not keep a running pod from being looked after.
      this.#folders = await (this.#folders === undefined ? made : within(made, REFRESH_WAIT_MS, clock));
      this.#madeAtMs = clock.now();
      return true;
    } catch (error) {
      const message = errorText(error);
      // A running pod keeps the files it has.
      if (this.#folders !== undefined) {
        this.#madeAtMs = clock.now();
        log.warn('volumes could not be brought up to date', { error: message });
        return true;
      }
      if (error instanceof VolumeError) events.event(pod(), 'Warning', 'FailedMount', message);
      log.warn('a pod got no volumes', { error: message });
      return false;
    }
  }

  #context(): VolumeContext {
    const { ctx, uid } = this.#scope;
    const { objects, tokens, runtime, stateDir } = ctx;
    return {
      objects,
      tokens,
      memoryDir: runtime.podDir(uid),
      diskDir: path.join(stateDir, 'pods', uid),
      localVolumesDir: localVolumesDir(stateDir),
    };
  }
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
