import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Job, Pod, batch } from '../../api/objects.ts';
import { isTracked, trackPods, TRACKING } from './job-tracking.ts';
import { expiryMs, planJob } from './plan-job.ts';

const NOW = Date.parse('2026-01-01T12:00:00Z');
const at = (secondsAgo: number) => new Date(NOW - secondsAgo * 1000).toISOString();
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: at(600),
});

const job = (spec: Partial<batch.JobSpec> = {}, status: batch.JobStatus = { startTime: at(100) }): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: metadata('j'),
  spec: {
    parallelism: 1,
    backoffLimit: 6,
    completions: 1,
    template: { spec: { containers: [], restartPolicy: 'Never' } },
    ...spec,
  },
  status,
});

interface Given {
  phase?: string;
  tracked?: boolean;
  deleting?: boolean;
  finishedAgo?: number;
  restarts?: number;
}

const pod = (
  name: string,
  { phase = 'Running', tracked = true, deleting = false, finishedAgo, restarts = 0 }: Given = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...metadata(name),
    ...(tracked ? { finalizers: [TRACKING] } : {}),
    ...(deleting ? { deletionTimestamp: at(0) } : {}),
  },
  status: {
    phase,
    containerStatuses: [
      {
        name: 'c',
        image: 'i',
        imageID: '',
        ready: false,
        restartCount: restarts,
        ...(finishedAgo === undefined ? {} : { state: { terminated: { exitCode: 1, finishedAt: at(finishedAgo) } } }),
      },
    ],
  },
});

const plan = (j: Job, pods: readonly Pod[], settled = true) => planJob(j, pods, { now: NOW, settled });
const conditions = (status: batch.JobStatus) =>
  (status.conditions ?? []).map((c) => `${c.type}=${c.status} ${c.reason}`);

