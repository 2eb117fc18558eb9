// Indexed jobs and the policies of jobs: tables of job, pods and what follows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatIndexes, parseIndexRanges, parseIndexes } from '../../api/objects.ts';
import type { Job, Pod, batch, core } from '../../api/objects.ts';
import { indexedTemplate } from './indexed-pods.ts';
import { isTracked, TRACKING } from './job-tracking.ts';
import { planJob } from './plan-job.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const at = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000).toISOString();
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: at(600),
});
const job = (spec: Partial<batch.JobSpec>, status: batch.JobStatus = { startTime: at(100) }): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: metadata('j'),
  spec: {
    parallelism: 2,
    completions: 4,
    completionMode: 'Indexed',
    backoffLimit: 6,
    template: { spec: { containers: [], restartPolicy: 'Never' } },
    ...spec,
  },
  status,
});

interface Given {
  phase?: string;
  exitCode?: number;
  failures?: number;
  endedAgo?: number;
  conditions?: core.PodCondition[];
}
const pod = (index: number | undefined, name: string, given: Given = {}): Pod => {
  const { phase = 'Running', exitCode = 1, failures, endedAgo = 3600, conditions = [] } = given;
  const finishedAt = at(endedAgo);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata(name),
      finalizers: [TRACKING],
      annotations: {
        ...(index === undefined ? {} : { 'batch.kubernetes.io/job-completion-index': String(index) }),
        ...(failures === undefined ? {} : { 'batch.kubernetes.io/job-index-failure-count': String(failures) }),
      },
    },
    status: {
      phase,
      conditions,
      containerStatuses: [
        {
          name: 'c',
          image: 'i',
          imageID: '',
          ready: false,
          restartCount: 0,
          ...(phase === 'Failed' ? { state: { terminated: { exitCode, finishedAt } } } : {}),
        },
      ],
    },
  };
};
const failed = (index: number | undefined, name: string, given: Given = {}) =>
  pod(index, name, { phase: 'Failed', ...given });
const done = (index: number, name: string) => pod(index, name, { phase: 'Succeeded' });
const plan = (j: Job, pods: readonly Pod[]) => planJob(j, pods, { now: NOW, settled: true });
const indexes = (j: Job, pods: readonly Pod[]) => plan(j, pods).create.map((w) => w.index);
const verdict = (j: Job, pods: readonly Pod[]) =>
  (plan(j, pods).status.conditions ?? []).map((c) => `${c.type} ${c.reason}: ${c.message}`);
const names = (pods: readonly Pod[]) => pods.map((p) => p.metadata.name);

void describe('lists of indexes', () => {
  void it('are written as ranges and read again', () => {
    assert.equal(formatIndexes([5, 1, 3, 4, 8, 9]), '1,3-5,8,9');
    assert.equal(formatIndexes([]), '');
    const sets = fc.uniqueArray(fc.integer({ min: 0, max: 60 }));
    fc.assert(
      fc.property(sets, (list) => {
        assert.deepEqual(
          [...parseIndexes(formatIndexes(list), 100)],
          list.toSorted((a, b) => a - b),
        );
      }),
    );
    for (const bad of ['x', '1-', '-1', '3-2', '2-2', '1,1', '3,1', '01', '1, 2']) {
      assert.equal(parseIndexRanges(bad), undefined, bad);
    }
    assert.equal(parseIndexes('0-9999999999', 3).size, 3, 'no further than asked');
  });
});

