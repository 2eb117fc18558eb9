// LimitRange.
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, required } from '../field-error.ts';
import { setOwn } from '../json.ts';
import { compareQuantities } from '../quantity.ts';
import { limitRanges } from '../resources.ts';
import type { core, Writable } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';

type Item = Writable<core.LimitRangeItem>;
type Amounts = Record<string, string>;

/** What is missing in `to` comes from `from`. */
function fill(to: Amounts | undefined, from: Amounts | undefined): Amounts | undefined {
  const filled = { ...to };
  for (const [name, amount] of Object.entries(from ?? {})) {
    if (!Object.hasOwn(filled, name)) setOwn(filled, name, amount);
  }
  return Object.keys(filled).length === 0 ? to : filled;
}

function applyItemDefaults(item: Item): void {
  if (item.type !== 'Container') return;
  const limit = fill(item.default, item.max);
  const request = fill(fill(item.defaultRequest, limit), item.min);
  if (limit !== undefined) item.default = limit;
  if (request !== undefined) item.defaultRequest = request;
}

/** Pairs of which the first must not be greater than the second, and whose field is at fault. */
const ORDER = [
  ['min', 'max', 'min', 'min', 'max'],
  ['min', 'defaultRequest', 'defaultRequest', 'min', 'default request'],
  ['defaultRequest', 'max', 'defaultRequest', 'default request', 'max'],
  ['defaultRequest', 'default', 'defaultRequest', 'default request', 'default limit'],
  ['min', 'default', 'default', 'min', 'default'],
  ['default', 'max', 'default', 'default', 'max'],
] as const;

function validateItem(item: core.LimitRangeItem, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((item.type ?? '') === '') return [required(`${path}.type`)];
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const) {
      if (item[field] !== undefined) {
        errors.push(forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
      }
    }
  }
  if (
    item.type === 'PersistentVolumeClaim' &&
    item.min?.['storage'] === undefined &&
    item.max?.['storage'] === undefined
  ) {
    errors.push(
      required(`${path}.limits`, 'either minimum or maximum storage value is required, but neither was provided'),
    );
  }
  for (const [less, more, at, lessName, moreName] of ORDER) {
    for (const [name, value] of Object.entries(item[less] ?? {})) {
      const other = Object.hasOwn(item[more] ?? {}, name) ? item[more]?.[name] : undefined;
      if (other === undefined || compareQuantities(value, other) <= 0) continue;
      const why = `${lessName} value ${value} is greater than ${moreName} value ${other}`;
      errors.push(invalidValue(`${path}.${at}[${name}]`, item[at]?.[name], why));
    }
  }
  for (const [name, ratio] of Object.entries(item.maxLimitRequestRatio ?? {})) {
    if (compareQuantities(ratio, '1') >= 0) continue;
    errors.push(invalidValue(`${path}.maxLimitRequestRatio[${name}]`, ratio, `ratio ${ratio} is less than 1`));
  }
  return errors;
}

function validateLimits({ spec }: core.LimitRange): FieldError[] {
  const seen = new Set<string>();
  return (spec?.limits ?? []).flatMap((item, i) => {
    const path = `spec.limits[${i}]`;
    const twice = seen.has(item.type) ? [duplicate(`${path}.type`, item.type)] : [];
    seen.add(item.type);
    return [...twice, ...validateItem(item, path)];
  });
}

export const limitRangeStrategy = defineStrategy<core.LimitRange>({
  resource: limitRanges,
  schema: 'core.LimitRange',
  applyDefaults: ({ spec }) => spec?.limits?.forEach(applyItemDefaults),
  validate: validateLimits,
});
