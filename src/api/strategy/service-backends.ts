// Endpoints and EndpointSlice: the addresses behind a Service.
import { validateEndpointIp, validateIp } from '../addresses.ts';
import type { FieldError } from '../field-error.ts';
import { duplicate, invalidValue, notSupported, required, tooMany } from '../field-error.ts';
import { parseIp } from '../../ip/index.ts';
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from '../names.ts';
import { endpointSlices, endpoints } from '../resources.ts';
import type { core, discovery } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxPorts = 20_000;
const maxAddresses = 100;

const fails = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((m) => invalidValue(path, value, m));

function validateSubset(subset: core.EndpointSubset, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
  if (addresses.length + notReadyAddresses.length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  const validateAddress = (a: core.EndpointAddress, at: string): void => {
    errors.push(...validateEndpointIp(a.ip, `${at}.ip`));
    if ((a.hostname ?? '') !== '') errors.push(...fails(`${at}.hostname`, a.hostname, dns1123Label(a.hostname ?? '')));
    if (a.nodeName !== undefined) errors.push(...fails(`${at}.nodeName`, a.nodeName, dns1123Subdomain(a.nodeName)));
  };
  addresses.forEach((a, i) => validateAddress(a, `${path}.addresses[${i}]`));
  notReadyAddresses.forEach((a, i) => validateAddress(a, `${path}.notReadyAddresses[${i}]`));
  ports.forEach((p, i) => {
    const at = `${path}.ports[${i}]`;
    if ((p.name ?? '') === '') {
      if (ports.length > 1) errors.push(required(`${at}.name`));
    } else errors.push(...fails(`${at}.name`, p.name, dns1123Label(p.name ?? '')));
    errors.push(...fails(`${at}.port`, p.port, portNumber(p.port)));
    errors.push(...validateProtocol(p.protocol, `${at}.protocol`));
    if (p.appProtocol !== undefined)
      errors.push(...fails(`${at}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol)));
  });
  return errors;
}

function validateProtocol(protocol: string | undefined, path: string): FieldError[] {
  if ((protocol ?? '') === '') return [required(path)];
  return protocols.includes(protocol ?? '') ? [] : [notSupported(path, protocol, protocols)];
}

function validateSlice(slice: discovery.EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const { addressType = '', endpoints: list = [], ports = [] } = slice as Partial<discovery.EndpointSlice>;
  if (addressType === '') errors.push(required('addressType'));
  else if (!addressTypes.includes(addressType)) errors.push(notSupported('addressType', addressType, addressTypes));
  if (list.length > maxEndpoints) errors.push(tooMany('endpoints', list.length, maxEndpoints));
  list.forEach((e, i) => errors.push(...validateEndpoint(e, addressType, `endpoints[${i}]`)));
  if (ports.length > maxPorts) errors.push(tooMany('ports', ports.length, maxPorts));
  const names = new Set<string>();
  ports.forEach((p, i) => {
    const path = `ports[${i}]`;
    const name = p.name ?? '';
    if (name !== '') errors.push(...fails(`${path}.name`, name, dns1123Label(name)));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    if (p.port !== undefined) errors.push(...fails(`${path}.port`, p.port, portNumber(p.port)));
    errors.push(...validateProtocol(p.protocol, `${path}.protocol`));
    if (p.appProtocol !== undefined)
      errors.push(...fails(`${path}.appProtocol`, p.appProtocol, qualifiedName(p.appProtocol)));
  });
  return errors;
}

function validateEndpoint(e: discovery.Endpoint, addressType: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = e.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > maxAddresses) errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
  addresses.forEach((a, i) => {
    const at = `${path}.addresses[${i}]`;
    if (addresses.indexOf(a) < i) errors.push(duplicate(at, a));
    if (addressType === 'FQDN') errors.push(...fails(at, a, dns1123Subdomain(a)));
    else if (addressType === 'IPv4' || addressType === 'IPv6') errors.push(...validateOfFamily(a, addressType, at));
  });
  if ((e.hostname ?? '') !== '') errors.push(...fails(`${path}.hostname`, e.hostname, dns1123Label(e.hostname ?? '')));
  if (e.nodeName !== undefined) errors.push(...fails(`${path}.nodeName`, e.nodeName, dns1123Subdomain(e.nodeName)));
  if (e.deprecatedTopology?.['kubernetes.io/hostname'] !== undefined && e.nodeName === undefined) {
    errors.push(
      invalidValue(
        `${path}.deprecatedTopology[kubernetes.io/hostname]`,
        e.deprecatedTopology['kubernetes.io/hostname'],
        'use nodeName instead',
      ),
    );
  }
  return errors;
}

function validateOfFamily(address: string, family: 'IPv4' | 'IPv6', path: string): FieldError[] {
  const ip = parseIp(address, { lenient: true });
  if (ip === undefined) return validateIp(address, path);
  if (ip.family !== (family === 'IPv4' ? 4 : 6)) return [invalidValue(path, address, `must be an ${family} address`)];
  return validateEndpointIp(address, path);
}

export const serviceBackendStrategies = [
  defineStrategy<core.Endpoints>({
    resource: endpoints,
    schema: 'core.Endpoints',
    allowsCreateOnUpdate: true,
    applyDefaults(draft) {
      for (const subset of draft.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP';
    },
    validate: (e) => (e.subsets ?? []).flatMap((s, i) => validateSubset(s, `subsets[${i}]`)),
  }),
  defineStrategy<discovery.EndpointSlice>({
    resource: endpointSlices,
    schema: 'discovery.EndpointSlice',
    hasGeneration: true,
    applyDefaults(draft) {
      for (const port of draft.ports ?? []) {
        port.name ??= '';
        port.protocol ??= 'TCP';
      }
    },
    validate: validateSlice,
    validateUpdate: (next, previous) => immutable(next.addressType, previous.addressType, 'addressType'),
  }),
];
