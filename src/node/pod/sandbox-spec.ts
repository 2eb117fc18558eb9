// What a runtime that makes the pods' namespaces must know of a pod. Pure.
import type { Pod } from '../../api/objects.ts';
import type { SandboxSpec } from '../contract.ts';
import { podLogDir } from './build-container-spec.ts';
import type { PodContext } from './pod-context.ts';
import { allContainers, hostnameOf, isHostNetwork, namespaceOf, podFqdn, specOf } from './pod-spec.ts';

export function sandboxSpec(pod: Pod, ctx: Pick<PodContext, 'nodeName' | 'dns' | 'stateDir'>): SandboxSpec {
  const spec = specOf(pod);
  const { name, uid } = pod.metadata;
  const hostname = hostnameOf(pod, ctx.nodeName);
  return {
    hostname: spec.setHostnameAsFQDN === true ? (podFqdn(pod, ctx.dns().clusterDomain) ?? hostname) : hostname,
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map((s) => [s.name, s.value])),
    shareProcesses: spec.shareProcessNamespace === true,
    hostPid: spec.hostPID === true,
    hostIpc: spec.hostIPC === true,
    hostNetwork: isHostNetwork(pod),
    privileged: allContainers(pod).some((c) => c.securityContext?.privileged === true),
    logDir: podLogDir(ctx.stateDir, { namespace: namespaceOf(pod), name, uid }),
  };
}
