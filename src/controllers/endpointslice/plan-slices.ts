// Which EndpointSlices to write so that they hold the desired endpoints, with as few and as small writes as
// possible: proxies on every node read each of them. Pure.
import type { EndpointSlice, discovery } from '../../api/objects.ts';
import { sameValue } from '../runtime/canonical.ts';
import { portsKey } from './desired-endpoints.ts';
import type { EndpointGroup } from './desired-endpoints.ts';

export interface SlicePlan {
  /** Ports and endpoints of slices that have to be made. */
  create: EndpointGroup[];
  /** Existing slices with their new content. */
  update: { slice: EndpointSlice; ports: discovery.EndpointPort[]; endpoints: discovery.Endpoint[] }[];
  delete: EndpointSlice[];
}

/** The same pod at the same address, whatever its state. */
const identity = (e: discovery.Endpoint): string =>
  [e.targetRef?.uid ?? e.targetRef?.name ?? '', ...e.addresses, e.hostname ?? ''].join('|');

interface Filling {
  slice: EndpointSlice;
  endpoints: discovery.Endpoint[];
  changed: boolean;
}

export function planSlices(
  existing: readonly EndpointSlice[],
  desired: ReadonlyMap<string, EndpointGroup>,
  maxPerSlice: number,
): SlicePlan {
  const plan: SlicePlan = { create: [], update: [], delete: [] };
  const byPorts = Map.groupBy(existing, (slice) => portsKey(slice.ports));
  for (const [key, slices] of byPorts) if (!desired.has(key)) plan.delete.push(...slices);
  for (const [key, group] of desired) planGroup(plan, group, byPorts.get(key) ?? [], maxPerSlice);

  // A Service keeps one slice, if only to say that it has no endpoints.
  const remaining = existing.length - plan.delete.length;
  if (remaining === 0 && plan.create.length === 0) plan.create.push({ ports: [], endpoints: [] });
  // An object that changes costs its readers less than one that goes and one that comes, and leaves no gap.
  while (plan.create.length > 0 && plan.delete.length > 0) {
    const [made, slice] = [plan.create.shift(), plan.delete.shift()];
    if (made === undefined || slice === undefined) break;
    const unchanged =
      (slice.endpoints ?? []).length === 0 && made.endpoints.length === 0 && sameValue(slice.ports, made.ports);
    if (!unchanged) plan.update.push({ slice, ...made });
  }
  return plan;
}

function planGroup(plan: SlicePlan, group: EndpointGroup, slices: readonly EndpointSlice[], max: number): void {
  const missing = new Map(group.endpoints.map((e) => [identity(e), e]));
  const fillings: Filling[] = slices.map((slice) => {
    let changed = false;
    const endpoints: discovery.Endpoint[] = [];
    for (const have of slice.endpoints ?? []) {
      const want = missing.get(identity(have));
      if (want === undefined) {
        changed = true;
        continue;
      }
      missing.delete(identity(have));
      endpoints.push(want);
      changed ||= !sameValue(have, want);
    }
    return { slice, endpoints, changed };
  });

  let rest = [...missing.values()];
  const take = (filling: Filling, room: number) => {
    if (rest.length === 0 || room <= 0) return;
    filling.endpoints.push(...rest.slice(0, room));
    filling.changed = true;
    rest = rest.slice(room);
  };
  // Slices that are written anyway take what fits, the fullest first.
  const touched = fillings.filter((f) => f.changed).toSorted((a, b) => b.endpoints.length - a.endpoints.length);
  for (const filling of touched) if (filling.endpoints.length > 0) take(filling, max - filling.endpoints.length);
  for (const filling of touched) if (filling.endpoints.length === 0) take(filling, max);
  while (rest.length >= max) plan.create.push({ ports: group.ports, endpoints: rest.splice(0, max) });
  if (rest.length > 0) {
    // One untouched slice, and the one that is filled best by it; else a new one.
    const fits = fillings.filter((f) => !f.changed && f.endpoints.length + rest.length <= max);
    const best = fits.toSorted((a, b) => b.endpoints.length - a.endpoints.length)[0];
    if (best === undefined) plan.create.push({ ports: group.ports, endpoints: rest });
    else take(best, max - best.endpoints.length);
  }
  for (const { slice, endpoints, changed } of fillings) {
    if (!changed && endpoints.length > 0) continue;
    if (endpoints.length === 0) plan.delete.push(slice);
    else plan.update.push({ slice, ports: group.ports, endpoints });
  }
}
