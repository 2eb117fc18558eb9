// Counters, gauges and histograms in the Prometheus text format 0.0.4. Own code because the usual library costs every
// process of a cluster 20 MB and 50 ms of start-up (measured, see ARCHITECTURE.md, "Departures").

export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  lines(): Iterable<string>;
}

const escapeLabel = (v: string) => v.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const escapeHelp = (v: string) => v.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

/** `{a="1",b="2"}`, or '' without labels. Label order is the caller's, so one series has one spelling. */
function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([k, v]) => `${k}="${escapeLabel(v)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function number(v: number): string {
  if (v === Infinity) return '+Inf';
  if (v === -Infinity) return '-Inf';
  return String(v);
}

/** A value that only grows. */
export class Counter implements Family {
  readonly type = 'counter';
  readonly name: string;
  readonly help: string;
  #series = new Map<string, number>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  inc(labels: Labels = {}, by = 1): void {
    const key = labelText(labels);
    this.#series.set(key, (this.#series.get(key) ?? 0) + by);
  }

  value(labels: Labels = {}): number {
    return this.#series.get(labelText(labels)) ?? 0;
  }

  *lines(): Iterable<string> {
    for (const [labels, v] of this.#series) yield `${this.name}${labels} ${number(v)}`;
  }
}

/** A value that goes up and down; `collect` may supply it at scrape time. */
export class Gauge implements Family {
  readonly type = 'gauge';
  readonly name: string;
  readonly help: string;
  #series = new Map<string, number>();
  #collect: ((gauge: Gauge) => void) | undefined;

  constructor(name: string, help: string, collect?: (gauge: Gauge) => void) {
    this.name = name;
    this.help = help;
    this.#collect = collect;
  }

  set(value: number, labels: Labels = {}): void {
    this.#series.set(labelText(labels), value);
  }

  inc(labels: Labels = {}, by = 1): void {
    this.set(this.value(labels) + by, labels);
  }

  value(labels: Labels = {}): number {
    return this.#series.get(labelText(labels)) ?? 0;
  }

  remove(labels: Labels): void {
    this.#series.delete(labelText(labels));
  }

  *lines(): Iterable<string> {
    this.#collect?.(this);
    for (const [labels, v] of this.#series) yield `${this.name}${labels} ${number(v)}`;
  }
}

interface Buckets {
  labels: Labels;
  counts: number[];
  sum: number;
  count: number;
}

/** Observations counted into buckets; `bounds` are the upper bounds, ascending, without +Inf. */
export class Histogram implements Family {
  readonly type = 'histogram';
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  #series = new Map<string, Buckets>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
  }

  observe(value: number, labels: Labels = {}): void {
    const key = labelText(labels);
    let s = this.#series.get(key);
    if (s === undefined) {
      s = { labels, counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
      this.#series.set(key, s);
    }
    const at = this.#bounds.findIndex((b) => value <= b);
    if (at >= 0) s.counts[at] = (s.counts[at] ?? 0) + 1;
    s.sum += value;
    s.count += 1;
  }

  count(labels: Labels = {}): number {
    return this.#series.get(labelText(labels))?.count ?? 0;
  }

  *lines(): Iterable<string> {
    for (const { labels, counts, sum, count } of this.#series.values()) {
      let cumulative = 0;
      for (const [i, bound] of this.#bounds.entries()) {
        cumulative += counts[i] ?? 0;
        yield `${this.name}_bucket${labelText({ ...labels, le: number(bound) })} ${cumulative}`;
      }
      yield `${this.name}_bucket${labelText({ ...labels, le: '+Inf' })} ${count}`;
      yield `${this.name}_sum${labelText(labels)} ${number(sum)}`;
      yield `${this.name}_count${labelText(labels)} ${count}`;
    }
  }
}

/** The metrics of one process. @throws Error when two metrics share a name. */
export class Registry {
  #families = new Map<string, Family>();

  register<F extends Family>(family: F): F {
    if (this.#families.has(family.name)) throw new Error(`metric ${family.name} is registered twice`);
    this.#families.set(family.name, family);
    return family;
  }

  /** The page for `GET /metrics`, content type `text/plain; version=0.0.4`. */
  render(): string {
    const out: string[] = [];
    for (const f of this.#families.values()) {
      out.push(`# HELP ${f.name} ${escapeHelp(f.help)}`, `# TYPE ${f.name} ${f.type}`, ...f.lines());
    }
    return `${out.join('\n')}\n`;
  }
}

/** Upper bounds `start * factor^i`, as Prometheus' ExponentialBuckets. */
export function exponentialBounds(start: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => start * factor ** i);
}