void describe('an Indexed job', () => {
  void it('runs the lowest indexes that are neither done nor under way', () => {
    assert.deepEqual(indexes(job({}), []), [0, 1]);
    assert.deepEqual(indexes(job({}), [pod(1, 'b')]), [0]);
    assert.deepEqual(indexes(job({}), [done(0, 'a'), pod(1, 'b')]), [2]);
    assert.deepEqual(indexes(job({}, { startTime: at(9), completedIndexes: '0-2', succeeded: 3 }), []), [3]);
    assert.deepEqual(indexes(job({ parallelism: 0 }), []), []);
  });

  void it('keeps one pod an index, and none that is no index of its own', () => {
    const twice = plan(job({}), [pod(0, 'a'), pod(0, 'b'), pod(7, 'c'), pod(undefined, 'd')]);
    assert.deepEqual(names(twice.remove).toSorted(), ['b', 'c', 'd']);
    assert.deepEqual(
      twice.create.map((w) => w.index),
      [1],
    );
  });

  void it('notes its indexes before it lets go of their pods, and is complete when all are there', () => {
    const j = job({ completions: 2 });
    const first = plan(j, [done(0, 'a'), pod(1, 'b')]);
    assert.deepEqual([first.status.completedIndexes, first.status.succeeded, first.release], ['0', 1, []]);
    const second = plan(job({ completions: 2 }, first.status), [done(0, 'a'), pod(1, 'b')]);
    assert.deepEqual(names(second.release), ['a']);
    const last = plan(job({ completions: 2 }, second.status), [done(1, 'b')]);
    assert.equal(last.status.completedIndexes, '0,1');
    assert.ok(last.status.conditions?.some((c) => c.type === 'Complete'));
    const over = plan(job({ completions: 2 }, last.status), [done(1, 'b')]);
    assert.deepEqual([names(over.release), over.status], [['b'], last.status]);
  });

  void it('gives each pod its index', () => {
    const template = {
      metadata: { labels: { app: 'x' } },
      spec: {
        containers: [{ name: 'c', env: [{ name: 'A', value: '1' }] }],
        initContainers: [{ name: 'i', env: [{ name: 'JOB_COMPLETION_INDEX', value: 'mine' }] }],
      },
    };
    const made = indexedTemplate(job({}), template, { index: 3, failures: { counted: 2, ignored: 1 } });
    const key = 'batch.kubernetes.io/job-completion-index';
    assert.equal(made.prefix, 'j-3-');
    assert.equal(made.template.spec?.hostname, 'j-3');
    assert.deepEqual(made.template.metadata, {
      labels: { app: 'x', [key]: '3' },
      annotations: {
        [key]: '3',
        'batch.kubernetes.io/job-index-failure-count': '2',
        'batch.kubernetes.io/job-index-ignored-failure-count': '1',
      },
    });
    assert.deepEqual(made.template.spec?.containers[0]?.env, [
      { name: 'A', value: '1' },
      { name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef: { fieldPath: `metadata.labels['${key}']` } } },
    ]);
    assert.deepEqual(made.template.spec?.initContainers?.[0]?.env, template.spec.initContainers[0]?.env);
    assert.deepEqual(indexedTemplate(job({}), template, {}), { template, prefix: 'j-' });
  });
});

void describe('a limit per index', () => {
  const limited = (spec: Partial<batch.JobSpec> = {}, status?: batch.JobStatus) =>
    job({ backoffLimitPerIndex: 1, backoffLimit: 2_147_483_647, ...spec }, status);

  void it('keeps the last failed pod of an index until its successor carries the count', () => {
    const waiting = plan(limited(), [failed(0, 'a', { endedAgo: 3 }), pod(1, 'b')]);
    assert.deepEqual([waiting.create, waiting.recheckMs, waiting.status.failed], [[], 7000, undefined]);
    assert.deepEqual(waiting.status.uncountedTerminatedPods, {});
    const again = plan(limited(), [failed(0, 'a'), pod(1, 'b')]);
    assert.deepEqual(again.create, [{ index: 0, failures: { counted: 1, ignored: 0 } }]);
    const replaced = plan(limited(), [failed(0, 'a'), pod(0, 'a2', { failures: 1 }), pod(1, 'b')]);
    assert.deepEqual(replaced.status.uncountedTerminatedPods, { failed: ['a'] });
  });

  void it('gives an index up, goes on with the others, and has failed at the end', () => {
    const one = plan(limited(), [failed(0, 'a', { failures: 1 }), pod(1, 'b')]);
    assert.equal(one.status.failedIndexes, '0');
    assert.deepEqual(
      one.create.map((w) => w.index),
      [2],
    );
    const status = { startTime: at(9), completedIndexes: '1-3', succeeded: 3, failedIndexes: '' };
    const end = limited({}, status);
    assert.deepEqual(verdict(end, [failed(0, 'a', { failures: 1 })]), [
      'FailureTarget FailedIndexes: Job has failed indexes',
    ]);
    const tooMany = limited({ maxFailedIndexes: 1 });
    assert.deepEqual(verdict(tooMany, [failed(0, 'a', { failures: 1 }), failed(1, 'b', { failures: 1 })]), [
      'FailureTarget MaxFailedIndexesExceeded: Job has exceeded the specified maximal number of failed indexes',
    ]);
  });

  void it('of a job that has failed counts the last failures too', () => {
    let j = limited({ completions: 2, maxFailedIndexes: 0 });
    let pods = [failed(0, 'a', { failures: 1 }), failed(1, 'b')];
    for (let i = 0; i < 6; i++) {
      const { status, release } = plan(j, pods);
      const ended = status.conditions?.some((c) => c.type === 'Failed') === true;
      assert.ok(!ended || status.failed === 2, 'not before both are counted');
      j = { ...j, status };
      pods = pods.map((p) => (release.includes(p) ? { ...p, metadata: { ...p.metadata, finalizers: [] } } : p));
    }
    assert.deepEqual([j.status?.failed, pods.filter(isTracked)], [2, []]);
  });
});

