// The eviction subresource: deletes a pod the way a drain does, if the disruption budgets of the pod allow it.
import {
  conflict,
  isConflict,
  labelSelectorMatches,
  notFound,
  podDisruptionBudgets,
  StatusError,
  strategyOf,
  tooManyRequests,
  type ApiObject,
  type Pod,
  type PodDisruptionBudget,
} from '../../api/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import { checkName } from '../request/body-target.ts';
import { readObject } from '../request/decode-request.ts';
import { isDryRun, type ResourceRequest } from '../request/resource-request.ts';
import { deleteObject, type DeleteOptions } from './delete.ts';
import { timestamp, type VerbDeps } from './deps.ts';
import { updateObject } from './update.ts';

/** A controller that has not seen a change of the budget yet is given this long. */
const RETRY_SECONDS = 10;
/** Beyond this many evictions at once that have not led to a deletion, something is wrong. */
const MAX_DISRUPTED = 2000;

/** @throws StatusError 429 when a budget forbids it. */
export async function evictPod(deps: VerbDeps, request: ResourceRequest): Promise<void> {
  const eviction = await readObject(request, { apiVersion: 'policy/v1', kind: 'Eviction' });
  checkName(request, eviction);
  const options = (eviction['deleteOptions'] ?? {}) as DeleteOptions;
  const entry = await deps.store.get(storageKey(request.resource, request.namespace, request.name));
  if (entry === undefined) throw notFound(request.resource, request.name);
  const pod = storedObject(entry).object as Pod;
  if (isProtected(pod)) {
    const budgets = await budgetsOf(deps, pod);
    const [budget, second] = budgets;
    if (second !== undefined) {
      const why = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
      throw new StatusError(500, 'InternalError', why);
    }
    if (budget !== undefined && !mayGoUnready(pod, budget)) {
      const dry = isDryRun(request.query) || options.dryRun?.includes('All') === true;
      await takeFrom(deps, request, budget, dry);
    }
  }
  await deleteObject(deps, { ...request, subresource: '' }, options);
}

/** A pod that has ended, has not begun or is leaving already disrupts nothing. */
function isProtected({ metadata, status }: Pod): boolean {
  const phase = status?.phase ?? 'Pending';
  return phase === 'Running' && metadata.deletionTimestamp === undefined;
}

async function budgetsOf(deps: VerbDeps, pod: Pod): Promise<PodDisruptionBudget[]> {
  const page = await deps.store.list(keyPrefix(podDisruptionBudgets, pod.metadata.namespace));
  return page.entries
    .map((entry) => storedObject(entry).object as PodDisruptionBudget)
    .filter(
      ({ spec }) => spec?.selector !== undefined && labelSelectorMatches(spec.selector, pod.metadata.labels ?? {}),
    );
}

/** A pod that is not ready is missed by nobody, as long as enough others are. */
function mayGoUnready(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true) return false;
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function refused({ metadata, status }: PodDisruptionBudget): StatusError {
  const failure = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.");
  const message = `The disruption budget ${metadata.name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`;
  return new StatusError(429, 'TooManyRequests', failure.message, {
    causes: [{ reason: 'DisruptionBudget', message }],
  });
}

/** One disruption less is allowed from now on; the controller sets it right when it has seen the pod go. */
async function takeFrom(
  deps: VerbDeps,
  request: ResourceRequest,
  budget: PodDisruptionBudget,
  dry: boolean,
): Promise<void> {
  const take = (current: PodDisruptionBudget): PodDisruptionBudget => {
    const { metadata, status } = current;
    if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
      throw tooManyRequests(
        `Cannot evict pod as it would violate the pod's disruption budget. The disruption budget ${metadata.name} is still being processed by the server.`,
        RETRY_SECONDS,
      );
    }
    if ((status?.disruptionsAllowed ?? 0) <= 0) throw refused(current);
    if (Object.keys(status?.disruptedPods ?? {}).length > MAX_DISRUPTED) {
      throw new StatusError(
        403,
        'Forbidden',
        'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
      );
    }
    const disruptedPods = { ...status?.disruptedPods, [request.name]: timestamp(deps.clock) };
    return {
      ...current,
      status: {
        currentHealthy: 0,
        desiredHealthy: 0,
        expectedPods: 0,
        ...status,
        disruptionsAllowed: (status?.disruptionsAllowed ?? 1) - 1,
        disruptedPods,
      },
    };
  };
  if (dry) return void take(budget);
  const { name, namespace = '' } = budget.metadata;
  const of: ResourceRequest = {
    ...request,
    resource: podDisruptionBudgets,
    strategy: strategyOf(podDisruptionBudgets),
    name,
    namespace,
    subresource: 'status',
  };
  try {
    await updateObject(deps, of, {
      mode: 'server',
      next: (current) => take(current as unknown as PodDisruptionBudget) as unknown as ApiObject,
    });
  } catch (error) {
    if (isConflict(error)) throw conflict(request.resource, request.name);
    throw error;
  }
}
