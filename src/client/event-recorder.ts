// Writes Events about objects. Never throws and never blocks its caller: what cannot be written is dropped.
import { events, isNotFound } from '../api/objects.ts';
import type { CoreEvent, KubeObject } from '../api/objects.ts';
import { systemClock } from '../clock/index.ts';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Client } from './contract.ts';

export interface EventRecorderOptions {
  /** Who reports, e.g. `deployment-controller`. */
  component: string;
  host?: string;
  clock?: Clock;
  log?: Logger;
  /** Events that wait to be written; more are dropped. */
  capacity?: number;
}

export type EventType = 'Normal' | 'Warning';
export type EventSubject = Pick<KubeObject, 'apiVersion' | 'kind'> & {
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion?: string };
  /** Part of the object, e.g. `spec.containers{web}`. */
  fieldPath?: string;
};

export interface EventRecorder {
  event(subject: EventSubject, type: EventType, reason: string, message: string): void;
  /** Resolves when everything recorded so far is written or dropped. */
  flush(): Promise<void>;
  stop(): void;
}

interface Pending {
  subject: EventSubject;
  type: EventType;
  reason: string;
  message: string;
  at: number;
}

/** What was written before, so that a repetition raises a count instead of making another object. */
interface Written {
  name: string;
  namespace: string;
  count: number;
}

/** More than this many different messages of one kind within the window are told as one. */
const SIMILAR_LIMIT = 10;
const SIMILAR_WINDOW_MS = 600_000;
const REMEMBERED = 4096;

export function createEventRecorder(client: Client, options: EventRecorderOptions): EventRecorder {
  const clock = options.clock ?? systemClock;
  const capacity = options.capacity ?? 1000;
  const api = client.resource(events);
  const written = new Map<string, Written>();
  const similar = new Map<string, { since: number; messages: Set<string> }>();
  let queue: Pending[] = [];
  let running: Promise<void> | undefined;
  let stopped = false;
  let serial = 0;

  const write = async (p: Pending): Promise<void> => {
    const { subject, type, reason } = p;
    const kindOfEvent = [subject.kind, subject.metadata.namespace, subject.metadata.name, subject.metadata.uid]
      .concat([subject.fieldPath, type, reason])
      .join('|');
    const combined = isOneOfTooMany(similar, kindOfEvent, p);
    const message = combined ? `(combined from similar events): ${p.message}` : p.message;
    const key = combined ? kindOfEvent : `${kindOfEvent}|${message}`;
    const time = new Date(p.at).toISOString().replace(/\.\d+Z$/, 'Z');
    const known = written.get(key);
    if (known !== undefined) {
      try {
        const patch = { count: known.count + 1, lastTimestamp: time, message };
        await api.patch(known.name, patch, { type: 'merge', namespace: known.namespace });
        known.count++;
        return;
      } catch (e) {
        // Its time was over on the server: begin a new one.
        if (!isNotFound(e)) throw e;
        written.delete(key);
      }
    }
    const namespace = subject.metadata.namespace ?? 'default';
    const unique = (Math.trunc(p.at) * 1000 + (serial++ % 1000)).toString(16);
    const name = `${subject.metadata.name.slice(0, 230)}.${unique}`;
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: reference(subject),
      type,
      reason,
      message,
      source: { component: options.component, ...(options.host === undefined ? {} : { host: options.host }) },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: options.component,
      reportingInstance: options.host ?? '',
    } satisfies Omit<CoreEvent, 'metadata'> & { metadata: object };
    await api.create(event);
    remember(written, key, { name, namespace, count: 1 });
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0 && !stopped) {
      const batch = queue;
      queue = [];
      for (const pending of batch) {
        try {
          // In order: counts of one event must not overtake each other.
          await write(pending);
        } catch (error) {
          options.log?.debug('dropped an event', { reason: pending.reason, error: String(error) });
        }
      }
    }
  };

  return {
    event(subject, type, reason, message) {
      if (stopped) return;
      if (queue.length >= capacity) {
        options.log?.debug('too many events: dropped one', { reason });
        return;
      }
      queue.push({ subject, type, reason, message, at: clock.now() });
      running ??= drain().finally(() => {
        running = undefined;
      });
    },
    async flush() {
      while (running !== undefined) await running;
    },
    stop() {
      stopped = true;
      queue = [];
    },
  };
}

function reference(subject: EventSubject): CoreEvent['involvedObject'] {
  const { name, namespace, uid, resourceVersion } = subject.metadata;
  return {
    apiVersion: subject.apiVersion,
    kind: subject.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(subject.fieldPath === undefined ? {} : { fieldPath: subject.fieldPath }),
  };
}

/** Does the object tell the same story in too many words? From then on the newest stands for all. */
function isOneOfTooMany(
  similar: Map<string, { since: number; messages: Set<string> }>,
  kindOfEvent: string,
  p: Pending,
): boolean {
  let group = similar.get(kindOfEvent);
  if (group === undefined || p.at - group.since > SIMILAR_WINDOW_MS) {
    group = { since: p.at, messages: new Set() };
    remember(similar, kindOfEvent, group);
  }
  if (group.messages.has(p.message)) return false;
  if (group.messages.size >= SIMILAR_LIMIT) return true;
  group.messages.add(p.message);
  return false;
}

/** A map that forgets its oldest entry when it is full. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= REMEMBERED) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
  map.set(key, value);
}
