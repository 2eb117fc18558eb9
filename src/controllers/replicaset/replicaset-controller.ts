// The two kinds that keep a number of pods.
import { labelSelectorOf, replicaSets, replicationControllers, selectorMapMatches } from '../../api/objects.ts';
import type { ReplicaSet, ReplicationController } from '../../api/objects.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { startReplicaController } from './replica-controller.ts';

export function startReplicaSetController(context: ControllerContext): Running {
  return startReplicaController<ReplicaSet>(context, {
    component: 'replicaset-controller',
    resource: replicaSets,
    selects: (owner) => {
      const selector = labelSelectorOf(owner.spec?.selector);
      return (labels) => selector.matches(labels);
    },
    template: (owner) => owner.spec?.template,
    replicas: (owner) => owner.spec?.replicas ?? 1,
    minReadySeconds: (owner) => owner.spec?.minReadySeconds ?? 0,
    status: (owner) => owner.status,
    withStatus: (owner, status) => ({ ...owner, status }),
  });
}

export function startReplicationControllerController(context: ControllerContext): Running {
  return startReplicaController<ReplicationController>(context, {
    component: 'replication-controller',
    resource: replicationControllers,
    selects: (owner) => (labels) => selectorMapMatches(owner.spec?.selector, labels),
    template: (owner) => owner.spec?.template,
    replicas: (owner) => owner.spec?.replicas ?? 1,
    minReadySeconds: (owner) => owner.spec?.minReadySeconds ?? 0,
    status: (owner) => owner.status,
    withStatus: (owner, status) => ({ ...owner, status }),
  });
}
