// Reading a Deployment's ReplicaSets: which is the new one, what is written on them. Pure.
import type { Deployment, ReplicaSet, core } from '../../api/objects.ts';
import { sameValue } from '../runtime/canonical.ts';

export const HASH_LABEL = 'pod-template-hash';
export const REVISION = 'deployment.kubernetes.io/revision';
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** Annotations that are not handed down from a Deployment to its ReplicaSets. */
const OWN_ANNOTATIONS = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

export const desiredReplicas = (o: { spec?: { replicas?: number } }): number => o.spec?.replicas ?? 1;
export const sumReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((n, s) => n + desiredReplicas(s), 0);
export const sumAvailable = (sets: readonly ReplicaSet[]): number =>
  sets.reduce((n, s) => n + (s.status?.availableReplicas ?? 0), 0);
export const isActiveSet = (set: ReplicaSet): boolean => desiredReplicas(set) > 0;

/** Oldest first; names decide among those of the same second. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [x, y] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (x !== y) return x < y ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

function withoutHash(template: core.PodTemplateSpec | undefined): core.PodTemplateSpec {
  const { [HASH_LABEL]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

export function sameTemplate(a: core.PodTemplateSpec | undefined, b: core.PodTemplateSpec | undefined): boolean {
  return sameValue(withoutHash(a), withoutHash(b));
}

/** The set that has the Deployment's template now. Of several, which only a bug or a human makes, the oldest. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.toSorted(byAge).find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
}

export function annotationNumber(
  o: { metadata: { annotations?: Record<string, string> } },
  key: string,
): number | undefined {
  const text = o.metadata.annotations?.[key];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

export const revisionOf = (o: { metadata: { annotations?: Record<string, string> } }): number =>
  annotationNumber(o, REVISION) ?? 0;

/** What the new set's annotations have to be, given the revisions of the old ones. */
export function newSetAnnotations(
  deployment: Deployment,
  have: Readonly<Record<string, string>>,
  oldSets: readonly ReplicaSet[],
): Record<string, string> {
  const annotations: Record<string, string> = { ...have };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!OWN_ANNOTATIONS.has(key)) annotations[key] = value;
  }
  const revision = Math.max(0, ...oldSets.map(revisionOf)) + 1;
  const old = annotations[REVISION];
  const oldRevision = old !== undefined && /^\d+$/.test(old) ? Number(old) : 0;
  if (oldRevision < revision) {
    annotations[REVISION] = String(revision);
    if (oldRevision > 0) {
      const history = (annotations[REVISION_HISTORY] ?? '').split(',').filter((r) => r !== '');
      // The oldest go first, so that the annotation stays small.
      annotations[REVISION_HISTORY] = [...history, String(oldRevision)].slice(-100).join(',');
    }
  }
  return annotations;
}
