// Which IP families a Service gets: from what it asks, what it had, and what the cluster has. Pure; runs before
// addresses are allocated.
import { ipFamilyOf } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { invalidValue } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import type { ServiceDraft } from './service-shape.ts';
import { isHeadless, specOf } from './service-shape.ts';
import { validateClusterIpFields } from './service-validation.ts';

export type Family = 'IPv4' | 'IPv6';

/**
 * Fills ipFamilyPolicy and ipFamilies of `next` (after `syncClusterIps` and `keepAllocatedValues`).
 * `clusterFamilies` are the families the cluster has service ranges for, the primary one first.
 * Returns what is wrong with the request; nothing may be allocated then.
 */
export function resolveServiceFamilies(
  next: ServiceDraft,
  previous: ServiceDraft | undefined,
  clusterFamilies: readonly Family[],
): FieldError[] {
  const spec = specOf(next);
  if (spec.type === 'ExternalName') return [];
  const loose = validateClusterIpFields(next);
  if (loose.length > 0) return loose;
  if (previous !== undefined && previous.spec?.type !== 'ExternalName') followPolicyChange(next, previous);

  const headlessWithoutSelector = isHeadless(next) && Object.keys(spec.selector ?? {}).length === 0;
  const given = isHeadless(next) ? [] : (spec.clusterIPs ?? []);
  const families: Family[] = [...((spec.ipFamilies ?? []) as Family[])];
  const errors: FieldError[] = [];
  const policyPath = 'spec.ipFamilyPolicy';
  const mustBeDual = (what: string): FieldError =>
    invalidValue(
      policyPath,
      spec.ipFamilyPolicy,
      `must be RequireDualStack or PreferDualStack when multiple ${what} are specified`,
    );
  if (spec.ipFamilyPolicy === undefined || spec.ipFamilyPolicy === 'SingleStack') {
    if (given.length > 1) errors.push(mustBeDual('`clusterIPs`'));
    else if (families.length > 1 && !headlessWithoutSelector) errors.push(mustBeDual('`ipFamilies`'));
    else if (families.length > 1 && spec.ipFamilyPolicy === 'SingleStack') errors.push(mustBeDual('`ipFamilies`'));
  }
  if (errors.length > 0) return errors;

  // The addresses given say which families are meant.
  given.forEach((ip, i) => {
    if (families[i] === undefined) families[i] = ipFamilyOf(ip);
  });

  if (spec.ipFamilyPolicy === undefined) {
    spec.ipFamilyPolicy = headlessWithoutSelector ? 'RequireDualStack' : 'SingleStack';
  }

  if (!headlessWithoutSelector) {
    families.forEach((family, i) => {
      if (clusterFamilies.includes(family)) return;
      // An address names a family the cluster lacks: the address is what is wrong.
      if ((spec.ipFamilies ?? [])[i] === undefined && given[i] !== undefined) {
        errors.push(
          invalidValue(
            `spec.clusterIPs[${i}]`,
            given[i],
            `may not use ${family} on a cluster which is not configured for it`,
          ),
        );
      } else errors.push(invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
    });
    if (spec.ipFamilyPolicy === 'RequireDualStack' && clusterFamilies.length < 2) {
      errors.push(
        invalidValue(policyPath, spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'),
      );
    }
    if (errors.length > 0) return errors;
  }

  const primary = families[0] ?? clusterFamilies[0] ?? 'IPv4';
  families[0] = primary;
  const other: Family = primary === 'IPv4' ? 'IPv6' : 'IPv4';
  const wantsSecond =
    spec.ipFamilyPolicy === 'RequireDualStack' ||
    (spec.ipFamilyPolicy === 'PreferDualStack' && (headlessWithoutSelector || clusterFamilies.length > 1));
  if (wantsSecond && families.length < 2) families.push(other);
  spec.ipFamilies = families;
  return [];
}

/** Families still without an address: what is left to allocate after `resolveServiceFamilies`. */
export function familiesToAllocate(service: ServiceDraft): Family[] {
  if (isHeadless(service) || service.spec?.type === 'ExternalName') return [];
  const have = new Set((service.spec?.clusterIPs ?? []).map(ipFamilyOf));
  return ((service.spec?.ipFamilies ?? []) as Family[]).filter((f) => !have.has(f));
}

/** On update: what is left out stays as it was; asking for one stack gives the second address up. */
function followPolicyChange(next: ServiceDraft, previous: ServiceDraft): void {
  const spec = specOf(next);
  const old = previous.spec ?? {};
  if (spec.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy = old.ipFamilyPolicy;
  if (
    (spec.ipFamilies ?? []).length === 0 &&
    old.ipFamilies !== undefined &&
    isHeadless(next) === isHeadless(previous)
  ) {
    spec.ipFamilies = [...old.ipFamilies];
  }
  const givesUpSecond = spec.ipFamilyPolicy === 'SingleStack' && old.ipFamilyPolicy !== 'SingleStack';
  if (!givesUpSecond) return;
  const dual = (list: readonly string[] | undefined): boolean => (list ?? []).length === 2;
  // A client that changes only the policy means: keep the primary address and family.
  if (dual(spec.clusterIPs) && deepEqual(spec.clusterIPs, old.clusterIPs))
    spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
  if (dual(spec.ipFamilies) && deepEqual(spec.ipFamilies, old.ipFamilies))
    spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
}
