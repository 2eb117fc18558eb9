// An entry in the shape of the resource it is asked for. Only Events have two shapes: they are stored as core/v1 and
// served as events.k8s.io/v1 as well.
import { eventsV1, fromCoreEvent, toCoreEvent, type core, type KubeObject } from '../../api/index.ts';
import type { Entry } from '../../store/index.ts';
import { storedObject, type StoredObject } from './stored-object.ts';
import { storedText } from './stored-value.ts';

type Shaped = { readonly group: string; readonly plural: string };

type EventDraft = Parameters<typeof toCoreEvent>[0];

const converted = new WeakMap<Entry, Entry>();

const hasOwnShape = (resource: Shaped): boolean =>
  resource.plural === eventsV1.plural && resource.group === eventsV1.group;

export function servedObject(resource: Shaped, entry: Entry): StoredObject {
  if (!hasOwnShape(resource)) return storedObject(entry);
  let other = converted.get(entry);
  if (other === undefined) {
    const event = fromCoreEvent(storedObject(entry).object as unknown as core.Event);
    other = { ...entry, value: storedText(event as KubeObject) };
    converted.set(entry, other);
  }
  return storedObject(other);
}

/** The text to store for an object of the resource. */
export function textToStore(resource: Shaped, object: KubeObject): string {
  return storedText(hasOwnShape(resource) ? (toCoreEvent(object as unknown as EventDraft) as KubeObject) : object);
}
