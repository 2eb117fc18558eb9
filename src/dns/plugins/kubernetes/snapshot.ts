// The cluster as it was last seen, in a file: what a server that starts without the API answers from.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock, Timer } from '../../../clock/index.ts';
import type { Logger } from '../../../log/index.ts';
import type { DnsNamespace, DnsPod, DnsService, DnsSlice } from './dns-objects.ts';
import type { ObjectSink, ObjectWatch } from './watch-objects.ts';

const FORMAT = 1;
const SETTLE_MS = 5000;

type Items = ReturnType<ObjectWatch['items']>;

interface Stored extends Items {
  readonly format: number;
  /** Text of the part of the configuration that decides what is watched. */
  readonly scope: string;
  readonly writtenAt: string;
}

/** Undefined when there is none, or none that fits. */
export function readSnapshot(file: string, scope: string, log: Logger): Stored | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const stored = JSON.parse(text) as Stored;
    if (stored.format === FORMAT && stored.scope === scope) return stored;
    log.info('the snapshot is of another configuration or version: not used', { file });
  } catch (error) {
    log.warn('the snapshot cannot be read: not used', { file, error });
  }
  return undefined;
}

/**
 * A sink that starts from the snapshot and is corrected by what the watch reports. `complete` drops what the first
 * whole list did not have.
 */
export function sinkOverSnapshot(sink: ObjectSink, stored: Items): ObjectSink & { complete(): void } {
  const id = (o: { namespace: string; name: string }) => `${o.namespace}/${o.name}`;
  const left = {
    services: new Map(stored.services.map((o) => [id(o), o])),
    slices: new Map(stored.slices.map((o) => [id(o), o])),
    namespaces: new Map(stored.namespaces.map((o) => [o.name, o])),
    pods: new Map(stored.pods.map((o) => [id(o), o])),
  };
  for (const [key, o] of left.namespaces) sink.namespace(key, o);
  for (const [key, o] of left.services) sink.service(key, undefined, o);
  for (const [key, o] of left.slices) sink.slice(key, undefined, o);
  for (const [key, o] of left.pods) sink.pod(key, undefined, o);
  sink.commit();
  /** What was known of the object, from the snapshot when the watch has not spoken of it yet. */
  const take = <T>(map: Map<string, T>, key: string, before: T | undefined): T | undefined => {
    const old = map.get(key);
    map.delete(key);
    return before ?? old;
  };
  return {
    service: (key, before, after) => sink.service(key, take<DnsService>(left.services, key, before), after),
    slice: (key, before, after) => sink.slice(key, take<DnsSlice>(left.slices, key, before), after),
    namespace: (key, after) => {
      take<DnsNamespace>(left.namespaces, key, undefined);
      sink.namespace(key, after);
    },
    pod: (key, before, after) => sink.pod(key, take<DnsPod>(left.pods, key, before), after),
    commit: () => sink.commit(),
    complete: () => {
      for (const [key, o] of left.services) sink.service(key, o, undefined);
      for (const [key, o] of left.slices) sink.slice(key, o, undefined);
      for (const [key] of left.namespaces) sink.namespace(key, undefined);
      for (const [key, o] of left.pods) sink.pod(key, o, undefined);
      for (const map of Object.values(left)) map.clear();
      sink.commit();
    },
  };
}

export interface SnapshotWriter {
  /** Something changed: write soon. */
  touch(): void;
  /** Writes now if anything is unwritten, and ends. */
  stop(): void;
}

export function createSnapshotWriter(
  file: string,
  scope: string,
  items: () => Items,
  deps: { clock: Clock; log: Logger; settleMs?: number },
): SnapshotWriter {
  let timer: Timer;
  const write = () => {
    timer = undefined;
    const stored: Stored = { format: FORMAT, scope, writtenAt: new Date(deps.clock.now()).toISOString(), ...items() };
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      // A reader never sees half a file.
      writeFileSync(`${file}.new`, JSON.stringify(stored), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    } catch (error) {
      deps.log.warn('the snapshot cannot be written; a start without the API server will know nothing', {
        file,
        error,
      });
    }
  };
  return {
    touch: () => {
      timer ??= deps.clock.after(deps.settleMs ?? SETTLE_MS, write);
    },
    stop: () => {
      if (timer === undefined) return;
      deps.clock.clear(timer);
      write();
    },
  };
}
