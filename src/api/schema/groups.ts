// Which group and version each table of types belongs to. A qualified type name is `<key>.<Type>`: `core.Pod`.
import { appsTypes } from './apps.ts';
import { authenticationTypes } from './authentication.ts';
import { authorizationTypes } from './authorization.ts';
import { autoscalingTypes } from './autoscaling.ts';
import { certificatesTypes } from './certificates.ts';
import { batchTypes } from './batch.ts';
import { coordinationTypes } from './coordination.ts';
import { coreNodeTypes } from './core-node.ts';
import { corePersistentVolumeTypes } from './core-persistent-volume.ts';
import { corePodTypes } from './core-pod.ts';
import { coreServiceTypes } from './core-service.ts';
import { coreVolumeTypes } from './core-volume.ts';
import { coreTypes } from './core.ts';
import { discoveryTypes } from './discovery.ts';
import { eventsTypes } from './events.ts';
import { metaTypes } from './meta.ts';
import { networkingTypes } from './networking.ts';
import { policyTypes } from './policy.ts';
import { rbacTypes } from './rbac.ts';
import { schedulingTypes } from './scheduling.ts';
import { storageTypes } from './storage.ts';

export interface SchemaGroup {
  /** API group and version of the kinds in this table. */
  readonly group: string;
  readonly version: string;
  /** Prefix of the names under which OpenAPI publishes the types. */
  readonly openapiPrefix: string;
  readonly texts: readonly string[];
}

const api = (name: string, group: string, ...texts: string[]): SchemaGroup => ({
  group,
  version: 'v1',
  openapiPrefix: `io.k8s.api.${name}.v1`,
  texts,
});

export const schemaGroups: Readonly<Record<string, SchemaGroup>> = {
  meta: { group: '', version: 'v1', openapiPrefix: 'io.k8s.apimachinery.pkg.apis.meta.v1', texts: [metaTypes] },
  core: api(
    'core',
    '',
    coreTypes,
    coreServiceTypes,
    corePodTypes,
    coreVolumeTypes,
    corePersistentVolumeTypes,
    coreNodeTypes,
  ),
  apps: api('apps', 'apps', appsTypes),
  batch: api('batch', 'batch', batchTypes),
  discovery: api('discovery', 'discovery.k8s.io', discoveryTypes),
  certificates: api('certificates', 'certificates.k8s.io', certificatesTypes),
  coordination: api('coordination', 'coordination.k8s.io', coordinationTypes),
  events: api('events', 'events.k8s.io', eventsTypes),
  networking: api('networking', 'networking.k8s.io', networkingTypes),
  rbac: api('rbac', 'rbac.authorization.k8s.io', rbacTypes),
  authentication: api('authentication', 'authentication.k8s.io', authenticationTypes),
  authorization: api('authorization', 'authorization.k8s.io', authorizationTypes),
  autoscaling: api('autoscaling', 'autoscaling', autoscalingTypes),
  policy: api('policy', 'policy', policyTypes),
  scheduling: api('scheduling', 'scheduling.k8s.io', schedulingTypes),
  storage: api('storage', 'storage.k8s.io', storageTypes),
};
