// The ReplicaSet that a Deployment's template asks for: pure.
import type { Deployment, ReplicaSet, Unstored } from '../../api/objects.ts';
import { canonicalText } from '../runtime/canonical.ts';
import { controllerReference } from '../runtime/owners.ts';
import { shortHash } from '../runtime/short-hash.ts';
import { newSetSize, rolloutBounds } from './plan-rollout.ts';
import { DESIRED_REPLICAS, HASH_LABEL, MAX_REPLICAS, desiredReplicas, newSetAnnotations } from './replica-sets.ts';

/** What proportional scaling has to know of the moment at which a set was sized. */
export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = desiredReplicas(deployment);
  return {
    [DESIRED_REPLICAS]: String(replicas),
    [MAX_REPLICAS]: String(replicas + rolloutBounds(deployment).surge),
  };
}

/** The set for the Deployment's template, already as big as it may be. */
export function newReplicaSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): Unstored<ReplicaSet> {
  const { name, namespace } = deployment.metadata;
  const template = deployment.spec?.template;
  const hash = shortHash(`${canonicalText(template)}${deployment.status?.collisionCount ?? ''}`);
  const labels = { ...template?.metadata?.labels, [HASH_LABEL]: hash };
  const selector = deployment.spec?.selector;
  const minReadySeconds = deployment.spec?.minReadySeconds;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: { ...newSetAnnotations(deployment, {}, oldSets), ...sizeAnnotations(deployment) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas: newSetSize(deployment, oldSets, 0),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}
