// Ingress, IngressClass, NetworkPolicy, ServiceCIDR, IPAddress.
import { canonicalIp } from '../../ip/index.ts';
import { validateCidr } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { forbidden, invalidValue, notSupported, required, tooMany } from '../field-error.ts';
import { dns1035Label, dns1123Subdomain, portName, portNumber } from '../names.ts';
import { ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs } from '../resources.ts';
import type { IPAddress, ServiceCIDR, networking } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const fails = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((m) => invalidValue(path, value, m));

function validateBackend(backend: networking.IngressBackend, path: string): FieldError[] {
  const { service, resource } = backend;
  if (service !== undefined && resource !== undefined) {
    return [invalidValue(path, '', 'cannot set both resource and service backends')];
  }
  if (resource !== undefined) return resource.name === '' ? [required(`${path}.resource.name`)] : [];
  if (service === undefined) return [required(path, 'either a service or resource backend is required')];
  const errors: FieldError[] = [];
  const name = service.name ?? '';
  if (name === '') errors.push(required(`${path}.service.name`));
  else errors.push(...fails(`${path}.service.name`, name, dns1035Label(name)));
  const { name: port = '', number = 0 } = service.port ?? {};
  if (port !== '' && number !== 0) errors.push(invalidValue(path, '', 'cannot set both port name & port number'));
  else if (port !== '') errors.push(...fails(`${path}.service.port.name`, port, portName(port)));
  else if (number !== 0) errors.push(...fails(`${path}.service.port.number`, number, portNumber(number)));
  else errors.push(required(path, 'port name or number is required'));
  return errors;
}

function validateHost(host: string, path: string): FieldError[] {
  if (!host.startsWith('*')) return fails(path, host, dns1123Subdomain(host));
  const rest = host.startsWith('*.')
    ? dns1123Subdomain(host.slice(2))
    : [
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com')",
      ];
  return fails(path, host, rest);
}

