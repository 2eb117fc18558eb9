// The object types that every room shares. Shapes come from the types-only package `kubernetes-types`
// (erased at run time); what is added here is the certainty that a stored object has its metadata.
import type * as apps from 'kubernetes-types/apps/v1';
import type * as certificates from 'kubernetes-types/certificates/v1';
import type * as batch from 'kubernetes-types/batch/v1';
import type * as coordination from 'kubernetes-types/coordination/v1';
import type * as core from 'kubernetes-types/core/v1';
import type * as discovery from 'kubernetes-types/discovery/v1';
import type * as eventsApi from 'kubernetes-types/events/v1';
import type * as meta from 'kubernetes-types/meta/v1';
import type * as networking from 'kubernetes-types/networking/v1';
import type * as policy from 'kubernetes-types/policy/v1';
import type * as rbac from 'kubernetes-types/rbac/v1';
import type * as scheduling from 'kubernetes-types/scheduling/v1';
import type * as storage from 'kubernetes-types/storage/v1';

/** Metadata of an object that has been through the API server. `namespace` is absent on cluster-scoped kinds. */
export type ObjectMeta = Omit<meta.ObjectMeta, 'name' | 'uid' | 'resourceVersion' | 'creationTimestamp'> & {
  name: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
};

/** Any object as the API server returns it. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** T as stored: kind, version and full metadata present. */
export type Stored<T> = Writable<Omit<T, 'metadata' | 'apiVersion' | 'kind'>> & KubeObject;

/** T without `readonly` on its fields. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What a client sends on create: metadata may be partial, the server fills in the rest. */
export type Unstored<T extends KubeObject> = Omit<T, 'metadata'> & { metadata: meta.ObjectMeta };

export type Service = Stored<core.Service>;
export type Endpoints = Stored<core.Endpoints>;
export type Pod = Stored<core.Pod>;
export type Node = Stored<core.Node>;
export type Namespace = Stored<core.Namespace>;
export type ConfigMap = Stored<core.ConfigMap>;
export type Secret = Stored<core.Secret>;
export type LimitRange = Stored<core.LimitRange>;
export type ServiceAccount = Stored<core.ServiceAccount>;
export type CoreEvent = Stored<core.Event>;
export type PersistentVolume = Stored<core.PersistentVolume>;
export type PersistentVolumeClaim = Stored<core.PersistentVolumeClaim>;
export type ReplicationController = Stored<core.ReplicationController>;
export type Deployment = Stored<apps.Deployment>;
export type ReplicaSet = Stored<apps.ReplicaSet>;
export type StatefulSet = Stored<apps.StatefulSet>;
export type DaemonSet = Stored<apps.DaemonSet>;
export type ControllerRevision = Stored<apps.ControllerRevision>;
export type Job = Stored<batch.Job>;
export type CronJob = Stored<batch.CronJob>;
export type EndpointSlice = Stored<discovery.EndpointSlice>;
export type Lease = Stored<coordination.Lease>;
export type CertificateSigningRequest = Stored<certificates.CertificateSigningRequest>;
export type EventsEvent = Stored<eventsApi.Event>;
export type Ingress = Stored<networking.Ingress>;
export type IngressClass = Stored<networking.IngressClass>;
export type NetworkPolicy = Stored<networking.NetworkPolicy>;
export type PodDisruptionBudget = Stored<policy.PodDisruptionBudget>;
export type PriorityClass = Stored<scheduling.PriorityClass>;
export type StorageClass = Stored<storage.StorageClass>;
export type Role = Stored<rbac.Role>;
export type RoleBinding = Stored<rbac.RoleBinding>;
export type ClusterRole = Stored<rbac.ClusterRole>;
export type ClusterRoleBinding = Stored<rbac.ClusterRoleBinding>;

/** networking.k8s.io/v1 ServiceCIDR (KEP-1880); newer than kubernetes-types, so written here. */
export type ServiceCIDR = Stored<{
  spec?: { cidrs?: string[] };
  status?: { conditions?: meta.Condition[] };
}>;

/** networking.k8s.io/v1 IPAddress (KEP-1880); the name is the canonical address. */
export type IPAddress = Stored<{
  spec?: { parentRef?: { group?: string; resource?: string; namespace?: string; name?: string } };
}>;

export type {
  apps,
  batch,
  certificates,
  coordination,
  core,
  discovery,
  eventsApi,
  meta,
  networking,
  policy,
  rbac,
  scheduling,
  storage,
};
