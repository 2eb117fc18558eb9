// Rules for label selectors, wherever they stand.
import type { FieldError } from '../field-error.ts';
import { forbidden, invalidValue, required } from '../field-error.ts';
import { qualifiedName } from '../names.ts';
import type { meta } from '../types.ts';
import { validateLabels } from './metadata.ts';

const operators = ['DoesNotExist', 'Exists', 'In', 'NotIn'];

export function validateLabelSelector(selector: meta.LabelSelector | undefined, path: string): FieldError[] {
  const errors = validateLabels(selector?.matchLabels, `${path}.matchLabels`);
  (selector?.matchExpressions ?? []).forEach((e, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const values = e.values ?? [];
    if (!operators.includes(e.operator))
      errors.push(invalidValue(`${at}.operator`, e.operator, 'not a valid selector operator'));
    else if ((e.operator === 'In' || e.operator === 'NotIn') && values.length === 0) {
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if ((e.operator === 'Exists' || e.operator === 'DoesNotExist') && values.length > 0) {
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    errors.push(...qualifiedName(e.key ?? '').map((m) => invalidValue(`${at}.key`, e.key, m)));
  });
  return errors;
}
