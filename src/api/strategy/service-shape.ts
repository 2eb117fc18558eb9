// What follows from a Service's type: which fields it needs, and which may go when the type changes. Pure; the
// allocation of addresses and ports itself is the API server's.
import { deepEqual } from '../json.ts';
import type { core, meta } from '../types.ts';

/** A Service on its way through the server: everything may still be absent. */
export interface ServiceDraft {
  metadata?: meta.ObjectMeta;
  spec?: core.ServiceSpec;
  status?: core.ServiceStatus;
}

export const specOf = (service: ServiceDraft): core.ServiceSpec => (service.spec ??= {});

export const isHeadless = (s: ServiceDraft): boolean =>
  s.spec?.clusterIPs?.length === 1 ? s.spec.clusterIPs[0] === 'None' : s.spec?.clusterIP === 'None';

const typeOf = (s: ServiceDraft): string => s.spec?.type ?? 'ClusterIP';

/** Has a cluster address, where "None" counts as one. */
export const needsClusterIp = (s: ServiceDraft): boolean => typeOf(s) !== 'ExternalName';

export function needsNodePort(s: ServiceDraft): boolean {
  return typeOf(s) === 'NodePort' || (typeOf(s) === 'LoadBalancer' && s.spec?.allocateLoadBalancerNodePorts !== false);
}

/** May carry node ports: a LoadBalancer that does not ask for them keeps those it names. */
export const mayHaveNodePort = (s: ServiceDraft): boolean => typeOf(s) === 'NodePort' || typeOf(s) === 'LoadBalancer';

export const needsHealthCheckNodePort = (s: ServiceDraft): boolean =>
  typeOf(s) === 'LoadBalancer' && s.spec?.externalTrafficPolicy === 'Local';

export const isExternallyAccessible = (s: ServiceDraft): boolean =>
  mayHaveNodePort(s) || (typeOf(s) === 'ClusterIP' && (s.spec?.externalIPs ?? []).length > 0);

const nodePortsOf = (s: ServiceDraft): number[] =>
  (s.spec?.ports ?? []).map((p) => p.nodePort ?? 0).filter((p) => p !== 0);

/** Keeps clusterIP and clusterIPs[0] in step when the client wrote only one of them. First step of every write. */
export function syncClusterIps(next: ServiceDraft, previous?: ServiceDraft): void {
  const spec = specOf(next);
  const old = previous?.spec;
  const ip = spec.clusterIP ?? '';
  if (previous === undefined) {
    if (ip !== '' && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [ip];
    return;
  }
  const oldIp = old?.clusterIP ?? '';
  if (ip === oldIp || !deepEqual(spec.clusterIPs ?? [], old?.clusterIPs ?? [])) return;
  if (ip === '') delete spec.clusterIPs;
  else spec.clusterIPs = [ip, ...(spec.clusterIPs ?? []).slice(1)];
}

/** Puts back allocated values that the client left out of an update. */
export function keepAllocatedValues(next: ServiceDraft, previous: ServiceDraft): void {
  const spec = specOf(next);
  const old = previous.spec ?? {};
  if (needsClusterIp(previous) && needsClusterIp(next)) {
    if ((spec.clusterIP ?? '') === '' && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
    if ((spec.clusterIPs ?? []).length === 0 && spec.clusterIP === old.clusterIP && old.clusterIPs !== undefined) {
      spec.clusterIPs = [...old.clusterIPs];
    }
  }
  if (needsNodePort(previous) && needsNodePort(next)) {
    const stillUsed = new Set(nodePortsOf(next));
    const used = new Set(nodePortsOf(previous).filter((p) => stillUsed.has(p)));
    const byName = new Map((old.ports ?? []).map((p) => [p.name ?? '', p.nodePort ?? 0]));
    for (const port of spec.ports ?? []) {
      if ((port.nodePort ?? 0) !== 0) continue;
      const was = byName.get(port.name ?? '') ?? 0;
      if (was === 0 || used.has(was)) continue;
      port.nodePort = was;
      used.add(was);
    }
  }
  if (
    needsHealthCheckNodePort(previous) &&
    needsHealthCheckNodePort(next) &&
    (spec.healthCheckNodePort ?? 0) === 0 &&
    old.healthCheckNodePort !== undefined
  ) {
    spec.healthCheckNodePort = old.healthCheckNodePort;
  }
}

/** Drops fields that the new type has no use for, if the client did not also change them. */
export function dropTypeDependentFields(next: ServiceDraft, previous: ServiceDraft): void {
  const spec = specOf(next);
  const old = previous.spec ?? {};
  const same = (field: keyof core.ServiceSpec): boolean => deepEqual(spec[field], old[field]);
  const drop = (field: keyof core.ServiceSpec): void => {
    if (same(field)) delete spec[field];
  };
  if (needsClusterIp(previous) && !needsClusterIp(next)) {
    if (same('clusterIP') && same('clusterIPs')) {
      delete spec.clusterIP;
      delete spec.clusterIPs;
    }
    drop('ipFamilies');
    drop('ipFamilyPolicy');
    drop('internalTrafficPolicy');
  }
  if (mayHaveNodePort(previous) && !mayHaveNodePort(next) && deepEqual(nodePortsOf(next), nodePortsOf(previous))) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (needsHealthCheckNodePort(previous) && !needsHealthCheckNodePort(next)) drop('healthCheckNodePort');
  if (typeOf(previous) === 'LoadBalancer' && typeOf(next) !== 'LoadBalancer') {
    drop('allocateLoadBalancerNodePorts');
    drop('loadBalancerClass');
  }
  if (isExternallyAccessible(previous) && !isExternallyAccessible(next)) drop('externalTrafficPolicy');
  if (typeOf(next) !== 'LoadBalancer' && next.status?.loadBalancer !== undefined) next.status.loadBalancer = {};
}