function validateIngress(ingress: networking.Ingress): FieldError[] {
  const errors: FieldError[] = [];
  const { rules = [], defaultBackend, ingressClassName, tls = [] } = ingress.spec ?? {};
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalidValue('spec', { go: '[]' }, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'));
  if (ingressClassName !== undefined) {
    errors.push(...fails('spec.ingressClassName', ingressClassName, dns1123Subdomain(ingressClassName)));
  }
  tls.forEach((t, i) =>
    (t.hosts ?? []).forEach((h, j) => errors.push(...validateHost(h, `spec.tls[${i}].hosts[${j}]`))),
  );
  rules.forEach((rule, i) => {
    if ((rule.host ?? '') !== '') errors.push(...validateHost(rule.host ?? '', `spec.rules[${i}].host`));
    if (rule.http === undefined) return;
    const path = `spec.rules[${i}].http.paths`;
    if ((rule.http.paths ?? []).length === 0) errors.push(required(path));
    (rule.http.paths ?? []).forEach((p, j) => errors.push(...validatePath(p, `${path}[${j}]`)));
  });
  return errors;
}

function validatePath(p: networking.HTTPIngressPath, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { pathType, path: text = '' } = p;
  if (pathType === undefined) errors.push(required(`${path}.pathType`, 'pathType must be specified'));
  else if (!pathTypes.includes(pathType)) errors.push(notSupported(`${path}.pathType`, pathType, pathTypes));
  else if (pathType === 'ImplementationSpecific' ? text !== '' && !text.startsWith('/') : !text.startsWith('/')) {
    errors.push(invalidValue(`${path}.path`, text, 'must be an absolute path'));
  }
  return [...errors, ...validateBackend(p.backend, `${path}.backend`)];
}

function validatePolicy(policy: networking.NetworkPolicy): FieldError[] {
  const errors: FieldError[] = [];
  const { ingress = [], egress = [], policyTypes = [] } = policy.spec ?? {};
  const checkPorts = (ports: networking.NetworkPolicyPort[] | undefined, path: string): void => {
    (ports ?? []).forEach((p, i) => {
      const at = `${path}.ports[${i}]`;
      if (p.protocol !== undefined && !['SCTP', 'TCP', 'UDP'].includes(p.protocol)) {
        errors.push(notSupported(`${at}.protocol`, p.protocol, ['SCTP', 'TCP', 'UDP']));
      }
      if (p.port !== undefined) {
        errors.push(...fails(`${at}.port`, p.port, typeof p.port === 'number' ? portNumber(p.port) : portName(p.port)));
      }
      if (p.endPort === undefined) return;
      if (p.port === undefined) errors.push(required(`${at}.port`, 'must be specified when `endPort` is specified'));
      else if (typeof p.port === 'string')
        errors.push(invalidValue(`${at}.endPort`, p.endPort, 'may not be specified when `port` is non-numeric'));
      else if (p.endPort < p.port)
        errors.push(invalidValue(`${at}.endPort`, p.endPort, 'must be greater than or equal to `port`'));
    });
  };
  const checkPeers = (peers: networking.NetworkPolicyPeer[] | undefined, path: string): void => {
    (peers ?? []).forEach((p, i) => {
      const at = `${path}[${i}]`;
      if (p.ipBlock === undefined) {
        if (p.podSelector === undefined && p.namespaceSelector === undefined)
          errors.push(required(at, 'must specify a peer'));
        return;
      }
      errors.push(...validateCidr(p.ipBlock.cidr, `${at}.ipBlock.cidr`));
      if (p.podSelector !== undefined || p.namespaceSelector !== undefined) {
        errors.push(forbidden(at, 'may not specify both ipBlock and another peer'));
      }
      (p.ipBlock.except ?? []).forEach((c, j) => errors.push(...validateCidr(c, `${at}.ipBlock.except[${j}]`)));
    });
  };
  ingress.forEach((r, i) => {
    checkPorts(r.ports, `spec.ingress[${i}]`);
    checkPeers(r.from, `spec.ingress[${i}].from`);
  });
  egress.forEach((r, i) => {
    checkPorts(r.ports, `spec.egress[${i}]`);
    checkPeers(r.to, `spec.egress[${i}].to`);
  });
  policyTypes.forEach((t, i) => {
    if (t !== 'Ingress' && t !== 'Egress')
      errors.push(notSupported(`spec.policyTypes[${i}]`, t, ['Egress', 'Ingress']));
  });
  return errors;
}

function validateServiceCidr(cidr: ServiceCIDR): FieldError[] {
  const cidrs = cidr.spec?.cidrs ?? [];
  if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalidValue('spec', { go: JSON.stringify(cidrs) }, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((c, i) => validateCidr(c, `spec.cidrs[${i}]`));
  if (errors.length > 0) return errors;
  if (cidrs.length === 2 && cidrs.every((c) => c.includes(':') === cidrs[0]?.includes(':'))) {
    errors.push(
      invalidValue(
        'spec.cidrs',
        { go: JSON.stringify(cidrs) },
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
      ),
    );
  }
  return errors;
}

function validateAddress(address: IPAddress): FieldError[] {
  const parent = address.spec?.parentRef;
  if (parent === undefined) return [required('spec.parentRef')];
  const errors: FieldError[] = [];
  if ((parent.resource ?? '') === '') errors.push(required('spec.parentRef.resource'));
  if ((parent.name ?? '') === '') errors.push(required('spec.parentRef.name'));
  return errors;
}

const ingressClassAnnotation = 'kubernetes.io/ingress.class';

export const networkingStrategies = [
  defineStrategy<networking.Ingress>({
    resource: ingresses,
    schema: 'networking.Ingress',
    hasGeneration: true,
    validate: validateIngress,
    warnings: (i) => [
      ...(i.metadata?.annotations?.[ingressClassAnnotation] === undefined
        ? []
        : [`annotation "${ingressClassAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`]),
      'nothing in this cluster serves Ingress objects yet: it is stored, and no traffic follows from it',
    ],
  }),
  defineStrategy<networking.IngressClass>({
    resource: ingressClasses,
    schema: 'networking.IngressClass',
    hasGeneration: true,
    applyDefaults(draft) {
      if (draft.spec?.parameters !== undefined) draft.spec.parameters.scope ??= 'Cluster';
    },
    validate: (c) =>
      (c.spec?.controller ?? '').length > 250 ? [tooMany('spec.controller', c.spec?.controller?.length ?? 0, 250)] : [],
    validateUpdate: (next, previous) => immutable(next.spec?.controller, previous.spec?.controller, 'spec.controller'),
  }),
  defineStrategy<networking.NetworkPolicy>({
    resource: networkPolicies,
    schema: 'networking.NetworkPolicy',
    hasGeneration: true,
    applyDefaults(draft) {
      const { spec } = draft;
      if (spec === undefined) return;
      spec.podSelector ??= {};
      if ((spec.policyTypes ?? []).length === 0) {
        spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
      }
      for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
        for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
      }
    },
    validate: validatePolicy,
    warnings: () => [
      'nothing in this cluster enforces NetworkPolicy objects yet: it is stored, and no packet is dropped because of it',
    ],
  }),
  defineStrategy<ServiceCIDR>({
    resource: serviceCIDRs,
    schema: 'networking.ServiceCIDR',
    validate: validateServiceCidr,
    validateUpdate: (next, previous) => immutable(next.spec?.cidrs, previous.spec?.cidrs, 'spec.cidrs'),
  }),
  defineStrategy<IPAddress>({
    resource: ipAddresses,
    schema: 'networking.IPAddress',
    name: (name) =>
      canonicalIp(name) === name
        ? []
        : ['must be a valid IP address in canonical form (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    validate: validateAddress,
    validateUpdate: (next, previous) => immutable(next.spec?.parentRef, previous.spec?.parentRef, 'spec.parentRef'),
    selectableFields: (a) => ({
      'spec.parentRef.group': a.spec?.parentRef?.group ?? '',
      'spec.parentRef.resource': a.spec?.parentRef?.resource ?? '',
      'spec.parentRef.namespace': a.spec?.parentRef?.namespace ?? '',
      'spec.parentRef.name': a.spec?.parentRef?.name ?? '',
    }),
  }),
];
