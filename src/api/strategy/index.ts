// The strategy of every kind: one row each.
import type { Resource } from '../resources.ts';
import type { KindStrategy } from './contract.ts';
import { certificateStrategies } from './certificates.ts';
import { batchStrategies } from './batch.ts';
import { configurationStrategies } from './configuration.ts';
import { eventStrategies } from './event.ts';
import { limitRangeStrategy } from './limit-range.ts';
import { namespaceStrategy } from './namespace.ts';
import { networkingStrategies } from './networking.ts';
import { nodeStrategy } from './node.ts';
import { podStrategy } from './pod.ts';
import { policyStrategies } from './policy.ts';
import { priorityClassStrategy } from './priority-class.ts';
import { rbacStrategies } from './rbac.ts';
import { serviceBackendStrategies } from './service-backends.ts';
import { serviceStrategy } from './service.ts';
import { storageStrategies } from './storage.ts';
import { workloadStrategies } from './workloads.ts';

const strategies: readonly KindStrategy[] = [
  namespaceStrategy,
  nodeStrategy,
  podStrategy,
  serviceStrategy,
  ...serviceBackendStrategies,
  ...configurationStrategies,
  limitRangeStrategy,
  ...eventStrategies,
  ...workloadStrategies,
  ...batchStrategies,
  ...policyStrategies,
  priorityClassStrategy,
  ...storageStrategies,
  ...networkingStrategies,
  ...certificateStrategies,
  ...rbacStrategies,
];

const keyOf = (r: Pick<Resource, 'group' | 'version' | 'kind'>): string => `${r.group}/${r.version}/${r.kind}`;
const byKind = new Map(strategies.map((s) => [keyOf(s.resource), s]));

/** The rules of a resource of the table. */
export function strategyOf(resource: Pick<Resource, 'group' | 'version' | 'kind'>): KindStrategy {
  const found = byKind.get(keyOf(resource));
  if (found === undefined) {
    throw new Error(`no strategy for ${keyOf(resource)}; add a row under src/api/strategy`);
  }
  return found;
}
