// The claims of a StatefulSet's pods: their names, their content, and to whom they belong. Pure.
import type { PersistentVolumeClaim, Pod, StatefulSet, Unstored, core } from '../../api/objects.ts';
import { controllerReference } from '../runtime/owners.ts';
import type { OwnerReference } from '../runtime/owners.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';
import { podNameOf } from './stateful-pod.ts';

const templatesOf = (set: StatefulSet): core.PersistentVolumeClaim[] => set.spec?.volumeClaimTemplates ?? [];

export const claimNameFor = (template: core.PersistentVolumeClaim, set: StatefulSet, ordinal: number): string =>
  `${template.metadata?.name ?? ''}-${podNameOf(set, ordinal)}`;

/** The claims that the pod of this number needs. */
export function claimsFor(set: StatefulSet, ordinal: number): Unstored<PersistentVolumeClaim>[] {
  return templatesOf(set).map((template) => {
    const { annotations, labels } = template.metadata ?? {};
    return {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: claimNameFor(template, set, ordinal),
        namespace: set.metadata.namespace ?? '',
        labels: { ...labels, ...set.spec?.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: template.spec ?? {},
    };
  });
}

/** The template with a volume for each claim; it takes the place of a volume of the same name. */
export function withClaims(set: StatefulSet, template: PodTemplate, ordinal: number): PodTemplate {
  const templates = templatesOf(set);
  if (templates.length === 0) return template;
  const volumes = templates.map((t) => ({
    name: t.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimNameFor(t, set, ordinal) },
  }));
  const others = (template.spec?.volumes ?? []).filter((v) => !volumes.some((own) => own.name === v.name));
  return { ...template, spec: { ...(template.spec ?? { containers: [] }), volumes: [...volumes, ...others] } };
}

/**
 * Whom the claim should belong to by `persistentVolumeClaimRetentionPolicy`; undefined: it is as it should be.
 * A claim of the set goes with the set, one of a pod that is scaled away goes with the pod.
 */
export function ownersToSet(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  pod: Pod,
  isScaledAway: boolean,
): OwnerReference[] | undefined {
  const { ownerReferences: present = [] } = claim.metadata;
  const others = present.filter((r) => r.uid !== set.metadata.uid && r.uid !== pod.metadata.uid);
  // Somebody else decides over it.
  const hasController = others.some((r) => r.controller === true);
  const { whenScaled, whenDeleted } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  const wanted: OwnerReference[] = [];
  if (!hasController) {
    if (whenScaled === 'Delete' && isScaledAway) wanted.push(controllerReference(pod));
    else if (whenDeleted === 'Delete') wanted.push(controllerReference(set));
  }
  const ours = present.filter((r) => !others.includes(r));
  const isRight =
    ours.length === wanted.length && wanted.every((w) => ours.some((r) => r.uid === w.uid && r.controller));
  return isRight ? undefined : [...others, ...wanted];
}

/** The claim went with an earlier pod of this name: it is on its way out, and the new pod needs a new one. */
export function isStale(claim: PersistentVolumeClaim, podName: string, pod: Pod | undefined): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    (r) => r.kind === 'Pod' && r.name === podName && r.uid !== pod?.metadata.uid,
  );
}
