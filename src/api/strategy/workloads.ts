// Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, ControllerRevision.
import {
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../resources.ts';
import type { Writable, apps, core } from '../types.ts';
import { deepEqual } from '../json.ts';
import { forbidden, invalidValue } from '../field-error.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';
import { applyPodSpecDefaults } from './pod-defaults.ts';
import {
  validateDaemonSet,
  validateDeployment,
  validateReplicaSet,
  validateReplicationController,
  validateStatefulSet,
} from './workload-validation.ts';
import { templateWarnings } from './pod-warnings.ts';

function templateDefaults(template: core.PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) applyPodSpecDefaults(template.spec);
}

export const deploymentStrategy = defineStrategy<apps.Deployment>({
  resource: deployments,
  schema: 'apps.Deployment',
  hasGeneration: true,
  applyDefaults(draft) {
    const { spec } = draft;
    if (spec === undefined) return;
    spec.replicas ??= 1;
    spec.strategy ??= {};
    spec.strategy.type ??= 'RollingUpdate';
    if (spec.strategy.type === 'RollingUpdate') {
      const rolling = (spec.strategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= '25%';
      rolling.maxSurge ??= '25%';
    }
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    templateDefaults(spec.template);
  },
  validate: validateDeployment,
  validateUpdate: (next, previous) =>
    immutable(next.spec?.selector, previous.spec?.selector, 'spec.selector').map(goSelector),
  warnings: (d) => templateWarnings(d.spec?.template),
});

/** A selector as Go prints it, which is what users see when they change one. */
function goSelector<E extends { value?: unknown }>(error: E): E {
  const selector = error.value as { matchLabels?: Record<string, string> } | undefined;
  const labels = Object.entries(selector?.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
    .join(', ');
  const map = selector?.matchLabels === undefined ? 'map[string]string(nil)' : `map[string]string{${labels}}`;
  return {
    ...error,
    value: { go: `v1.LabelSelector{MatchLabels:${map}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}` },
  };
}

export const replicaSetStrategy = defineStrategy<apps.ReplicaSet>({
  resource: replicaSets,
  schema: 'apps.ReplicaSet',
  hasGeneration: true,
  applyDefaults(draft) {
    if (draft.spec === undefined) return;
    draft.spec.replicas ??= 1;
    templateDefaults(draft.spec.template);
  },
  prepareForCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate: validateReplicaSet,
  validateUpdate: (next, previous) =>
    immutable(next.spec?.selector, previous.spec?.selector, 'spec.selector').map(goSelector),
  warnings: (r) => templateWarnings(r.spec?.template),
});

export const statefulSetStrategy = defineStrategy<apps.StatefulSet>({
  resource: statefulSets,
  schema: 'apps.StatefulSet',
  hasGeneration: true,
  applyDefaults(draft) {
    const { spec } = draft;
    if (spec === undefined) return;
    spec.podManagementPolicy ??= 'OrderedReady';
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ??= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') (spec.updateStrategy.rollingUpdate ??= {}).partition ??= 0;
    spec.persistentVolumeClaimRetentionPolicy ??= {};
    spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= 'Retain';
    spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= 'Retain';
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.apiVersion ??= 'v1';
      claim.kind ??= 'PersistentVolumeClaim';
      (claim.spec ??= {}).volumeMode ??= 'Filesystem';
      ((claim as Writable<core.PersistentVolumeClaim>).status ??= {}).phase ??= 'Pending';
    }
    templateDefaults(spec.template);
  },
  prepareForCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate: validateStatefulSet,
  validateUpdate(next, previous) {
    const fixed = ({ spec }: apps.StatefulSet): unknown => {
      const {
        replicas: _r,
        ordinals: _o,
        template: _t,
        updateStrategy: _u,
        revisionHistoryLimit: _h,
        persistentVolumeClaimRetentionPolicy: _p,
        minReadySeconds: _m,
        ...rest
      } = spec ?? ({} as apps.StatefulSetSpec);
      return rest;
    };
    return deepEqual(fixed(next), fixed(previous))
      ? []
      : [
          forbidden(
            'spec',
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
          ),
        ];
  },
  warnings: (s) => templateWarnings(s.spec?.template),
});

export const daemonSetStrategy = defineStrategy<apps.DaemonSet>({
  resource: daemonSets,
  schema: 'apps.DaemonSet',
  hasGeneration: true,
  applyDefaults(draft) {
    const { spec } = draft;
    if (spec === undefined) return;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ??= 'RollingUpdate';
    if (spec.updateStrategy.type === 'RollingUpdate') {
      const rolling = (spec.updateStrategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= 1;
      rolling.maxSurge ??= 0;
    }
    spec.revisionHistoryLimit ??= 10;
    templateDefaults(spec.template);
  },
  prepareForCreate(draft) {
    draft.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  validate: validateDaemonSet,
  validateUpdate: (next, previous) =>
    immutable(next.spec?.selector, previous.spec?.selector, 'spec.selector').map(goSelector),
  warnings: (d) => templateWarnings(d.spec?.template),
});

export const replicationControllerStrategy = defineStrategy<core.ReplicationController>({
  resource: replicationControllers,
  schema: 'core.ReplicationController',
  hasGeneration: true,
  defaultPropagation: 'Orphan',
  applyDefaults(draft) {
    const { spec } = draft;
    if (spec === undefined) return;
    const labels = spec.template?.metadata?.labels;
    if (labels !== undefined) {
      if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
      draft.metadata ??= {};
      if (Object.keys(draft.metadata.labels ?? {}).length === 0) draft.metadata.labels = { ...labels };
    }
    spec.replicas ??= 1;
    templateDefaults(spec.template);
  },
  prepareForCreate(draft) {
    draft.status = { replicas: 0 };
  },
  validate: validateReplicationController,
  warnings: (r) => templateWarnings(r.spec?.template),
  selectableFields: (r) => ({ 'status.replicas': String(r.status?.replicas ?? 0) }),
});

export const workloadStrategies = [
  deploymentStrategy,
  replicaSetStrategy,
  statefulSetStrategy,
  daemonSetStrategy,
  replicationControllerStrategy,
  defineStrategy<apps.ControllerRevision>({
    resource: controllerRevisions,
    schema: 'apps.ControllerRevision',
    validate: (r) =>
      r.revision < 0 ? [invalidValue('revision', r.revision, 'must be greater than or equal to 0')] : [],
    validateUpdate: (next, previous) => immutable(next.data, previous.data, 'data'),
  }),
];
