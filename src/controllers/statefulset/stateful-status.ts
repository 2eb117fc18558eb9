// A StatefulSet's status: pure.
import type { ControllerRevision, Pod, StatefulSet, apps } from '../../api/objects.ts';
import { isDeleting, isPodAvailable, isPodReady } from '../runtime/pod-state.ts';
import { REVISION_HASH, hashOf } from '../runtime/revisions.ts';

export function statefulStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  current: ControllerRevision,
  update: ControllerRevision,
  nowMs: number,
): apps.StatefulSetStatus {
  const replicas = set.spec?.replicas ?? 1;
  const of = (revision: ControllerRevision) =>
    pods.filter((p) => !isDeleting(p) && p.metadata.labels?.[REVISION_HASH] === hashOf(revision)).length;
  const ready = pods.filter(isPodReady);
  const updated = of(update);
  // The roll-out is over when every pod is of the new revision and works.
  const done = updated === replicas && ready.length === replicas && pods.length === replicas;
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const { generation } = set.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter((p) => isPodAvailable(p, minReadySeconds, nowMs)).length,
    currentReplicas: done ? updated : of(current),
    updatedReplicas: updated,
    currentRevision: done ? update.metadata.name : current.metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: 0,
  };
}
