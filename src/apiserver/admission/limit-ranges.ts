// Requests and limits of new pods, and sizes of new claims, as the LimitRanges of their namespace say: what a container
// does not say is filled in, what is out of range is refused.
import {
  canonicalQuantity,
  compareQuantities,
  forbiddenBecause,
  limitRanges,
  persistentVolumeClaims,
  pods,
  quantityValue,
  type ApiObject,
  type core,
  type LimitRange,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import { storedObject } from '../objects/stored-object.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

type Amounts = Readonly<Record<string, string>>;

interface Wanted {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

const wantedBy = ({ resources }: Pick<core.Container, 'resources'>): Wanted => ({
  requests: resources?.requests ?? {},
  limits: resources?.limits ?? {},
});

/** Fills in what the container does not say. The result names what was set, for the annotation. */
function fillIn(
  container: core.Container,
  what: string,
  { default: limits, defaultRequest }: core.LimitRangeItem,
): string[] {
  const said: string[] = [];
  for (const [field, defaults] of [
    ['requests', defaultRequest],
    ['limits', limits],
  ] as const) {
    const resources = (container.resources ??= {});
    const missing = Object.entries(defaults ?? {}).filter(([name]) => !Object.hasOwn(resources[field] ?? {}, name));
    if (missing.length === 0) continue;
    resources[field] = { ...resources[field], ...Object.fromEntries(missing) };
    const names = missing.map(([name]) => name).toSorted();
    said.push(`${names.join(', ')} ${field.slice(0, -1)} for ${what} ${container.name}`);
  }
  return said;
}

/** What is out of range, in Kubernetes' words. `claim`: limits do not exist there. */
function outOfRange(item: core.LimitRangeItem, { requests, limits }: Wanted, claim = false): string[] {
  const { type } = item;
  const errors: string[] = [];
  const less = (a: string | undefined, b: string) => a !== undefined && compareQuantities(a, b) < 0;
  const more = (a: string | undefined, b: string) => a !== undefined && compareQuantities(a, b) > 0;
  for (const [name, bound] of Object.entries(item.min ?? {})) {
    const [request, limit] = [requests[name], limits[name]];
    const least = `minimum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
    if (request === undefined) errors.push(`${least}.  No request is specified`);
    else if (less(request, bound)) errors.push(`${least}, but request is ${request}`);
    else if (less(limit, bound)) errors.push(`${least}, but limit is ${limit}`);
  }
  for (const [name, bound] of Object.entries(item.max ?? {})) {
    const [request, limit] = [requests[name], limits[name]];
    const most = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`;
    if (claim ? request === undefined : limit === undefined) {
      errors.push(`${most}.  No ${claim ? 'request' : 'limit'} is specified`);
    } else if (more(limit, bound)) errors.push(`${most}, but limit is ${limit}`);
    else if (more(request, bound)) errors.push(`${most}, but request is ${request}`);
  }
  for (const [name, bound] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    const [request = '0', limit = '0'] = [requests[name], limits[name]];
    const most = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`;
    if (quantityValue(request) === 0) errors.push(`${most}, but no request is specified or request is 0`);
    else if (quantityValue(limit) === 0) errors.push(`${most}, but no limit is specified or limit is 0`);
    else {
      const ratio = quantityValue(limit) / quantityValue(request);
      if (ratio > quantityValue(bound)) errors.push(`${most}, but provided ratio is ${ratio.toFixed(6)}`);
    }
  }
  return errors;
}

/** Containers run beside each other, init containers one after the other before them. */
function wantedByPod(spec: core.PodSpec): Wanted {
  const sum = (field: keyof Wanted): Amounts => {
    const total = new Map<string, number>();
    for (const container of spec.containers ?? []) {
      for (const [name, amount] of Object.entries(wantedBy(container)[field])) {
        total.set(name, (total.get(name) ?? 0) + quantityValue(amount));
      }
    }
    for (const container of spec.initContainers ?? []) {
      for (const [name, amount] of Object.entries(wantedBy(container)[field])) {
        total.set(name, Math.max(total.get(name) ?? 0, quantityValue(amount)));
      }
    }
    return Object.fromEntries([...total].map(([name, n]) => [name, canonicalQuantity(n.toFixed(9))]));
  };
  return { requests: sum('requests'), limits: sum('limits') };
}

function admitPod(draft: ApiObject, ranges: readonly LimitRange[]): string[] {
  const spec = draft.spec as core.PodSpec | undefined;
  if (spec === undefined) return [];
  const kinds = [
    ['container', spec.containers ?? []],
    ['init container', spec.initContainers ?? []],
  ] as const;
  const items = ranges.flatMap((range) => range.spec?.limits ?? []);
  const said = items
    .filter((item) => item.type === 'Container')
    .flatMap((item) => kinds.flatMap(([what, list]) => list.flatMap((container) => fillIn(container, what, item))));
  if (said.length > 0) {
    (draft.metadata.annotations ??= {})['kubernetes.io/limit-ranger'] = `LimitRanger plugin set: ${said.join('; ')}`;
  }
  return items.flatMap((item) => {
    if (item.type === 'Pod') return outOfRange(item, wantedByPod(spec));
    if (item.type !== 'Container') return [];
    return kinds.flatMap(([, list]) => list.flatMap((container) => outOfRange(item, wantedBy(container))));
  });
}

function admitClaim(draft: ApiObject, ranges: readonly LimitRange[]): string[] {
  const requests = (draft.spec as core.PersistentVolumeClaimSpec | undefined)?.resources?.requests ?? {};
  return ranges
    .flatMap((range) => range.spec?.limits ?? [])
    .filter((item) => item.type === 'PersistentVolumeClaim')
    .flatMap((item) => outOfRange(item, { requests, limits: {} }, true));
}

async function rangesOf(store: Store, namespace: string): Promise<LimitRange[]> {
  const { entries } = await store.list(keyPrefix(limitRanges, namespace));
  return entries.map((entry) => storedObject(entry).object as LimitRange);
}

async function admit(request: ResourceRequest, draft: ApiObject, store: Store): Promise<void> {
  const { resource } = request;
  if ((resource !== pods && resource !== persistentVolumeClaims) || request.subresource !== '') return;
  const ranges = await rangesOf(store, request.namespace);
  if (ranges.length === 0) return;
  const errors = [...new Set((resource === pods ? admitPod : admitClaim)(draft, ranges))];
  if (errors.length === 0) return;
  const text = errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`;
  throw forbiddenBecause(resource, draft.metadata.name ?? '', text);
}

export const limitRanger: AdmissionStep = { create: admit };