void describe('a failure policy', () => {
  const rules = (...list: batch.PodFailurePolicyRule[]) => ({
    completionMode: 'NonIndexed',
    podFailurePolicy: { rules: list },
    podReplacementPolicy: 'Failed',
  });
  const codes = (action: string, operator: string, values: number[], containerName?: string) => ({
    action,
    onExitCodes: { operator, values, ...(containerName === undefined ? {} : { containerName }) },
  });
  const disrupted = { type: 'DisruptionTarget', status: 'True' };

  void it('ends the job, ignores, or counts, by the first rule that fits', () => {
    const failJob = job(rules(codes('FailJob', 'In', [42], 'c')));
    assert.deepEqual(verdict(failJob, [failed(undefined, 'a', { exitCode: 42 })]), [
      'FailureTarget PodFailurePolicy: Container c for pod default/a failed with exit code 42 matching FailJob rule at index 0',
    ]);
    assert.deepEqual(verdict(failJob, [failed(undefined, 'a', { exitCode: 1 })]), []);
    assert.deepEqual(
      verdict(job(rules(codes('FailJob', 'In', [42], 'other'))), [failed(undefined, 'a', { exitCode: 42 })]),
      [],
    );
    const byCondition = job(rules(codes('Count', 'In', [7]), { action: 'FailJob', onPodConditions: [disrupted] }));
    assert.deepEqual(verdict(byCondition, [failed(undefined, 'a', { conditions: [disrupted] })]), [
      'FailureTarget PodFailurePolicy: Pod default/a has condition DisruptionTarget matching FailJob rule at index 1',
    ]);
    assert.deepEqual(verdict(byCondition, [failed(undefined, 'a', { exitCode: 7, conditions: [disrupted] })]), []);
    const except = job(rules(codes('FailJob', 'NotIn', [3])));
    assert.deepEqual(verdict(except, [failed(undefined, 'a', { exitCode: 3 })]), []);
    assert.equal(verdict(except, [failed(undefined, 'a', { exitCode: 4 })]).length, 1);
  });

  void it('does not count what it ignores, though the next pod waits', () => {
    const j = job({ ...rules({ action: 'Ignore', onPodConditions: [disrupted] }), backoffLimit: 0, completions: 1 });
    const ignored = plan(j, [failed(undefined, 'a', { conditions: [disrupted], endedAgo: 4 })]);
    assert.deepEqual([names(ignored.release), ignored.status.failed, ignored.recheckMs], [['a'], undefined, 6000]);
    assert.deepEqual(verdict(j, [failed(undefined, 'a')]), [
      'FailureTarget BackoffLimitExceeded: Job has reached the specified backoff limit',
    ]);
  });

  void it('may give up one index only', () => {
    const { podFailurePolicy } = rules(codes('FailIndex', 'In', [42]));
    const j = job({ backoffLimitPerIndex: 5, podFailurePolicy });
    assert.equal(plan(j, [failed(2, 'a', { exitCode: 42 })]).status.failedIndexes, '2');
    assert.equal(plan(j, [failed(2, 'a', { exitCode: 41 })]).status.failedIndexes, '');
  });
});

void describe('a success policy', () => {
  void it('is enough; what still runs is ended and is no failure', () => {
    const policy = (...list: batch.SuccessPolicyRule[]) => job({ successPolicy: { rules: list } });
    const rows: [Job, number[], string | undefined][] = [
      [policy({ succeededCount: 2 }), [0], undefined],
      [policy({ succeededCount: 2 }), [0, 3], 'Matched rules at index 0'],
      [policy({ succeededIndexes: '2-3' }), [2], undefined],
      [policy({ succeededIndexes: '2-3', succeededCount: 1 }), [2], 'Matched rules at index 0'],
      [policy({ succeededIndexes: '1' }, { succeededIndexes: '2,3' }), [2, 3], 'Matched rules at index 1'],
    ];
    for (const [j, list, message] of rows) {
      const pods = list.map((i) => done(i, `p${i}`));
      const expected = message === undefined ? [] : [`SuccessCriteriaMet SuccessPolicy: ${message}`];
      assert.deepEqual(verdict(j, [...pods, pod(1, 'running')]), expected);
    }
    const met = plan(policy({ succeededIndexes: '0' }), [done(0, 'a'), pod(1, 'b')]);
    assert.deepEqual([names(met.remove), met.removedCount], [['b'], false]);
  });
});
