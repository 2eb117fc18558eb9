// Quality-of-service class and resource bounds from requests and limits. Pure.
import type { core, Pod } from '../../api/objects.ts';
import type { ResourceLimits } from '../runtime/contract.ts';
import { specOf } from './pod-spec.ts';

const SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}; // prettier-ignore

/** `500m` → 0.5, `1Gi` → 1073741824. Validation is the API server's; what is no quantity counts as absent. */
export function quantityValue(text: string | number | undefined): number | undefined {
  if (text === undefined) return undefined;
  const m = /^([+-]?\d*\.?\d+|[+-]?\d+\.)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(String(text));
  if (m === null) return undefined;
  if (m[2] !== undefined) return Number(`${m[1]}${m[2]}`);
  return Number(m[1]) * (SUFFIX[m[3] ?? ''] ?? 1);
}

export function resourceLimits(c: core.Container): ResourceLimits {
  const cpu = quantityValue(c.resources?.limits?.['cpu']);
  const request = quantityValue(c.resources?.requests?.['cpu']);
  const memory = quantityValue(c.resources?.limits?.['memory']);
  return {
    ...(cpu === undefined || cpu === 0 ? {} : { cpuMillis: Math.ceil(cpu * 1000) }),
    ...(request === undefined || request === 0 ? {} : { cpuRequestMillis: Math.ceil(request * 1000) }),
    ...(memory === undefined || memory === 0 ? {} : { memoryBytes: Math.ceil(memory) }),
  };
}

const RESOURCES = ['cpu', 'memory'] as const;

export function qosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const spec = specOf(pod);
  const all = [...(spec.initContainers ?? []), ...spec.containers];
  const value = (c: core.Container, kind: 'requests' | 'limits', r: string) =>
    quantityValue(c.resources?.[kind]?.[r]) ?? 0;
  const any = all.some((c) => RESOURCES.some((r) => value(c, 'requests', r) > 0 || value(c, 'limits', r) > 0));
  if (!any) return 'BestEffort';
  const guaranteed = all.every((c) =>
    RESOURCES.every((r) => {
      const limit = value(c, 'limits', r);
      const request = c.resources?.requests?.[r] === undefined ? limit : value(c, 'requests', r);
      return limit > 0 && request === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/**
 * kubelet's rule, but for Guaranteed: below 0 an agent without CAP_SYS_RESOURCE cannot go.
 * @example a Burstable container that asks for half of the memory: 500
 */
export function oomScoreAdj(pod: Pod, c: core.Container, nodeMemory: number): number {
  const qos = qosClass(pod);
  if (qos === 'Guaranteed') return 0;
  if (qos === 'BestEffort') return 1000;
  const request =
    quantityValue(c.resources?.requests?.['memory']) ?? quantityValue(c.resources?.limits?.['memory']) ?? 0;
  return Math.min(999, Math.max(3, 1000 - Math.floor((1000 * request) / nodeMemory)));
}
