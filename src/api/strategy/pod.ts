// Pod: life of the object. Defaults: pod-defaults.ts; rules: pod-validation.ts.
import { compareQuantities } from '../quantity.ts';
import { pods } from '../resources.ts';
import type { core } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { applyPodDefaults } from './pod-defaults.ts';
import { validatePod, validatePodStatusUpdate, validatePodUpdate } from './pod-validation.ts';
import { podWarnings } from './pod-warnings.ts';

export const podStrategy = defineStrategy<core.Pod>({
  resource: pods,
  schema: 'core.Pod',
  returnsObjectOnDelete: true,
  hasGeneration: true,
  applyDefaults: applyPodDefaults,
  prepareForCreate(draft) {
    draft.status = { phase: 'Pending', qosClass: qosClassOf(draft) };
    if ((draft.spec?.schedulingGates ?? []).length > 0) {
      draft.status.conditions = [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ];
    }
  },
  validate: validatePod,
  validateUpdate: validatePodUpdate,
  validateStatusUpdate: validatePodStatusUpdate,
  warnings: podWarnings,
  gracePeriodSeconds(pod, asked) {
    const phase = pod.status?.phase;
    if ((pod.spec?.nodeName ?? '') === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
    const seconds = asked ?? pod.spec?.terminationGracePeriodSeconds ?? 30;
    return seconds < 0 ? 1 : seconds;
  },
  selectableFields: (p) => ({
    'spec.nodeName': p.spec?.nodeName ?? '',
    'spec.restartPolicy': p.spec?.restartPolicy ?? '',
    'spec.schedulerName': p.spec?.schedulerName ?? '',
    'spec.serviceAccountName': p.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': String(p.spec?.hostNetwork ?? false),
    'status.phase': p.status?.phase ?? '',
    'status.podIP': p.status?.podIP ?? '',
    'status.podIPs': (p.status?.podIPs ?? []).map((i) => i.ip).join(','),
    'status.nominatedNodeName': p.status?.nominatedNodeName ?? '',
  }),
});

/** Guaranteed: every container's cpu and memory limits equal its requests. BestEffort: nothing asked for. */
export function qosClassOf(pod: core.Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const names = ['cpu', 'memory'];
  const asked = (list: Record<string, string> | undefined): string[] =>
    names.filter((n) => list?.[n] !== undefined && compareQuantities(list[n] ?? '0', '0') > 0);
  if (containers.every((c) => asked(c.resources?.requests).length + asked(c.resources?.limits).length === 0)) {
    return 'BestEffort';
  }
  const guaranteed = containers.every((c) => {
    const { requests, limits } = c.resources ?? {};
    return names.every(
      (n) => limits?.[n] !== undefined && compareQuantities(requests?.[n] ?? limits[n] ?? '0', limits[n] ?? '0') === 0,
    );
  });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
