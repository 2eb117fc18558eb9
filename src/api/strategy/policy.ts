// PodDisruptionBudget.
import type { FieldError } from '../field-error.ts';
import { invalidValue, notSupported } from '../field-error.ts';
import { podDisruptionBudgets } from '../resources.ts';
import type { policy } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { validateLabelSelector } from './selector-validation.ts';
import { validateIntOrPercent, validateNotMoreThanAll } from './workload-validation.ts';

const POLICIES = ['AlwaysAllow', 'IfHealthyBudget'];

function validateBudget({ spec }: policy.PodDisruptionBudget): FieldError[] {
  if (spec === undefined) return [];
  const { minAvailable, maxUnavailable, unhealthyPodEvictionPolicy: unhealthy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    errors.push(
      invalidValue('spec', { go: JSON.stringify(spec) }, 'minAvailable and maxUnavailable cannot be both set'),
    );
  }
  for (const [field, value] of Object.entries({ minAvailable, maxUnavailable })) {
    errors.push(...validateIntOrPercent(value, `spec.${field}`), ...validateNotMoreThanAll(value, `spec.${field}`));
  }
  if (unhealthy !== undefined && !POLICIES.includes(unhealthy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', unhealthy, POLICIES));
  }
  return [...errors, ...validateLabelSelector(spec.selector, 'spec.selector')];
}

export const policyStrategies = [
  defineStrategy<policy.PodDisruptionBudget>({
    resource: podDisruptionBudgets,
    schema: 'policy.PodDisruptionBudget',
    hasGeneration: true,
    validate: validateBudget,
  }),
];
