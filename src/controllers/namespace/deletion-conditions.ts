// What keeps a namespace from going, as conditions on it: pure.
import type { KubeObject, Resource, core } from '../../api/objects.ts';
import { timestamp } from '../runtime/pod-state.ts';

export interface Remaining {
  resource: Resource;
  objects: readonly KubeObject[];
}

type Condition = core.NamespaceCondition;

/** All five conditions; those that did not change keep their time. */
export function remainingConditions(
  previous: readonly Condition[],
  remaining: readonly Remaining[],
  failures: readonly string[],
  nowMs: number,
): Condition[] {
  const finalizers = new Map<string, number>();
  for (const { objects } of remaining) {
    for (const object of objects) {
      for (const f of object.metadata.finalizers ?? []) finalizers.set(f, (finalizers.get(f) ?? 0) + 1);
    }
  }
  const kinds = remaining.map(({ resource, objects }) => {
    const group = resource.group === '' ? '' : `.${resource.group}`;
    return `${resource.plural}${group} has ${objects.length} resource instances`;
  });
  const waits = [...finalizers].map(([name, n]) => `${name} in ${n} resource instances`);
  const failed = failures.length > 0;
  const rows: [type: string, on: boolean, reason: string, message: string][] = [
    ['NamespaceDeletionDiscoveryFailure', false, 'ResourcesDiscovered', 'All resources successfully discovered'],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    failed
      ? [
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(', ')}`,
        ]
      : [
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ],
    kinds.length > 0
      ? [
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${kinds.toSorted().join(', ')}`,
        ]
      : ['NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'],
    waits.length > 0
      ? [
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${waits.toSorted().join(', ')}`,
        ]
      : ['NamespaceFinalizersRemaining', false, 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
  ];
  return rows.map(([type, on, reason, message]) => {
    const status = on ? 'True' : 'False';
    const known = previous.find((c) => c.type === type);
    const lastTransitionTime =
      known?.status === status && known.lastTransitionTime !== undefined ? known.lastTransitionTime : timestamp(nowMs);
    return { type, status, lastTransitionTime, reason, message };
  });
}
