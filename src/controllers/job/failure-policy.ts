// What a pod's failure means for its job, by `podFailurePolicy`: pure.
import type { Job, Pod, batch, core } from '../../api/objects.ts';

export type FailureAction = 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';

export interface FailureVerdict {
  readonly action: FailureAction;
  /** For people; only of FailJob. */
  readonly message: string;
}

const ACTIONS: readonly string[] = ['FailJob', 'FailIndex', 'Ignore', 'Count'];
const COUNT: FailureVerdict = { action: 'Count', message: '' };

/** The first rule that fits decides; a pod that has not failed yet is none of the policy's business. */
export function judgeFailure(job: Job, pod: Pod): FailureVerdict {
  const rules = job.spec?.podFailurePolicy?.rules ?? [];
  if (pod.status?.phase !== 'Failed') return COUNT;
  for (const [index, rule] of rules.entries()) {
    // Actions of later versions are left out, as Kubernetes asks of clients.
    if (!ACTIONS.includes(rule.action)) continue;
    const why = matchOf(rule, pod);
    if (why === undefined) continue;
    return { action: rule.action as FailureAction, message: `${why} matching ${rule.action} rule at index ${index}` };
  }
  return COUNT;
}

function matchOf(rule: batch.PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace = '', name } = pod.metadata;
  if (rule.onExitCodes !== undefined) {
    const found = failedContainer(rule.onExitCodes, pod);
    if (found === undefined) return undefined;
    return `Container ${found.name} for pod ${namespace}/${name} failed with exit code ${found.state?.terminated?.exitCode}`;
  }
  const condition = (pod.status?.conditions ?? []).find((c) =>
    rule.onPodConditions?.some((pattern) => pattern.type === c.type && (pattern.status ?? 'True') === c.status),
  );
  return condition === undefined ? undefined : `Pod ${namespace}/${name} has condition ${condition.type}`;
}

function failedContainer(
  wanted: batch.PodFailurePolicyOnExitCodesRequirement,
  { status }: Pod,
): core.ContainerStatus | undefined {
  const all = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])];
  return all.find(({ name, state }) => {
    const code = state?.terminated?.exitCode;
    // A container that succeeded is no reason for a failure.
    if (code === undefined || code === 0) return false;
    if (wanted.containerName !== undefined && wanted.containerName !== name) return false;
    return wanted.values.includes(code) === (wanted.operator === 'In');
  });
}
