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
  #slices = new Map<ServiceKey, Map<string, SliceView>>();
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
    if (before?.family === this.family && before.service !== undefined) {
      const slices = this.#slices.get(before.service);
      slices?.delete(before.key);
      if (slices?.size === 0) this.#slices.delete(before.service);
      this.#dirty.add(before.service);
    }
    if (after?.family === this.family && after.service !== undefined) {
      let slices = this.#slices.get(after.service);
      if (slices === undefined) this.#slices.set(after.service, (slices = new Map()));
      slices.set(after.key, after);
      this.#dirty.add(after.service);
    }
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
    const slices = this.#slices.get(key);
    return serviceState(service, slices === undefined ? NONE : [...slices.values()], this.family, this.#node);
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
