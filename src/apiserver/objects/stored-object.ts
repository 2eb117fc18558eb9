// One stored version of an object, in its two forms: JSON text as it goes over the wire and the parsed value. The store
// keeps only text; the parsed form is made when somebody needs it and forgotten when nobody holds it.
import type { KubeObject } from '../../api/index.ts';
import type { Entry } from '../../store/index.ts';
import { unreadableReason } from './stored-value.ts';

const METADATA = '"metadata":{';

const records = new WeakMap<Entry, StoredObject>();

export class StoredObject {
  readonly entry: Entry;
  #parsed: WeakRef<KubeObject> | undefined;

  constructor(entry: Entry) {
    this.entry = entry;
  }

  get key(): string {
    return this.entry.key;
  }

  get resourceVersion(): string {
    return String(this.entry.revision);
  }

  /** Why it is no object, where a stranger wrote it or it was damaged. */
  get unreadable(): UnreadableValueError | undefined {
    return this.entry.value.includes(METADATA) ? undefined : new UnreadableValueError(this.entry, 'it has no metadata');
  }

  /** Shared by everybody who asks: never change it. */
  get object(): KubeObject {
    let object = this.#parsed?.deref();
    if (object === undefined) {
      object = parseStored(this.entry);
      this.#parsed = new WeakRef(object);
    }
    return object;
  }

  get text(): string {
    return textAt(this.entry, this.entry.revision);
  }

  /** The object as it was when it went away: the last version, with the revision of the deletion. */
  textDeletedAt(revision: number): string {
    return textAt(this.entry, revision);
  }

  objectDeletedAt(revision: number): KubeObject {
    const { object } = this;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  }

  /** Saves the first parse when the writer has the value at hand. */
  remember(object: KubeObject): void {
    this.#parsed = new WeakRef(object);
  }
}

/** The record of an entry; the same one for the same entry. */
export function storedObject(entry: Entry): StoredObject {
  let record = records.get(entry);
  if (record === undefined) {
    record = new StoredObject(entry);
    records.set(entry, record);
  }
  return record;
}

function textAt(entry: Entry, revision: number): string {
  const { value } = entry;
  const found = value.indexOf(METADATA);
  if (found < 0) throw new UnreadableValueError(entry, 'it has no metadata');
  const at = found + METADATA.length;
  return `${value.slice(0, at)}"resourceVersion":"${revision}",${value.slice(at)}`;
}

function parseStored(entry: Entry): KubeObject {
  try {
    const object = JSON.parse(entry.value) as KubeObject;
    object.metadata.resourceVersion = String(entry.revision);
    return object;
  } catch (error) {
    throw new UnreadableValueError(entry, error instanceof Error ? error.message : String(error));
  }
}

/** Whoever asks for such a value is told which it is. */
export class UnreadableValueError extends Error {
  constructor({ key, value }: Entry, why: string) {
    const reason = unreadableReason(value) ?? why;
    super(`the value of ${key} in the store cannot be read: ${reason} (repair or remove it there)`);
    this.name = 'UnreadableValueError';
  }
}
