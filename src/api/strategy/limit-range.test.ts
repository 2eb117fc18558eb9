// Rules of limit ranges: what the server completes, and bounds that contradict each other.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatFieldError } from '../field-error.ts';
import type { ApiObject } from './contract.ts';
import { limitRangeStrategy } from './limit-range.ts';

function made(...limits: object[]): ApiObject {
  const draft = {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { limits: structuredClone(limits) },
  } as unknown as ApiObject;
  limitRangeStrategy.applyDefaults(draft);
  return draft;
}
const errors = (...limits: object[]): string[] =>
  limitRangeStrategy.validateCreate(made(...limits)).map(formatFieldError);

describe('LimitRange', () => {
  test('limits default to the maximum, requests to the limits, then to the minimum; for containers only', () => {
    const { spec } = made(
      { type: 'Container', max: { cpu: '2' }, min: { cpu: '100m', memory: '1Mi' }, default: { memory: '1Gi' } },
      { type: 'Pod', max: { cpu: '4' } },
    ) as unknown as { spec: unknown };
    assert.deepEqual(spec, {
      limits: [
        {
          type: 'Container',
          max: { cpu: '2' },
          min: { cpu: '100m', memory: '1Mi' },
          default: { cpu: '2', memory: '1Gi' },
          defaultRequest: { cpu: '2', memory: '1Gi' },
        },
        { type: 'Pod', max: { cpu: '4' } },
      ],
    });
  });

  const rows: readonly [limits: object[], expected: string[]][] = [
    [[{ type: 'Container', min: { cpu: '1' }, max: { cpu: '2' } }], []],
    [[{}], ['spec.limits[0].type: Required value']],
    [[{ type: 'Pod' }, { type: 'Pod' }], ['spec.limits[1].type: Duplicate value: "Pod"']],
    [
      [{ type: 'Pod', min: { cpu: '2' }, max: { cpu: '1' } }],
      ['spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'],
    ],
    [
      [{ type: 'Pod', default: { cpu: '1' } }],
      ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    ],
    [
      [{ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '2' } }],
      [
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit value 1',
      ],
    ],
    [
      [{ type: 'Pod', maxLimitRequestRatio: { cpu: '500m' } }],
      ['spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'],
    ],
    [
      [{ type: 'PersistentVolumeClaim' }],
      [
        'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
      ],
    ],
  ];
  for (const [limits, expected] of rows) {
    test(JSON.stringify(limits), () => assert.deepEqual(errors(...limits), expected));
  }
});
