// Rules of priority classes: what the server fills in, which classes there can be, what may not change.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatFieldError } from '../field-error.ts';
import { SYSTEM_PRIORITY_CLASSES } from '../system-priority.ts';
import type { ApiObject } from './contract.ts';
import { priorityClassStrategy } from './priority-class.ts';

function made(name: string, value: object): ApiObject {
  const draft = {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name, uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    ...value,
  } as ApiObject;
  priorityClassStrategy.applyDefaults(draft);
  priorityClassStrategy.prepareForCreate(draft);
  return draft;
}
const errors = (name: string, value: object): string[] =>
  priorityClassStrategy.validateCreate(made(name, value)).map(formatFieldError);
const reserved =
  "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only.";

describe('PriorityClass', () => {
  test('a class without a value has 0, and its pods may drive out others', () => {
    const { value, preemptionPolicy } = made('a', {});
    assert.deepEqual([value, preemptionPolicy], [0, 'PreemptLowerPriority']);
  });
  const rows: readonly [name: string, value: object, expected: string[]][] = [
    ['high', { value: 1_000_000_000, preemptionPolicy: 'Never', globalDefault: true }, []],
    ['low', { value: -2_147_483_648 }, []],
    [
      'high',
      { value: 1_000_000_001 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    [
      'odd',
      { value: 1, preemptionPolicy: 'Sometimes' },
      ['preemptionPolicy: Unsupported value: "Sometimes": supported values: "Never", "PreemptLowerPriority"'],
    ],
    ['system-x', { value: 1 }, [`${reserved} error: system-x is not a known system priority class`]],
    [
      'system-node-critical',
      { value: 1 },
      [`${reserved} error: value of system-node-critical PriorityClass must be 2000001000`],
    ],
    [
      'system-cluster-critical',
      { value: 2_000_000_000, globalDefault: true },
      [`${reserved} error: globalDefault of system-cluster-critical PriorityClass must be false`],
    ],
    ...SYSTEM_PRIORITY_CLASSES.map(({ name, value }) => [name, { value }, []] as [string, object, string[]]),
  ];
  for (const [name, value, expected] of rows) {
    test(`${name} ${JSON.stringify(value)}`, () => assert.deepEqual(errors(name, value), expected));
  }

  test('value and policy stay, the description may change', () => {
    const previous = made('a', { value: 5 });
    const update = (change: object) =>
      priorityClassStrategy.validateUpdate({ ...previous, ...change }, previous).map(formatFieldError);
    assert.deepEqual(update({ description: 'new', globalDefault: true }), []);
    assert.deepEqual(update({ value: 6 }), ['value: Forbidden: may not be changed in an update.']);
    assert.deepEqual(update({ preemptionPolicy: 'Never' }), [
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
  });
});