void describe('a job', () => {
  void it('makes as many pods as may run at a time and are still needed', () => {
    const cases: [Partial<batch.JobSpec>, Pod[], number][] = [
      [{}, [], 1],
      [{ completions: 5, parallelism: 2 }, [], 2],
      [{ completions: 5, parallelism: 2 }, [pod('a')], 1],
      [{ completions: 2, parallelism: 5 }, [pod('a', { phase: 'Succeeded' })], 1],
      [{ parallelism: 0 }, [], 0],
    ];
    for (const [spec, pods, create] of cases)
      assert.equal(plan(job(spec), pods).create.length, create, JSON.stringify(spec));
    assert.equal(plan(job(), [], false).create.length, 0, 'what was asked for has not been seen yet');
  });

  void it('without completions lets what runs finish after the first success', () => {
    const j = job({ parallelism: 3 });
    delete j.spec?.completions;
    const half = plan(j, [pod('a', { phase: 'Succeeded' }), pod('b')]);
    assert.deepEqual([half.create.length, half.remove.length, conditions(half.status)], [0, 0, []]);
    const done = plan(j, [pod('a', { phase: 'Succeeded' }), pod('b', { phase: 'Succeeded' })]);
    assert.deepEqual(conditions(done.status), ['SuccessCriteriaMet=True CompletionsReached']);
  });

  void it('waits longer after each failure, and gives up after too many', () => {
    const once = plan(job(), [pod('a', { phase: 'Failed', finishedAgo: 3 })]);
    assert.deepEqual([once.create.length, once.recheckMs], [0, 7000]);
    const later = plan(job(), [pod('a', { phase: 'Failed', finishedAgo: 11 })]);
    assert.equal(later.create.length, 1);
    const twice = plan(job({}, { startTime: at(100), failed: 1 }), [pod('b', { phase: 'Failed', finishedAgo: 3 })]);
    assert.equal(twice.recheckMs, 17_000);
    const over = plan(job({ backoffLimit: 0 }), [pod('a', { phase: 'Failed' }), pod('b')]);
    assert.deepEqual(conditions(over.status), ['FailureTarget=True BackoffLimitExceeded']);
    assert.deepEqual(
      over.remove.map((p) => p.metadata.name),
      ['b'],
    );
    const onFailure = { backoffLimit: 2, template: { spec: { containers: [], restartPolicy: 'OnFailure' } } };
    assert.equal(conditions(plan(job(onFailure), [pod('a', { restarts: 1 })]).status).length, 0);
    assert.deepEqual(conditions(plan(job(onFailure), [pod('a', { restarts: 2 })]).status), [
      'FailureTarget=True BackoffLimitExceeded',
    ]);
  });

  void it('fails at its deadline, and looks again when that comes', () => {
    assert.equal(plan(job({ activeDeadlineSeconds: 130 }), [pod('a')]).recheckMs, 30_000);
    const late = plan(job({ activeDeadlineSeconds: 100 }), [pod('a')]);
    assert.deepEqual(conditions(late.status), ['FailureTarget=True DeadlineExceeded']);
    assert.equal(late.remove.length, 1);
  });

  void it('runs nothing while it is suspended, and counts its time anew afterwards', () => {
    const stopped = plan(job({ suspend: true }), [pod('a')]);
    assert.deepEqual(stopped.remove.length, 1);
    assert.equal(stopped.removedCount, false, 'these are no failures');
    assert.deepEqual(conditions(stopped.status), ['Suspended=True JobSuspended']);
    const resumed = plan(job({}, stopped.status), []);
    assert.deepEqual(conditions(resumed.status), ['Suspended=False JobResumed']);
    assert.equal(Date.parse(resumed.status.startTime ?? ''), NOW);
    assert.equal(resumed.create.length, 1);
    assert.equal(plan(job({ suspend: true }, {}), []).status.startTime, undefined);
  });

  void it('takes away the youngest when fewer may run', () => {
    const young = pod('young');
    young.metadata.creationTimestamp = at(5);
    const { remove } = plan(job({ completions: 5, parallelism: 1 }), [pod('old'), young]);
    assert.deepEqual(
      remove.map((p) => p.metadata.name),
      ['young'],
    );
  });

  void it('is complete when its last pod is counted, and goes after its time to live', () => {
    const noted = plan(job(), [pod('a', { phase: 'Succeeded' })]);
    assert.deepEqual(noted.status.uncountedTerminatedPods, { succeeded: ['a'] });
    assert.deepEqual(noted.release, [], 'not before the stored status tells of it');
    const released = plan(job({}, noted.status), [pod('a', { phase: 'Succeeded' })]);
    assert.deepEqual(
      released.release.map((p) => p.metadata.name),
      ['a'],
    );
    const counted = plan(job({}, released.status), [pod('a', { phase: 'Succeeded', tracked: false })]);
    assert.equal(counted.status.succeeded, 1);
    assert.deepEqual(conditions(counted.status), [
      'SuccessCriteriaMet=True CompletionsReached',
      'Complete=True CompletionsReached',
    ]);
    assert.equal(Date.parse(counted.status.completionTime ?? ''), NOW);
    const again = plan(job({}, counted.status), [pod('a', { phase: 'Succeeded', tracked: false })]);
    assert.deepEqual([again.create.length, again.news, again.status], [0, undefined, counted.status]);
    assert.equal(expiryMs(job({ ttlSecondsAfterFinished: 60 }, counted.status)), NOW + 60_000);
    assert.equal(expiryMs(job({}, counted.status)), undefined);
  });

  void it('counts every pod exactly once, whatever happens between its steps', () => {
    const events = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4 }), fc.constantFrom('succeed', 'fail', 'remove', 'sync', 'lose')),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (steps) => {
        const pods = new Map(Array.from({ length: 5 }, (_, i) => [`p${i}`, pod(`p${i}`)]));
        const ended = new Map<string, string>();
        let status: batch.JobStatus = {};
        const sync = (crash: boolean) => {
          const before = job({}, status);
          const tracked = trackPods(before, [...pods.values()]);
          status = {
            succeeded: tracked.counted.succeeded,
            failed: tracked.counted.failed,
            uncountedTerminatedPods: {
              succeeded: [...tracked.uncounted.succeeded],
              failed: [...tracked.uncounted.failed],
            },
          };
          if (crash) return;
          for (const {
            metadata: { name },
          } of tracked.release) {
            const it = pods.get(name);
            if (it === undefined) continue;
            if (it.metadata.deletionTimestamp === undefined) delete it.metadata.finalizers;
            else pods.delete(name);
          }
        };
        for (const [i, what] of steps) {
          const name = `p${i}`;
          const it = pods.get(name);
          const ends = (how: string) => {
            if (it === undefined || ended.has(name)) return;
            ended.set(name, how);
          };
          if (what === 'succeed' && it?.status?.phase === 'Running' && !ended.has(name)) {
            ends('Succeeded');
            pods.set(name, { ...it, status: { ...it.status, phase: 'Succeeded' } });
          } else if (what === 'fail' && it?.status?.phase === 'Running' && !ended.has(name)) {
            ends('Failed');
            pods.set(name, { ...it, status: { ...it.status, phase: 'Failed' } });
          } else if (what === 'remove' && it !== undefined) {
            // Somebody deletes it: it stays as long as the finalizer does.
            ends('Failed');
            if (isTracked(it)) pods.set(name, { ...it, metadata: { ...it.metadata, deletionTimestamp: at(0) } });
            else pods.delete(name);
          } else if (what === 'sync') sync(false);
          else if (what === 'lose') sync(true);
        }
        for (let i = 0; i < 4; i++) sync(false);
        const count = (how: string) => [...ended.values()].filter((e) => e === how).length;
        assert.deepEqual([status.succeeded, status.failed], [count('Succeeded'), count('Failed')]);
        assert.deepEqual(status.uncountedTerminatedPods, { succeeded: [], failed: [] });
      }),
      { numRuns: 300 },
    );
  });
});
