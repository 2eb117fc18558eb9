// Rules of jobs, schedules, disruption budgets and volumes: defaults, what users get wrong, what may not change.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeObject } from '../decode/decode-body.ts';
import { formatFieldError } from '../field-error.ts';
import * as r from '../resources.ts';
import type { Resource } from '../resources.ts';
import type { batch } from '../types.ts';
import type { ApiObject } from './contract.ts';
import { strategyOf } from './index.ts';

type Value = Record<string, unknown>;

function made(resource: Resource, value: object): ApiObject {
  const strategy = strategyOf(resource);
  const metadata = { name: 'a', uid: 'u', ...(resource.namespaced ? { namespace: 'default' } : {}) };
  const { object } = decodeObject(
    { apiVersion: r.apiVersionOf(resource), kind: resource.kind },
    { ...value, metadata },
  );
  strategy.applyDefaults(object);
  strategy.prepareForCreate(object);
  return object;
}
const errors = (resource: Resource, value: object): string[] =>
  strategyOf(resource).validateCreate(made(resource, value)).map(formatFieldError);

function changed(resource: Resource, value: object, change: (object: Value) => void): string[] {
  const previous = made(resource, value);
  const next = structuredClone(previous);
  change(next as Value);
  return strategyOf(resource).validateUpdate(next, previous).map(formatFieldError);
}

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
const job = (spec: object = {}) => ({ spec: { template, ...spec } });
const cronJob = (spec: object = {}) => ({ spec: { schedule: '* * * * *', jobTemplate: job(), ...spec } });

