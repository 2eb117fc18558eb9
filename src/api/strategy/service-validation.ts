// What a Service must look like, and what an update may not change. The texts are Kubernetes' own.
import { cidrWarnings, ipFamilyOf, ipWarnings, validateCidr, validateEndpointIp, validateIp } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, goQuote, goStrings, invalidValue, notSupported, required } from '../field-error.ts';
import { dns1123Label, dns1123Subdomain, portName, portNumber, qualifiedName } from '../names.ts';
import type { core } from '../types.ts';
import { validateLabels } from './metadata.ts';
import type { ServiceDraft } from './service-shape.ts';
import { isExternallyAccessible, isHeadless, needsHealthCheckNodePort } from './service-shape.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const affinities = ['ClientIP', 'None'];
const policies = ['Cluster', 'Local'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const families = ['IPv4', 'IPv6'];
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const maxAffinitySeconds = 86_400;
const kubeletPort = 10_250;
const onceSet = 'may not change once set';

/** Each message of a name rule as one error. */
const fails = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((m) => invalidValue(path, value, m));

export function validateService(service: ServiceDraft): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...validateShapeOfType(service),
    ...validatePorts(service),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIpFields(service),
    ...(spec.externalIPs ?? []).flatMap((ip, i) => validateEndpointIp(ip, `spec.externalIPs[${i}]`)),
    ...validateType(spec),
    ...validateNodePorts(spec),
    ...validateDuplicatePorts(spec),
    ...validateLoadBalancer(spec),
    ...validateTrafficPolicies(service),
  ];
}

function validateShapeOfType(service: ServiceDraft): FieldError[] {
  const spec = service.spec ?? {};
  const errors: FieldError[] = [];
  if ((spec.ports ?? []).length === 0 && !isHeadless(service) && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'));
  }
  if (isHeadless(service) && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')) {
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  }
  if (spec.type === 'LoadBalancer') {
    (spec.ports ?? []).forEach((p, i) => {
      if (p.port !== kubeletPort) return;
      const why = `may not expose port ${kubeletPort} externally since it is used by kubelet`;
      errors.push(invalidValue(`spec.ports[${i}]`, p.port, why));
    });
  }
  if (spec.type === 'ExternalName') {
    const no = 'may not be set for ExternalName services';
    if ((spec.clusterIPs ?? []).length > 0) errors.push(forbidden('spec.clusterIPs', no));
    if ((spec.ipFamilies ?? []).length > 0) errors.push(forbidden('spec.ipFamilies', no));
    if (spec.ipFamilyPolicy !== undefined) errors.push(forbidden('spec.ipFamilyPolicy', no));
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') errors.push(required('spec.externalName'));
    else errors.push(...fails('spec.externalName', name, dns1123Subdomain(name)));
  }
  return errors;
}

function validatePorts(service: ServiceDraft): FieldError[] {
  const ports = service.spec?.ports ?? [];
  const names = new Set<string>();
  return ports.flatMap((p, i) => {
    const path = `spec.ports[${i}]`;
    const errors: FieldError[] = [];
    const name = p.name ?? '';
    if (name === '') {
      if (ports.length > 1) errors.push(required(`${path}.name`));
    } else {
      errors.push(...fails(`${path}.name`, name, dns1123Label(name)));
      if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
      names.add(name);
    }
    errors.push(...fails(`${path}.port`, p.port ?? 0, portNumber(p.port ?? 0)));
    const protocol = p.protocol ?? '';
    if (protocol === '') errors.push(required(`${path}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, protocols));
    errors.push(...validateTargetPort(p.targetPort ?? 0, `${path}.targetPort`));
    if (p.appProtocol !== undefined) {
      errors.push(...fails(`${path}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol)));
    }
    return errors;
  });
}

export function validateTargetPort(port: string | number, path: string): FieldError[] {
  return fails(path, port, typeof port === 'number' ? portNumber(port) : portName(port));
}

