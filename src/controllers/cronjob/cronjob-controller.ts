// Makes jobs at the times of a schedule.
import type { CronJob, Job } from '../../api/objects.ts';
import { cronJobs, isAlreadyExists, isNotFound, jobs } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerOf, controllerReference } from '../runtime/owners.ts';
import { isNamespaceTerminating, messageOf } from '../runtime/pod-control.ts';
import { isDeleting, timestamp } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { jobNameFor, planCronJob } from './plan-cron-job.ts';

/** Timers longer than this would overflow. */
const LONGEST_WAIT_MS = 86_400_000;

function cronJobKeyOf(job: Job): string | undefined {
  const reference = controllerOf(job);
  return reference?.kind === 'CronJob' ? objectKey(job.metadata.namespace, reference.name) : undefined;
}

export function startCronJobController(context: ControllerContext): Running {
  const { client, clock } = context;
  const informer = context.informers.of(cronJobs);
  const jobInformer = context.informers.of(jobs);
  const jobsByCronJob = indexBy(jobInformer, (job) => {
    const key = cronJobKeyOf(job);
    return key === undefined ? [] : [key];
  });
  const recorder = recorderOf(context, 'cronjob-controller');
  const api = client.resource(cronJobs);
  const jobApi = client.resource(jobs);

  jobInformer.onChange(({ before, after }) => {
    const key = cronJobKeyOf(after ?? (before as Job));
    if (key !== undefined) queue.add(key);
  });
  informer.onChange(({ key }) => queue.add(key));

  const removeJob = async (cronJob: CronJob, { metadata }: Job): Promise<void> => {
    const { name, namespace = '', uid } = metadata;
    try {
      await jobApi.delete(name, { namespace, propagationPolicy: 'Background', preconditions: { uid } });
      recorder.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  /** The job of this time; undefined when it was made before, or cannot be. */
  const createJob = async (cronJob: CronJob, scheduledMs: number): Promise<Job | undefined> => {
    const { metadata: meta = {}, spec } = cronJob.spec?.jobTemplate ?? {};
    const name = jobNameFor(cronJob, scheduledMs);
    try {
      const job = await jobApi.create({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: {
          name,
          namespace: cronJob.metadata.namespace ?? '',
          ...(meta.labels === undefined ? {} : { labels: meta.labels }),
          annotations: {
            ...meta.annotations,
            'batch.kubernetes.io/cronjob-scheduled-timestamp': timestamp(scheduledMs),
          },
          ownerReferences: [controllerReference(cronJob)],
        },
        ...(spec === undefined ? {} : { spec }),
      });
      recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${name}`);
      return job;
    } catch (e) {
      if (isAlreadyExists(e) || isNamespaceTerminating(e)) return undefined;
      recorder.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(e)}`);
      throw e;
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const cronJob = informer.items.get(key);
    if (cronJob === undefined || isDeleting(cronJob)) return;
    const mine = [...jobsByCronJob.get(key).values()].filter((j) => controllerOf(j)?.uid === cronJob.metadata.uid);
    const plan = planCronJob(cronJob, mine, clock.now());
    if (plan.warning !== undefined) recorder.event(cronJob, 'Warning', plan.warning.reason, plan.warning.message);
    await Promise.all(plan.remove.map((job) => removeJob(cronJob, job)));
    if (plan.start !== undefined) await createJob(cronJob, plan.start);
    if (!sameValue(plan.status ?? {}, cronJob.status ?? {}))
      await api.updateStatus({ ...cronJob, status: plan.status ?? {} });
    if (plan.recheckMs !== undefined) queue.addAfter(key, Math.min(plan.recheckMs, LONGEST_WAIT_MS));
  };

  const queue = startReconciler(context, { name: 'cronjob-controller', needs: [informer, jobInformer], reconcile });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
