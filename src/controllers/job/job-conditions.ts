// The conditions of a job that decide how it is looked after: pure.
import type { Job, batch } from '../../api/objects.ts';

export const conditionOf = (job: Job, type: string): batch.JobCondition | undefined =>
  (job.status?.conditions ?? []).find((c) => c.type === type && c.status === 'True');

export const isFinished = (job: Job): boolean =>
  conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined;

/** Complete or failed, or about to be: nothing new runs. */
export const isDecided = (job: Job): boolean =>
  isFinished(job) ||
  conditionOf(job, 'SuccessCriteriaMet') !== undefined ||
  conditionOf(job, 'FailureTarget') !== undefined;