function validateAffinity(spec: core.ServiceSpec): FieldError[] {
  const affinity = spec.sessionAffinity ?? '';
  const path = 'spec.sessionAffinityConfig';
  if (affinity === '') return [required('spec.sessionAffinity')];
  if (!affinities.includes(affinity)) return [notSupported('spec.sessionAffinity', affinity, affinities)];
  if (affinity === 'None') {
    return spec.sessionAffinityConfig === undefined
      ? []
      : [forbidden(path, 'must not be set when session affinity is None')];
  }
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds === undefined) return [required(path, 'when session affinity type is ClientIP')];
  return seconds > 0 && seconds <= maxAffinitySeconds
    ? []
    : [
        invalidValue(
          `${path}.clientIP.timeoutSeconds`,
          seconds,
          `must be greater than 0 and less than ${maxAffinitySeconds}`,
        ),
      ];
}

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy against each other. */
export function validateClusterIpFields(service: ServiceDraft): FieldError[] {
  const spec = service.spec ?? {};
  if (spec.type === 'ExternalName') return [];
  const ips = spec.clusterIPs ?? [];
  const path = 'spec.clusterIPs';
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => void errors.push(invalidValue(path, goStrings(ips), detail));
  if ((spec.clusterIP ?? '') === '') {
    if (ips.length > 0) wrong('must be empty when `clusterIP` is not specified');
  } else if (ips.length === 0) errors.push(required(path));
  else if (ips[0] !== spec.clusterIP) wrong('first value must match `clusterIP`');

  (spec.ipFamilies ?? []).forEach((family, i, all) => {
    if (!families.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, families));
    if (all.indexOf(family) < i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  });
  if (spec.ipFamilyPolicy !== undefined && !familyPolicies.includes(spec.ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', spec.ipFamilyPolicy, familyPolicies));
  }

  let malformed = false;
  ips.forEach((ip, i) => {
    if (i === 0 && ip === 'None') {
      if (ips.length > 1) {
        malformed = true;
        wrong("'None' must be the first and only value");
      }
      return;
    }
    const found = validateIp(ip, `${path}[${i}]`);
    malformed ||= found.length > 0;
    errors.push(...found);
  });
  if (ips.length > 2) wrong('may only hold up to 2 values');
  if (malformed) return errors;
  if (ips.length > 1 && new Set(ips.map(ipFamilyOf)).size < ips.length) {
    wrong('may specify no more than one IP for each IP family');
  }
  if (isHeadless(service) || errors.length > 0) return errors;
  ips.forEach((ip, i) => {
    const family = spec.ipFamilies?.[i];
    if (family === undefined || family === ipFamilyOf(ip)) return;
    errors.push(invalidValue(`${path}[${i}]`, ip, `expected an ${family} value as indicated by \`ipFamilies[${i}]\``));
  });
  return errors;
}

function validateType(spec: core.ServiceSpec): FieldError[] {
  const type = spec.type ?? '';
  if (type === '') return [required('spec.type')];
  return types.includes(type) ? [] : [notSupported('spec.type', type, types)];
}

function validateNodePorts(spec: core.ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  (spec.ports ?? []).forEach((p, i) => {
    const nodePort = p.nodePort ?? 0;
    if (nodePort === 0) return;
    const path = `spec.ports[${i}].nodePort`;
    if (spec.type === 'ClusterIP') errors.push(forbidden(path, "may not be used when `type` is 'ClusterIP'"));
    const key = `${p.protocol ?? ''}/${nodePort}`;
    if (seen.has(key)) errors.push(duplicate(path, nodePort));
    seen.add(key);
  });
  return errors;
}

function validateDuplicatePorts(spec: core.ServiceSpec): FieldError[] {
  const seen = new Set<string>();
  return (spec.ports ?? []).flatMap((p, i) => {
    const key = `${p.protocol ?? ''}/${p.port}`;
    const again = seen.has(key);
    seen.add(key);
    // Kubernetes shows its internal struct here; people search for this text.
    const go = `core.ServicePort{Name:"", Protocol:${goQuote(p.protocol ?? '')}, AppProtocol:(*string)(nil), Port:${p.port}, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}`;
    return again ? [duplicate(`spec.ports[${i}]`, { go })] : [];
  });
}

function validateLoadBalancer(spec: core.ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const only = "may only be used when `type` is 'LoadBalancer'";
  const isLoadBalancer = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  // The capital L is how Kubernetes writes this path.
  const rangesPath = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0 && !isLoadBalancer) errors.push(forbidden(rangesPath, only));
  errors.push(...ranges.flatMap((r, i) => validateCidr(r.trim(), `${rangesPath}[${i}]`)));
  if (!isLoadBalancer && spec.allocateLoadBalancerNodePorts !== undefined) {
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', only));
  }
  if (spec.loadBalancerClass !== undefined) {
    if (isLoadBalancer)
      errors.push(...fails('spec.loadBalancerClass', spec.loadBalancerClass, qualifiedName(spec.loadBalancerClass)));
    else errors.push(forbidden('spec.loadBalancerClass', only));
  }
  return errors;
}