describe('Job', () => {
  test('is completed by the server', () => {
    const { spec, metadata } = made(r.jobs, job()) as { spec: Value; metadata: Value };
    const { template: t, selector, ...rest } = spec as { template: Value; selector: Value };
    assert.deepEqual(rest, {
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    });
    assert.deepEqual(selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } });
    assert.deepEqual((t['metadata'] as Value)['labels'], {
      'controller-uid': 'u',
      'job-name': 'a',
      'batch.kubernetes.io/controller-uid': 'u',
      'batch.kubernetes.io/job-name': 'a',
    });
    assert.equal(metadata['generation'], 1);
    // One number alone leaves the other open.
    assert.equal((made(r.jobs, job({ parallelism: 3 })).spec as Value)['completions'], undefined);
  });

  test('is refused', () => {
    const always = { spec: { ...template.spec, restartPolicy: 'Always' } };
    assert.deepEqual(errors(r.jobs, job({ template: always })), [
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
    assert.deepEqual(errors(r.jobs, job({ completions: -1, backoffLimit: -1, completionMode: 'Odd' })), [
      'spec.completions: Invalid value: -1: must be greater than or equal to 0',
      'spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0',
      'spec.completionMode: Unsupported value: "Odd": supported values: "Indexed", "NonIndexed"',
    ]);
    assert.deepEqual(errors(r.jobs, job({ manualSelector: true })), ['spec.selector: Required value']);
    assert.deepEqual(errors(r.jobs, job()), []);
  });

  test('may not become another', () => {
    const spec = (o: Value) => o['spec'] as Value;
    assert.deepEqual(
      changed(r.jobs, job(), (o) => (spec(o)['parallelism'] = 4)),
      [],
    );
    assert.match(
      changed(r.jobs, job(), (o) => (spec(o)['completions'] = 4))[0] ?? '',
      /^spec\.completions: .*immutable$/,
    );
    assert.match(
      changed(r.jobs, job(), (o) => ((spec(o)['template'] as { spec: Value }).spec['hostNetwork'] = true))[0] ?? '',
      /^spec\.template: .*immutable$/,
    );
  });

  test('policies and limits of indexes', () => {
    const indexed = (spec: object) => job({ completionMode: 'Indexed', completions: 5, ...spec });
    const policy = (rule: object, spec: object = {}) => job({ podFailurePolicy: { rules: [rule] }, ...spec });
    const at = 'spec.podFailurePolicy.rules[0]';
    const exit = { operator: 'In', values: [1, 3] };
    const rows: [object, string[]][] = [
      [
        indexed({ backoffLimitPerIndex: 1, maxFailedIndexes: 2, successPolicy: { rules: [{ succeededCount: 2 }] } }),
        [],
      ],
      [policy({ action: 'FailJob', onExitCodes: { ...exit, containerName: 'c' } }), []],
      [
        job({ backoffLimitPerIndex: 1 }),
        ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
      ],
      [
        indexed({ maxFailedIndexes: 9 }),
        [
          'spec.maxFailedIndexes: Invalid value: 9: must be less than or equal to completions',
          'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
        ],
      ],
      [
        policy({ action: 'FailIndex', onExitCodes: exit }),
        [`${at}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`],
      ],
      [
        policy({ action: 'Ignore' }),
        [`${at}: Invalid value: "": specifying one of OnExitCodes and OnPodConditions is required`],
      ],
      [
        policy({ action: 'Ignore', onExitCodes: exit, onPodConditions: [{ type: 'DisruptionTarget' }] }),
        [`${at}: Invalid value: "": specifying both OnExitCodes and OnPodConditions is not supported`],
      ],
      [
        policy({ action: 'Count', onExitCodes: { operator: 'In', values: [0], containerName: 'x' } }),
        [
          `${at}.onExitCodes.containerName: Invalid value: "x": must be one of the container or initContainer names in the pod template`,
          `${at}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator`,
        ],
      ],
      [
        policy({ action: 'Odd', onExitCodes: exit }, { podReplacementPolicy: 'TerminatingOrFailed' }),
        [
          `${at}.action: Unsupported value: "Odd": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
          'spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"',
        ],
      ],
      [
        indexed({ successPolicy: { rules: [{}, { succeededIndexes: '3,1' }, { succeededIndexes: '0-9999999999' }] } }),
        [
          'spec.successPolicy.rules[0]: Required value: at least one of succeededCount or succeededIndexes must be specified',
          'spec.successPolicy.rules[1].succeededIndexes: Invalid value: "3,1": error parsing succeededIndexes',
          'spec.successPolicy.rules[2].succeededIndexes: Invalid value: "0-9999999999": must be less than completions',
        ],
      ],
    ];
    for (const [value, expected] of rows) assert.deepEqual(errors(r.jobs, value), expected);
    const pattern = policy({ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] });
    const { spec } = made(r.jobs, pattern) as { spec: batch.JobSpec };
    assert.equal(spec.podFailurePolicy?.rules[0]?.onPodConditions?.[0]?.status, 'True');
    assert.equal(spec.podReplacementPolicy, 'Failed');
    assert.deepEqual(strategyOf(r.jobs).warnings(made(r.jobs, indexed({}))), []);
  });
});

test('CronJob', () => {
  const { spec } = made(r.cronJobs, cronJob()) as { spec: Value };
  assert.deepEqual(
    [spec['concurrencyPolicy'], spec['suspend'], spec['successfulJobsHistoryLimit'], spec['failedJobsHistoryLimit']],
    ['Allow', false, 3, 1],
  );
  assert.deepEqual(errors(r.cronJobs, cronJob()), []);
  assert.deepEqual(
    errors(r.cronJobs, cronJob({ schedule: '61 * * * *', timeZone: 'Mars/Olympus', concurrencyPolicy: 'x' })),
    [
      'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
      'spec.timeZone: Invalid value: "Mars/Olympus": unknown time zone Mars/Olympus',
      'spec.concurrencyPolicy: Unsupported value: "x": supported values: "Allow", "Forbid", "Replace"',
    ],
  );
  assert.match(errors(r.cronJobs, cronJob({ schedule: 'TZ=UTC * * * * *' }))[0] ?? '', /cannot use TZ or CRON_TZ/);
  const long = made(r.cronJobs, cronJob());
  long.metadata.name = 'a'.repeat(53);
  assert.match(
    strategyOf(r.cronJobs).validateCreate(long).map(formatFieldError)[0] ?? '',
    /no more than 52 characters/,
  );
});

test('PodDisruptionBudget', () => {
  assert.deepEqual(errors(r.podDisruptionBudgets, { spec: { minAvailable: 1, selector: {} } }), []);
  const wrong = errors(r.podDisruptionBudgets, { spec: { minAvailable: '101%', maxUnavailable: -1 } });
  assert.equal(wrong.length, 3);
  assert.match(wrong[0] ?? '', /minAvailable and maxUnavailable cannot be both set/);
  assert.match(wrong[1] ?? '', /spec\.minAvailable: .* must not be greater than 100%/);
});

test('volumes, claims and classes', () => {
  const claim = { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } };
  assert.deepEqual(errors(r.persistentVolumeClaims, claim), []);
  assert.deepEqual((made(r.persistentVolumeClaims, claim) as { status: unknown }).status, { phase: 'Pending' });
  assert.deepEqual(errors(r.persistentVolumeClaims, { spec: { accessModes: ['Some'] } }), [
    'spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
    'spec.resources.requests: Required value',
  ]);
  assert.match(
    changed(r.persistentVolumeClaims, claim, (o) => ((o['spec'] as Value)['accessModes'] = []))[0] ?? '',
    /spec is immutable after creation/,
  );
  const volume = { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/a' } } };
  assert.deepEqual(errors(r.persistentVolumes, volume), []);
  assert.deepEqual(errors(r.persistentVolumes, { spec: { ...volume.spec, hostPath: undefined } }), [
    'spec: Required value: must specify a volume type',
  ]);
  assert.deepEqual(errors(r.persistentVolumes, { spec: { ...volume.spec, nfs: { server: 's', path: '/' } } }), [
    'spec.nfs: Forbidden: may not specify more than 1 volume type',
  ]);
  assert.deepEqual(errors(r.storageClasses, { provisioner: 'example.com/p' }), []);
  assert.deepEqual(errors(r.storageClasses, { provisioner: '' }), ['provisioner: Required value']);
  for (const resource of [r.persistentVolumeClaims, r.persistentVolumes, r.storageClasses]) {
    assert.deepEqual(strategyOf(resource).warnings(made(resource, {})), []);
  }
  assert.deepEqual(
    changed(
      r.persistentVolumeClaims,
      claim,
      (o) => ((o['spec'] as Value)['resources'] = { requests: { storage: '1' } }),
    ),
    ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
  );
});
