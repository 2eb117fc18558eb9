import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CronJob, Job, batch } from '../../api/objects.ts';
import { jobNameFor, planCronJob } from './plan-cron-job.ts';

const time = (text: string) => Date.parse(`2026-01-01T${text}Z`);
const iso = (text: string) => `2026-01-01T${text}Z`;

const cronJob = (spec: Partial<batch.CronJobSpec> = {}, status: batch.CronJobStatus = {}): CronJob => ({
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  metadata: { name: 'c', namespace: 'default', uid: 'c', resourceVersion: '1', creationTimestamp: iso('08:00:30') },
  spec: {
    schedule: '*/10 * * * *',
    concurrencyPolicy: 'Allow',
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    jobTemplate: {},
    ...spec,
  },
  status,
});

const job = (name: string, condition?: 'Complete' | 'Failed', startTime = iso('08:10:00')): Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: startTime },
  status: {
    startTime,
    ...(condition === undefined
      ? {}
      : { conditions: [{ type: condition, status: 'True', lastTransitionTime: startTime }] }),
    ...(condition === 'Complete' ? { completionTime: startTime } : {}),
  },
});

void describe('a CronJob', () => {
  void it('makes a job when its time has come, and once only', () => {
    const early = planCronJob(cronJob(), [], time('08:09:59'));
    assert.deepEqual([early.start, early.recheckMs], [undefined, 1000]);
    const due = planCronJob(cronJob(), [], time('08:10:02'));
    assert.equal(due.start, time('08:10:00'));
    assert.equal(due.status?.lastScheduleTime, iso('08:10:00'));
    assert.equal(jobNameFor(cronJob(), time('08:10:00')), `c-${time('08:10:00') / 60_000}`);
    const after = planCronJob(cronJob({}, due.status), [], time('08:10:03'));
    assert.deepEqual([after.start, after.recheckMs], [undefined, 597_000]);
  });

  void it('makes up for the latest of the missed times only, unless it is too late', () => {
    const missed = planCronJob(cronJob(), [], time('09:05:00'));
    assert.equal(missed.start, time('09:00:00'));
    const late = planCronJob(cronJob({ startingDeadlineSeconds: 60 }), [], time('09:05:00'));
    assert.deepEqual([late.start, late.recheckMs], [undefined, 300_000]);
    const many = planCronJob(cronJob({ schedule: '* * * * *' }), [], time('20:00:30'));
    assert.equal(many.start, time('20:00:00'));
    assert.equal(many.warning?.reason, 'TooManyMissedTimes');
    const ages = planCronJob(cronJob({ schedule: '* * * * *' }), [], time('08:00:30') + 400 * 86_400_000);
    assert.equal(ages.start, time('08:00:00') + 400 * 86_400_000, 'a year away');
  });

  void it('does not run two at a time, or replaces the first, when it shall not', () => {
    const running = job('old');
    const allow = planCronJob(cronJob(), [running], time('08:20:01'));
    assert.deepEqual([allow.start !== undefined, allow.remove.length], [true, 0]);
    const forbid = planCronJob(cronJob({ concurrencyPolicy: 'Forbid' }), [running], time('08:20:01'));
    assert.deepEqual([forbid.start, forbid.warning?.reason], [undefined, 'JobAlreadyActive']);
    assert.deepEqual(
      forbid.status?.active?.map((r) => r.name),
      ['old'],
    );
    const replace = planCronJob(cronJob({ concurrencyPolicy: 'Replace' }), [running], time('08:20:01'));
    assert.deepEqual([replace.start, replace.remove.map((j) => j.metadata.name)], [time('08:20:00'), ['old']]);
    // When the first has ended, the time that waited is served.
    const freed = planCronJob(cronJob({ concurrencyPolicy: 'Forbid' }), [job('old', 'Complete')], time('08:25:00'));
    assert.equal(freed.start, time('08:20:00'));
  });

  void it('keeps as much history as it is told, and remembers the last success', () => {
    const jobs = ['08:10:00', '08:20:00', '08:30:00'].map((t) => job(t, 'Complete', iso(t)));
    const failed = ['08:15:00', '08:25:00'].map((t) => job(t, 'Failed', iso(t)));
    const status = { lastScheduleTime: iso('08:30:00') };
    const plan = planCronJob(
      cronJob({ successfulJobsHistoryLimit: 1 }, status),
      [...jobs, ...failed],
      time('08:31:00'),
    );
    assert.deepEqual(
      plan.remove.map((j) => j.metadata.name),
      ['08:10:00', '08:20:00', '08:15:00'],
    );
    assert.equal(plan.status?.lastSuccessfulTime, iso('08:30:00'));
  });

  void it('does nothing while it is suspended', () => {
    const plan = planCronJob(cronJob({ suspend: true }), [], time('12:00:00'));
    assert.deepEqual([plan.start, plan.recheckMs], [undefined, undefined]);
  });

  void it('goes by the clock of its time zone', () => {
    const plan = planCronJob(cronJob({ schedule: '0 18 * * *', timeZone: 'Asia/Tokyo' }), [], time('09:00:05'));
    assert.equal(plan.start, time('09:00:00'));
  });
});
