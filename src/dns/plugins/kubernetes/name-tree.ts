// Names and who gives them, as a tree: a name without records that has names below it (an empty non-terminal) is in it as
// long as those are, so that what is not in it does not exist (RFC 8020).
import { isBelow, parentName, ROOT } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { AnswerTemplate } from './answer-template.ts';
import type { DnsService, DnsSlice } from './dns-objects.ts';
import type { NameRecords } from './service-records.ts';

/** Something that gives names: a service with its slices, or (with `fixed`) anything else. */
export interface Source {
  readonly key: string;
  service: DnsService | undefined;
  readonly slices: Map<string, DnsSlice>;
  /** What the answers are made from; the two above may be newer until the next commit. */
  built: { service: DnsService | undefined; slices: readonly DnsSlice[] };
  fixed: ReadonlyMap<WireName, NameRecords> | undefined;
  names: readonly WireName[];
  /** Endpoint and reverse names that became entries because somebody asked, and depend on this source. */
  asked: Set<WireName> | undefined;
  labels: ReadonlyMap<string, readonly string[]> | undefined;
}

export interface NameEntry {
  readonly key: WireName;
  /** One nearly always; several for an address that several services share. */
  sources: readonly Source[];
  /** How many names directly below exist. */
  children: number;
  /** Ready answers by type, made when first asked for, dropped when a source changes. */
  templates: Map<number, AnswerTemplate> | undefined;
  /** Turns through the addresses. */
  turn: number;
}

export class NameTree {
  readonly #entries = new Map<WireName, NameEntry>();
  /** Zones that are answered completely from here: their names have parents. */
  readonly #closed: readonly WireName[];

  constructor(closed: readonly WireName[]) {
    this.#closed = closed;
  }

  get(name: WireName): NameEntry | undefined {
    return this.#entries.get(name);
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): Iterable<NameEntry> {
    return this.#entries.values();
  }

  /** An entry outside of the tree: it has no parents, and goes when it is forgotten. */
  remember(name: WireName, sources: readonly Source[]): NameEntry {
    const entry = newEntry(flat(name), sources);
    this.#entries.set(entry.key, entry);
    return entry;
  }

  forget(name: WireName): void {
    this.#entries.delete(name);
  }

  add(name: WireName, source: Source): void {
    const entry = this.#entryOf(name);
    entry.templates = undefined;
    if (entry.sources.includes(source)) return;
    entry.sources = entry.sources.length === 0 ? [source] : [...entry.sources, source].toSorted(bySourceKey);
  }

  remove(name: WireName, source: Source): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.sources = entry.sources.filter((s) => s !== source);
    entry.templates = undefined;
    this.#dropIfUnused(entry);
  }

  #entryOf(name: WireName): NameEntry {
    let entry = this.#entries.get(name);
    if (entry !== undefined) return entry;
    entry = newEntry(flat(name), []);
    this.#entries.set(entry.key, entry);
    if (this.#hasParent(name)) this.#entryOf(parentName(name)).children += 1;
    return entry;
  }

  #dropIfUnused(entry: NameEntry): void {
    if (entry.sources.length > 0 || entry.children > 0) return;
    this.#entries.delete(entry.key);
    if (!this.#hasParent(entry.key)) return;
    const parent = this.#entries.get(parentName(entry.key));
    if (parent === undefined) return;
    parent.children -= 1;
    this.#dropIfUnused(parent);
  }

  #hasParent(name: WireName): boolean {
    if (name === ROOT) return false;
    const parent = parentName(name);
    return this.#closed.some((zone) => isBelow(parent, zone));
  }
}

/** The same name in one piece. A key put together from parts makes every lookup that finds it several times slower. */
function flat(name: WireName): WireName {
  return Buffer.from(name, 'latin1').toString('latin1') as WireName;
}

export const bySourceKey = (a: Source, b: Source): number => (a.key < b.key ? -1 : 1);

function newEntry(name: WireName, sources: readonly Source[]): NameEntry {
  return { key: name, sources, children: 0, templates: undefined, turn: 0 };
}
