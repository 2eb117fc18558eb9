// PriorityClass.
import type { FieldError } from '../field-error.ts';
import { forbidden, notSupported, required } from '../field-error.ts';
import { priorityClasses } from '../resources.ts';
import { HIGHEST_USER_PRIORITY, SYSTEM_PRIORITY_CLASSES, SYSTEM_PRIORITY_PREFIX } from '../system-priority.ts';
import type { scheduling } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';

const POLICIES = ['PreemptLowerPriority', 'Never'];

export function validatePreemptionPolicy(policy: string | undefined, path: string): FieldError[] {
  if (policy === undefined || POLICIES.includes(policy)) return [];
  return [policy === '' ? required(path) : notSupported(path, policy, POLICIES)];
}

/** Why a class with a name of the system's is none of the system's. */
function strangerAmongSystemClasses(name: string, { value, globalDefault }: scheduling.PriorityClass): string {
  const known = SYSTEM_PRIORITY_CLASSES.find((c) => c.name === name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (value !== known.value) return `value of ${name} PriorityClass must be ${known.value}`;
  return globalDefault === true ? `globalDefault of ${name} PriorityClass must be false` : '';
}

function validateClass(priorityClass: scheduling.PriorityClass): FieldError[] {
  const { metadata, value, preemptionPolicy } = priorityClass;
  const name = metadata?.name ?? '';
  const errors: FieldError[] = [];
  if (name.startsWith(SYSTEM_PRIORITY_PREFIX)) {
    const why = strangerAmongSystemClasses(name, priorityClass);
    const text = `priority class names with '${SYSTEM_PRIORITY_PREFIX}' prefix are reserved for system use only. error: ${why}`;
    if (why !== '') errors.push(forbidden('metadata.name', text));
  } else if (value > HIGHEST_USER_PRIORITY) {
    errors.push(forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`));
  }
  return [...errors, ...validatePreemptionPolicy(preemptionPolicy, 'preemptionPolicy')];
}

export const priorityClassStrategy = defineStrategy<scheduling.PriorityClass>({
  resource: priorityClasses,
  schema: 'scheduling.PriorityClass',
  applyDefaults(draft) {
    draft.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: validateClass,
  validateUpdate: (next, previous) => [
    ...(next.value === previous.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
    ...immutable(next.preemptionPolicy, previous.preemptionPolicy, 'preemptionPolicy'),
  ],
});
