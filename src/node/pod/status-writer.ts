// Brings a pod's status to the API server: the newest one only, one request at a time, until it is there.
import { isDeepStrictEqual } from 'node:util';
import { isNotFound, pods, type core, type Pod } from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import { namespaceOf } from './pod-spec.ts';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
const OWN_CONDITIONS = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);

export class StatusWriter {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pod: { name: string; namespace: string; uid: string };
  #written: core.PodStatus;
  #wanted: core.PodStatus | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(o: { client: Client; clock: Clock; log: Logger; pod: Pod }) {
    this.#client = o.client;
    this.#clock = o.clock;
    this.#log = o.log;
    this.#pod = { name: o.pod.metadata.name, namespace: namespaceOf(o.pod), uid: o.pod.metadata.uid };
    this.#written = o.pod.status ?? {};
  }

  submit(status: core.PodStatus): void {
    this.#wanted = status;
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when the newest status is written, or the pod is gone. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** The object is gone or belongs to another pod now. */
  stop(): void {
    this.#stopped = true;
  }

  async #drain(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    while (this.#wanted !== undefined && !this.#stopped) {
      const status = this.#wanted;
      this.#wanted = undefined;
      if (isUnchanged(this.#written, status)) continue;
      try {
        await this.#patch(status);
        this.#written = status;
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        if (isNotFound(error)) return;
        this.#log.debug('writing a pod status failed, trying again', { error: errorText(error), retryMs });
        this.#wanted ??= status;
        await new Promise<void>((resolve) => this.#clock.after(retryMs, resolve));
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      }
    }
  }

  async #patch(status: core.PodStatus): Promise<void> {
    const { name, namespace, uid } = this.#pod;
    // Lists are complete, so a merge patch will do, unless somebody else writes conditions too.
    const type = (status.conditions ?? []).every((c) => OWN_CONDITIONS.has(c.type)) ? 'merge' : 'strategic';
    const patch = buildPatch(uid, this.#written, status, type);
    await this.#client.resource(pods).patch(name, patch, { type, subresource: 'status', namespace });
  }
}

/** Fields the agent does not set are not its business; null and absent are the same. */
function isUnchanged(before: core.PodStatus, after: core.PodStatus): boolean {
  const old = before as Record<string, unknown>;
  return Object.entries(after).every(([key, value]) => isDeepStrictEqual(plain(old[key]), plain(value)));
}

function plain(value: unknown): unknown {
  return value === undefined
    ? undefined
    : (JSON.parse(JSON.stringify(value, (_, v: unknown) => (v === null ? undefined : v))) as unknown);
}

/** `metadata.uid` makes the server refuse it for another pod of the same name. */
export function buildPatch(
  uid: string,
  before: core.PodStatus,
  after: core.PodStatus,
  type: 'merge' | 'strategic',
): unknown {
  const old = before as Record<string, unknown>;
  const changed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after)) {
    if (isDeepStrictEqual(plain(old[key]), plain(value))) continue;
    // Strategic merge joins addresses by value: a changed list must say that it takes the place of the old one.
    const isJoined = type === 'strategic' && (key === 'podIPs' || key === 'hostIPs');
    const isReplacedList = isJoined && Array.isArray(value) && Array.isArray(old[key]);
    changed[key] = isReplacedList ? [...(value as unknown[]), { $patch: 'replace' }] : value;
  }
  for (const key of ['reason', 'message']) {
    if (old[key] !== undefined && (after as Record<string, unknown>)[key] === undefined) changed[key] = null;
  }
  return { metadata: { uid }, status: changed };
}
