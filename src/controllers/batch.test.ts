// Jobs, CronJobs and disruption budgets, against the cluster in memory.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cronJobs, deployments, jobs, podDisruptionBudgets, pods } from '../api/objects.ts';
import type { Job, Unstored, batch } from '../api/objects.ts';
import { isTracked } from './job/job-tracking.ts';
import { startTestCluster, testDeployment, type TestCluster } from './testing/cluster.ts';

const template = {
  metadata: { labels: { app: 'j' } },
  spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' },
};
const job = (spec: Partial<batch.JobSpec>): Unstored<Job> => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'j', namespace: 'default' },
  spec: { completions: 1, parallelism: 1, template, ...spec },
});

/** Ends a pod that runs. */
async function end(cluster: TestCluster, phase: 'Succeeded' | 'Failed'): Promise<string> {
  const { client } = cluster;
  const pod = await cluster.until('a pod that runs', () =>
    client.objects(pods).find((p) => p.status?.phase === 'Running' && p.metadata.deletionTimestamp === undefined),
  );
  await client.resource(pods).updateStatus({ ...pod, status: { ...pod.status, phase } });
  return pod.metadata.name;
}

const jobStatus = ({ client }: TestCluster) => client.find(jobs, 'default/j')?.status;
const has = (cluster: TestCluster, type: string) =>
  jobStatus(cluster)?.conditions?.some((c) => c.type === type && c.status === 'True') === true;
/** An agent that leaves alone what has ended, until it is deleted. */
const agent: TestCluster['agent'] = ({ status, metadata }) => {
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return ended && metadata.deletionTimestamp === undefined ? 'ignore' : 'ready';
};

test('a Job runs its pods, two at a time, until enough have succeeded, through restarts of the controllers', async () => {
  await using cluster = await startTestCluster();
  cluster.agent = agent;
  const { client } = cluster;
  await client.resource(jobs).create(job({ completions: 5, parallelism: 2 }));
  let most = 0;
  for (let i = 0; i < 5; i++) {
    await end(cluster, 'Succeeded');
    if (i % 2 === 1) cluster.restartControllers();
    most = Math.max(most, client.objects(pods).filter((p) => p.status?.phase === 'Running').length);
  }
  await cluster.until('Complete', () => has(cluster, 'Complete'));
  assert.equal(jobStatus(cluster)?.succeeded, 5);
  assert.equal(client.objects(pods).length, 5);
  assert.ok(most <= 2);
  assert.deepEqual(client.objects(pods).filter(isTracked), []);
});

test('a Job counts a pod that is deleted as soon as it has ended, and fails after too many failures', async () => {
  await using cluster = await startTestCluster();
  cluster.agent = agent;
  const { client } = cluster;
  await client.resource(jobs).create(job({ backoffLimit: 0 }));
  const name = await end(cluster, 'Failed');
  await client.resource(pods).delete(name, { namespace: 'default', gracePeriodSeconds: 0 });
  await cluster.until('Failed', () => has(cluster, 'Failed'));
  assert.equal(jobStatus(cluster)?.failed, 1);
  assert.deepEqual(
    jobStatus(cluster)?.conditions?.map((c) => c.reason),
    ['BackoffLimitExceeded', 'BackoffLimitExceeded'],
  );
  await cluster.until('the pod is gone', () => client.objects(pods).length === 0);
});

test('a suspended Job runs nothing, and a Job goes with its pods after its time to live', async () => {
  await using cluster = await startTestCluster();
  cluster.agent = agent;
  const { client } = cluster;
  const api = client.resource(jobs);
  await api.create(job({ ttlSecondsAfterFinished: 0 }));
  await cluster.until('a pod', () => client.objects(pods).length === 1);
  await api.patch('j', { spec: { suspend: true } }, { type: 'merge', namespace: 'default' });
  await cluster.until('no pod', () => client.objects(pods).length === 0 && has(cluster, 'Suspended'));
  assert.equal(jobStatus(cluster)?.failed ?? 0, 0);
  await api.patch('j', { spec: { suspend: false } }, { type: 'merge', namespace: 'default' });
  await end(cluster, 'Succeeded');
  await cluster.until('nothing', () => client.objects(jobs).length === 0 && client.objects(pods).length === 0);
});

test('pods of a Job that is deleted are held by nothing', async () => {
  await using cluster = await startTestCluster();
  cluster.agent = agent;
  const { client } = cluster;
  await client.resource(jobs).create(job({}));
  await cluster.until('a pod that runs', () => client.objects(pods).some((p) => p.status?.phase === 'Running'));
  await client.resource(jobs).delete('j', { namespace: 'default', propagationPolicy: 'Background' });
  await cluster.until('nothing', () => client.objects(pods).length === 0);
});

test('a CronJob makes the job of the last time that it missed, and none twice', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  const minute = Math.floor(Date.now() / 60_000);
  const lastScheduleTime = new Date((minute - 3) * 60_000).toISOString();
  const api = client.resource(cronJobs);
  const spec = {
    schedule: '* * * * *',
    suspend: true,
    jobTemplate: { metadata: { labels: { made: 'yes' } }, spec: { template } },
  };
  const made = await api.create({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', namespace: 'default' },
    spec,
  });
  await api.updateStatus({ ...made, status: { lastScheduleTime } });
  await api.patch('c', { spec: { suspend: false } }, { type: 'merge', namespace: 'default' });
  const created = await cluster.until('a job', () => client.objects(jobs)[0]);
  assert.match(created.metadata.name, /^c-\d+$/);
  assert.equal(created.metadata.labels?.['made'], 'yes');
  await cluster.until('its mention', () => client.find(cronJobs, 'default/c')?.status?.active?.length === 1);
  cluster.restartControllers();
  await cluster.until('a pod of it', () => client.objects(pods).length > 0);
  // A minute may have passed meanwhile; no minute has two.
  assert.ok(client.objects(jobs).length <= 2);
});

test('a disruption budget follows its pods', async () => {
  await using cluster = await startTestCluster();
  const { client } = cluster;
  await client.resource(deployments).create(testDeployment('web', 3));
  const selector = { matchLabels: { app: 'web' } };
  const metadata = { name: 'b', namespace: 'default' };
  await client
    .resource(podDisruptionBudgets)
    .create({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata, spec: { maxUnavailable: 1, selector } });
  const allowed = () => client.find(podDisruptionBudgets, 'default/b')?.status?.disruptionsAllowed;
  await cluster.until('one may go', () => allowed() === 1);
  cluster.agent = () => 'unready';
  const [pod] = client.objects(pods);
  assert.ok(pod);
  await client
    .resource(pods)
    .updateStatus({ ...pod, status: { ...pod.status, conditions: [{ type: 'Ready', status: 'False' }] } });
  await cluster.until('none may go', () => allowed() === 0);
});
