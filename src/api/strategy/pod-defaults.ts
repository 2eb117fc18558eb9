// What Kubernetes fills into a pod spec. Used for Pods and for the templates of workloads.
import { setOwn } from '../json.ts';
import type { core } from '../types.ts';

const fileMode = 0o644;
const tokenSeconds = 3600;

/** Defaults of a pod spec, wherever it stands. */
export function applyPodSpecDefaults(spec: core.PodSpec): void {
  spec.restartPolicy ??= 'Always';
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ??= 'default-scheduler';
  spec.securityContext ??= {};
  // The old name of the field is kept in step with the new one.
  spec.serviceAccountName ??= spec.serviceAccount;
  if (spec.serviceAccountName === undefined) delete spec.serviceAccountName;
  else spec.serviceAccount = spec.serviceAccountName;
  for (const volume of spec.volumes ?? []) applyVolumeDefaults(volume);
  for (const container of allContainers(spec)) {
    applyContainerDefaults(container);
    if (spec.hostNetwork !== true) continue;
    for (const port of container.ports ?? []) if ((port.hostPort ?? 0) === 0) port.hostPort = port.containerPort;
  }
}

/** Defaults that only a Pod itself gets, not a template. */
export function applyPodDefaults(pod: core.Pod): void {
  pod.spec ??= { containers: [] };
  applyPodSpecDefaults(pod.spec);
  pod.spec.enableServiceLinks ??= true;
  for (const { resources } of [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])]) {
    for (const [name, limit] of Object.entries(resources?.limits ?? {})) {
      if (resources === undefined) continue;
      resources.requests ??= {};
      if (!Object.hasOwn(resources.requests, name)) setOwn(resources.requests, name, limit);
    }
  }
}

/** Containers, init containers and ephemeral containers. */
export function allContainers(spec: core.PodSpec): core.Container[] {
  return [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...((spec.ephemeralContainers ?? []) as core.Container[]),
  ];
}

function applyContainerDefaults(container: core.Container): void {
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  container.imagePullPolicy ??= pullsAlways(container.image ?? '') ? 'Always' : 'IfNotPresent';
  container.resources ??= {};
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const env of container.env ?? []) {
    if (env.valueFrom?.fieldRef !== undefined) env.valueFrom.fieldRef.apiVersion ??= 'v1';
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe !== undefined) applyProbeDefaults(probe);
  }
  applyHttpDefaults(container.lifecycle?.postStart?.httpGet);
  applyHttpDefaults(container.lifecycle?.preStop?.httpGet);
}

/** No tag means `latest`, and `latest` is pulled each time. */
function pullsAlways(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

function applyProbeDefaults(probe: core.Probe): void {
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  applyHttpDefaults(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function applyHttpDefaults(action: core.HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ??= '/';
  action.scheme ??= 'HTTP';
}

function applyVolumeDefaults(volume: core.Volume): void {
  const { name: _name, ...source } = volume;
  if (Object.keys(source).length === 0) volume.emptyDir = {};
  if (volume.secret !== undefined) volume.secret.defaultMode ??= fileMode;
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= fileMode;
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= fileMode;
    applyItemDefaults(volume.downwardAPI.items);
  }
  if (volume.projected === undefined) return;
  volume.projected.defaultMode ??= fileMode;
  for (const part of volume.projected.sources ?? []) {
    if (part.serviceAccountToken !== undefined) part.serviceAccountToken.expirationSeconds ??= tokenSeconds;
    applyItemDefaults(part.downwardAPI?.items);
  }
}

function applyItemDefaults(items: core.DownwardAPIVolumeFile[] | undefined): void {
  for (const item of items ?? []) if (item.fieldRef !== undefined) item.fieldRef.apiVersion ??= 'v1';
}
