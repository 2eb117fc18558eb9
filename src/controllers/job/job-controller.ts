// Runs the pods of jobs until enough have succeeded.
import type { Job, Pod } from '../../api/objects.ts';
import { isNotFound, jobs, pods } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { Expectations } from '../runtime/expectations.ts';
import { controllerOf } from '../runtime/owners.ts';
import { createPodControl, isNamespaceTerminating } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { isTracked, TRACKING } from './job-tracking.ts';
import { indexedTemplate, type WantedPod } from './indexed-pods.ts';
import { isFinished } from './job-conditions.ts';
import { expiryMs, planJob, type JobPlan } from './plan-job.ts';

/** Key of the job that a pod names as its controller, whether there is one or not. */
function jobKeyOf(pod: Pod): string | undefined {
  const reference = controllerOf(pod);
  return reference?.kind === 'Job' ? objectKey(pod.metadata.namespace, reference.name) : undefined;
}

export function startJobController(context: ControllerContext): Running {
  const { client, clock } = context;
  const log = context.log.with({ controller: 'job-controller' });
  const jobInformer = context.informers.of(jobs);
  const podInformer = context.informers.of(pods);
  const podsByJob = indexBy(podInformer, (pod) => {
    const key = jobKeyOf(pod);
    return key === undefined ? [] : [key];
  });
  const recorder = recorderOf(context, 'job-controller');
  const control = createPodControl(client, recorder);
  const jobApi = client.resource(jobs);
  const podApi = client.resource(pods);
  const expectations = new Expectations(clock);
  /** Version of a job that our last write made: an older copy knows less than its pods do. */
  const written = new Map<string, number>();

  podInformer.onChange(({ before, after }) => {
    const key = jobKeyOf(after ?? (before as Pod));
    if (key === undefined) return;
    if (before === undefined) expectations.creationSeen(key);
    queue.add(key);
  });
  jobInformer.onChange(({ key, after }) => {
    if (after === undefined) {
      expectations.forget(key);
      written.delete(key);
    }
    queue.add(key);
  });

  const release = async (pod: Pod): Promise<void> => {
    const { name, namespace = '', uid, finalizers = [] } = pod.metadata;
    const rest = finalizers.filter((f) => f !== TRACKING);
    try {
      const metadata = { uid, resourceVersion: pod.metadata.resourceVersion, finalizers: rest };
      await podApi.patch(name, { metadata }, { type: 'merge', namespace });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  /** Pods of a job that is no more: nobody will count them, and nothing may hold them. */
  const releaseOrphans = async (key: string, uid: string | undefined): Promise<void> => {
    const orphans = [...podsByJob.get(key).values()].filter((p) => isTracked(p) && controllerOf(p)?.uid !== uid);
    await Promise.all(orphans.map(release));
  };

  const createPods = async (key: string, job: Job, wanted: readonly WantedPod[]): Promise<void> => {
    const { template } = job.spec ?? {};
    if (template === undefined) return;
    const { finalizers = [] } = template.metadata ?? {};
    const tracked = { ...template, metadata: { ...template.metadata, finalizers: [...finalizers, TRACKING] } };
    const count = wanted.length;
    expectations.expectCreations(key, count);
    let tried = 0;
    const { error } = await slowStart(count, async () => {
      const made = indexedTemplate(job, tracked, wanted[tried] ?? {});
      tried++;
      try {
        await control.create(job, made.template, made.prefix);
      } catch (e) {
        expectations.creationSeen(key);
        throw e;
      }
    });
    for (let skipped = tried; skipped < count; skipped++) expectations.creationSeen(key);
    if (error !== undefined && !isNamespaceTerminating(error)) throw error;
  };

  const removePods = (job: Job, plan: JobPlan): Promise<unknown> =>
    Promise.all(
      plan.remove.map(async (pod) => {
        if (!plan.removedCount && isTracked(pod)) await release(pod);
        await control.delete(job, pod);
      }),
    );

  const reconcile = async (key: string): Promise<void> => {
    const job = jobInformer.items.get(key);
    await releaseOrphans(key, job?.metadata.uid);
    if (job === undefined) return;
    const mine = [...podsByJob.get(key).values()].filter((p) => controllerOf(p)?.uid === job.metadata.uid);
    // Somebody else's to look after.
    if ((job.spec?.managedBy ?? 'kubernetes.io/job-controller') !== 'kubernetes.io/job-controller') return;
    if (isDeleting(job)) {
      await Promise.all(mine.filter(isTracked).map(release));
      return;
    }
    if (Number(job.metadata.resourceVersion) < (written.get(key) ?? 0)) return;
    const now = clock.now();
    const plan = planJob(job, mine, { now, settled: expectations.satisfied(key) });
    // The status first: a finalizer may go only when the stored status tells of its pod.
    if (!sameValue(plan.status, job.status)) {
      const stored = await jobApi.updateStatus({ ...job, status: plan.status });
      written.set(key, Number(stored.metadata.resourceVersion));
      if (plan.news !== undefined) recorder.event(job, plan.news.type, plan.news.reason, plan.news.message);
    }
    await Promise.all(plan.release.map(release));
    await removePods(job, plan);
    if (plan.create.length > 0) await createPods(key, job, plan.create);
    if (plan.recheckMs !== undefined) queue.addAfter(key, plan.recheckMs);
    if (isFinished(job)) await expire(key, job, now);
  };

  const expire = async (key: string, job: Job, now: number): Promise<void> => {
    const at = expiryMs(job);
    if (at === undefined) return;
    if (at > now) return queue.addAfter(key, at - now);
    const { name, namespace = '', uid } = job.metadata;
    try {
      await jobApi.delete(name, { namespace, propagationPolicy: 'Background', preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  const queue = startReconciler(context, {
    name: 'job-controller',
    needs: [jobInformer, podInformer],
    reconcile,
  });
  log.debug('started');
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
