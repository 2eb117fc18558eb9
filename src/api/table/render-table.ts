// Objects as the Table that kubectl asks for: the server decides the columns and writes the cells.
import type { Resource } from '../resources.ts';
import type { KubeObject } from '../types.ts';
import { cronJobColumns, jobColumns } from './batch-columns.ts';
import type { Column, ColumnDefinition, Table } from './contract.ts';
import * as core from './core-columns.ts';
import { certificateColumns } from './certificate-columns.ts';
import * as group from './group-columns.ts';
import { podColumns } from './pod-columns.ts';
import { priorityClassColumns } from './priority-class-columns.ts';
import * as volumes from './storage-columns.ts';

type AnyColumn = Column<KubeObject>;

/** The columns were written for the kind's own shape; the resource says that it is that kind. */
const row = <T>(columns: readonly Column<T>[]): readonly AnyColumn[] => columns as unknown as readonly AnyColumn[];

const tables: Readonly<Record<string, readonly AnyColumn[]>> = {
  '/Namespace': row(core.namespaceColumns),
  '/Node': row(core.nodeColumns),
  '/Pod': row(podColumns),
  '/Service': row(core.serviceColumns),
  '/Endpoints': row(core.endpointsColumns),
  '/ConfigMap': row(core.configMapColumns),
  '/Secret': row(core.secretColumns),
  '/LimitRange': row(core.limitRangeColumns),
  '/ServiceAccount': row(core.serviceAccountColumns),
  '/Event': row(core.eventColumns),
  '/ReplicationController': row(core.replicationControllerColumns),
  '/PersistentVolume': row(volumes.volumeColumns),
  '/PersistentVolumeClaim': row(volumes.claimColumns),
  'batch/Job': row(jobColumns),
  'batch/CronJob': row(cronJobColumns),
  'policy/PodDisruptionBudget': row(volumes.disruptionBudgetColumns),
  'scheduling.k8s.io/PriorityClass': row(priorityClassColumns),
  'storage.k8s.io/StorageClass': row(volumes.storageClassColumns),
  'events.k8s.io/Event': row(core.newEventColumns),
  'apps/Deployment': row(group.deploymentColumns),
  'apps/ReplicaSet': row(group.replicaSetColumns),
  'apps/StatefulSet': row(group.statefulSetColumns),
  'apps/DaemonSet': row(group.daemonSetColumns),
  'autoscaling/Scale': row(group.scaleColumns),
  'apps/ControllerRevision': row(group.controllerRevisionColumns),
  'discovery.k8s.io/EndpointSlice': row(group.endpointSliceColumns),
  'certificates.k8s.io/CertificateSigningRequest': row(certificateColumns),
  'coordination.k8s.io/Lease': row(group.leaseColumns),
  'networking.k8s.io/Ingress': row(group.ingressColumns),
  'networking.k8s.io/IngressClass': row(group.ingressClassColumns),
  'networking.k8s.io/NetworkPolicy': row(group.networkPolicyColumns),
  'networking.k8s.io/ServiceCIDR': row(group.serviceCidrColumns),
  'networking.k8s.io/IPAddress': row(group.ipAddressColumns),
  'rbac.authorization.k8s.io/Role': row(group.roleColumns),
  'rbac.authorization.k8s.io/ClusterRole': row(group.roleColumns),
  'rbac.authorization.k8s.io/RoleBinding': row(group.bindingColumns),
  'rbac.authorization.k8s.io/ClusterRoleBinding': row(group.bindingColumns),
};

export interface TableOptions {
  /** Milliseconds since the epoch, for ages. */
  readonly now: number;
  /** What each row carries besides its cells. */
  readonly includeObject: 'None' | 'Metadata' | 'Object';
  /** `meta.k8s.io/v1`, or v1beta1 for old clients. */
  readonly apiVersion?: string;
  /** List metadata: resourceVersion, continue… */
  readonly metadata?: object;
}

/** `renderTable(pods, list, {now: Date.now(), includeObject: 'Metadata'})`. */
export function renderTable(
  resource: Pick<Resource, 'group' | 'kind'>,
  objects: readonly KubeObject[],
  options: TableOptions,
): Table {
  const { now, includeObject, apiVersion = 'meta.k8s.io/v1', metadata = {} } = options;
  const columns = columnsOf(resource);
  return {
    kind: 'Table',
    apiVersion,
    metadata,
    columnDefinitions: columns.map(definitionOf),
    rows: objects.map((o) => ({
      cells: columns.map((c) => c.cell(o, now)),
      object: objectOf(o, includeObject, apiVersion),
    })),
  };
}

const columnsOf = (resource: Pick<Resource, 'group' | 'kind'>): readonly AnyColumn[] =>
  tables[`${resource.group}/${resource.kind}`] ?? row(group.plainColumns);

function definitionOf(column: AnyColumn): ColumnDefinition {
  return {
    name: column.name,
    type: column.type ?? 'string',
    format: column.name === 'Name' ? 'name' : '',
    description: column.description,
    priority: column.wide === true ? 1 : 0,
  };
}

function objectOf(object: KubeObject, include: TableOptions['includeObject'], apiVersion: string): unknown {
  if (include === 'None') return null;
  if (include === 'Object') return object;
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
}