function validateTrafficPolicies(service: ServiceDraft): FieldError[] {
  const spec = service.spec ?? {};
  const errors: FieldError[] = [];
  const external = spec.externalTrafficPolicy ?? '';
  const externalPath = 'spec.externalTrafficPolicy';
  if (!isExternallyAccessible(service)) {
    if (external !== '') {
      errors.push(invalidValue(externalPath, external, 'may only be set for externally-accessible services'));
    }
  } else if (external === '') errors.push(required(externalPath));
  else if (!policies.includes(external)) errors.push(notSupported(externalPath, external, policies));

  const checkPort = spec.healthCheckNodePort ?? 0;
  const checkPath = 'spec.healthCheckNodePort';
  if (needsHealthCheckNodePort(service)) {
    if (checkPort === 0) errors.push(required(checkPath));
    else errors.push(...fails(checkPath, checkPort, portNumber(checkPort)));
  } else if (checkPort !== 0) {
    errors.push(
      invalidValue(
        checkPath,
        checkPort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  }

  const internal = spec.internalTrafficPolicy;
  if (internal === undefined) {
    if (spec.type !== 'ExternalName') errors.push(required('spec.internalTrafficPolicy'));
  } else if (!policies.includes(internal)) errors.push(notSupported('spec.internalTrafficPolicy', internal, policies));
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !distributions.includes(distribution)) {
    errors.push(notSupported('spec.trafficDistribution', distribution, distributions));
  }
  return errors;
}

export function validateServiceUpdate(next: ServiceDraft, previous: ServiceDraft): FieldError[] {
  const errors: FieldError[] = [];
  const spec = next.spec ?? {};
  const old = previous.spec ?? {};
  if (spec.type !== 'ExternalName' && old.type !== 'ExternalName' && !(isHeadless(next) && isHeadless(previous))) {
    errors.push(
      ...validateListChange(spec.clusterIPs ?? [], old.clusterIPs ?? [], spec, 'clusterIP'),
      ...validateListChange(spec.ipFamilies ?? [], old.ipFamilies ?? [], spec, 'ipFamily'),
    );
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) {
    errors.push(invalidValue('spec.loadBalancerClass', spec.loadBalancerClass, onceSet));
  }
  if (
    needsHealthCheckNodePort(next) &&
    needsHealthCheckNodePort(previous) &&
    spec.healthCheckNodePort !== old.healthCheckNodePort
  ) {
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  }
  return errors;
}

/** The primary address or family stays; a second may come, and may go with `ipFamilyPolicy: SingleStack`. */
function validateListChange(
  next: readonly string[],
  old: readonly string[],
  spec: core.ServiceSpec,
  what: 'clusterIP' | 'ipFamily',
): FieldError[] {
  const path = what === 'clusterIP' ? 'spec.clusterIPs' : 'spec.ipFamilies';
  const shown = what === 'clusterIP' ? goStrings(next) : { go: `[]core.IPFamily{${next.map(goQuote).join(', ')}}` };
  const changed = (i: number): FieldError => invalidValue(`${path}[${i}]`, shown, onceSet);
  if (next.length === old.length) return old.flatMap((value, i) => (value === next[i] ? [] : [changed(i)]));
  const errors: FieldError[] = [];
  if (next.length === 0) errors.push(invalidValue(`${path}[0]`, shown, `primary ${what} can not be unset`));
  else if (old.length > 0 && next[0] !== old[0]) errors.push(changed(0));
  if (old.length > next.length && next.length === 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        spec.ipFamilyPolicy,
        `must be set to 'SingleStack' when releasing the secondary ${what}`,
      ),
    );
  }
  return errors;
}

export function serviceWarnings(service: ServiceDraft): string[] {
  const spec = service.spec ?? {};
  const warnings: string[] = [];
  if (service.metadata?.annotations?.['service.kubernetes.io/topology-aware-hints'] !== undefined) {
    warnings.push(
      'annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead',
    );
  }
  const headless = isHeadless(service);
  if (headless) {
    if ((spec.loadBalancerIP ?? '') !== '') warnings.push('spec.loadBalancerIP is ignored for headless services');
    if ((spec.externalIPs ?? []).length > 0) warnings.push('spec.externalIPs is ignored for headless services');
    if ((spec.sessionAffinity ?? 'None') !== 'None') {
      warnings.push('spec.SessionAffinity is ignored for headless services');
    }
  } else {
    (spec.clusterIPs ?? []).forEach((ip, i) => warnings.push(...ipWarnings(ip, `spec.clusterIPs[${i}]`)));
  }
  if ((spec.loadBalancerIP ?? '') !== '')
    warnings.push(...ipWarnings(spec.loadBalancerIP ?? '', 'spec.loadBalancerIP'));
  (spec.externalIPs ?? []).forEach((ip, i) => warnings.push(...ipWarnings(ip, `spec.externalIPs[${i}]`)));
  (spec.loadBalancerSourceRanges ?? []).forEach((c, i) => {
    warnings.push(...cidrWarnings(c.trim(), `spec.loadBalancerSourceRanges[${i}]`));
  });
  if (spec.type === 'ExternalName' && (spec.externalIPs ?? []).length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  }
  if (spec.type !== 'ExternalName' && (spec.externalName ?? '') !== '') {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  }
  return warnings;
}
