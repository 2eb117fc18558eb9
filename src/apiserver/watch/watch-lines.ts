// The wire form of watch steps. The line of an event is made once and shared by all watchers of the same turn.
import type { StoredObject } from '../objects/stored-object.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const lines = new Map<StoredObject, Map<string, Buffer>>();
let clearing = false;

/** One event as a line of JSON. `revision` is that of the change, which for a deletion is not the object's own. */
export function eventLine(type: EventType, stored: StoredObject, revision: number): Buffer {
  let byType = lines.get(stored);
  if (byType === undefined) {
    lines.set(stored, (byType = new Map()));
    if (!clearing) {
      clearing = true;
      // Watchers of one change run in the same turn or the next; after that the texts would only take up memory.
      setTimeout(() => {
        lines.clear();
        clearing = false;
      }, 50).unref();
    }
  }
  const key = `${type}${revision}`;
  let line = byType.get(key);
  if (line === undefined) {
    const text = revision === stored.entry.revision ? stored.text : stored.textDeletedAt(revision);
    line = Buffer.from(`{"type":"${type}","object":${text}}\n`);
    byType.set(key, line);
  }
  return line;
}
