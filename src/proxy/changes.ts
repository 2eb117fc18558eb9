// The change tracker: remembers which services were touched since the last sync and hands over only those, each with
// what the kernel holds (before) and what it should hold (after). Knows nothing of kernels.
import type { Family, NodeFacts, ServiceKey, ServiceState, StateChange, StateChanges } from './contract.ts';
import { sameState, serviceState } from './state.ts';
import { familyOf, type ServiceView, type SliceView } from './views.ts';

const NONE: readonly SliceView[] = [];

export class ChangeTracker {
  readonly family: Family;
  #node: NodeFacts;
  #services = new Map<ServiceKey, ServiceView>();
  /** Nearly always one. */
  #slices = new Map<ServiceKey, readonly SliceView[]>();
  #dirty = new Set<ServiceKey>();
  #inFamily = 0;
  /** What the last successful sync put into the kernel. */
  #committed = new Map<ServiceKey, ServiceState>();

  constructor(family: Family, node: NodeFacts) {
    this.family = family;
    this.#node = node;
  }

  setService(key: ServiceKey, view: ServiceView | undefined): void {
    const counts = (v: ServiceView | undefined) =>
      v?.clusterIps.some((ip) => familyOf(ip) === this.family) === true ? 1 : 0;
    this.#inFamily += counts(view) - counts(this.#services.get(key));
    if (view === undefined) this.#services.delete(key);
    else this.#services.set(key, view);
    this.#dirty.add(key);
  }

  setSlice(before: SliceView | undefined, after: SliceView | undefined): void {
    if (before?.family === this.family && before.service !== undefined) this.#replace(before.service, before.key);
    if (after?.family === this.family && after.service !== undefined) this.#replace(after.service, after.key, after);
  }

  #replace(service: ServiceKey, key: string, slice?: SliceView): void {
    const old = this.#slices.get(service) ?? NONE;
    const at = old.findIndex((s) => s.key === key);
    let slices = old;
    if (slice === undefined) slices = old.filter((_, i) => i !== at);
    else slices = at < 0 ? [...old, slice] : old.with(at, slice);
    if (slices.length === 0) this.#slices.delete(service);
    else this.#slices.set(service, slices);
    this.#dirty.add(service);
  }

  /** A zone that changes touches every service. */
  setNode(node: NodeFacts): void {
    if (node.name === this.#node.name && node.zone === this.#node.zone) return;
    this.#node = node;
    for (const key of this.#services.keys()) this.#dirty.add(key);
  }

  get pending(): number {
    return this.#dirty.size;
  }

  /** Whether any Service has an address in this family. */
  get hasServices(): boolean {
    return this.#inFamily > 0 || this.#committed.size > 0;
  }

  get keys(): Iterable<ServiceKey> {
    return this.#services.keys();
  }

  get committed(): ReadonlyMap<ServiceKey, ServiceState> {
    return this.#committed;
  }

  stateOf(key: ServiceKey): ServiceState | undefined {
    const service = this.#services.get(key);
    if (service === undefined) return undefined;
    return serviceState(service, this.#slices.get(key) ?? NONE, this.family, this.#node);
  }

  /** The services that differ from the kernel; each `take` is answered by `commit` or `abort`. */
  take(): StateChanges {
    const changes = new Map<ServiceKey, StateChange>();
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const key of dirty) {
      const before = this.#committed.get(key);
      const after = this.stateOf(key);
      if (!sameState(before, after)) changes.set(key, { ...(before && { before }), ...(after && { after }) });
    }
    return changes;
  }

  /** The kernel took these changes. */
  commit(changes: StateChanges): void {
    for (const [key, { after }] of changes) {
      if (after === undefined) this.#committed.delete(key);
      else this.#committed.set(key, after);
    }
  }

  /** The kernel refused these changes: they are pending again. */
  abort(changes: StateChanges): void {
    for (const key of changes.keys()) this.#dirty.add(key);
  }
}
