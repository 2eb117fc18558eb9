// What people type for the two ends of a trace, read into what it means. Pure.
import { UserError } from '../errors/index.ts';
import { canonicalIp } from '../ip/index.ts';

export type ClientName =
  | { readonly kind: 'external' }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly maybeNode: boolean };

/** `external`, `node/NAME`, `[pod/][NAMESPACE/]NAME`. */
export function parseClientName(text: string, namespace: string): ClientName {
  if (text === 'external') return { kind: 'external' };
  const parts = text.split('/');
  if (parts.some((part) => part === '') || parts.length > 3) {
    throw new UserError(`"${text}" is no client: write POD, NAMESPACE/POD, node/NAME or external`);
  }
  const [first = '', second, third] = parts;
  if (first === 'node' && second !== undefined && third === undefined) return { kind: 'node', name: second };
  if (first === 'pod' && second !== undefined) {
    return {
      kind: 'pod',
      namespace: third === undefined ? namespace : second,
      name: third ?? second,
      maybeNode: false,
    };
  }
  if (third !== undefined)
    throw new UserError(`"${text}" is no client: write POD, NAMESPACE/POD, node/NAME or external`);
  if (second !== undefined) return { kind: 'pod', namespace: first, name: second, maybeNode: false };
  return { kind: 'pod', namespace, name: first, maybeNode: true };
}

export type TargetName =
  | { readonly kind: 'address'; readonly address: string; readonly port?: number }
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string; readonly port?: number }
  | { readonly kind: 'node'; readonly name: string; readonly port?: number }
  /** A name as a program would use it: DNS says what it means. */
  | { readonly kind: 'name'; readonly name: string; readonly port?: number };

/** `NAME[:PORT]` in any form that DNS takes, `svc/[NAMESPACE/]NAME`, `pod/[NAMESPACE/]NAME`, `node/NAME`, an address. */
export function parseTargetName(text: string, namespace: string, clusterDomain: string): TargetName {
  const { host, port } = splitPort(text);
  const more = port === undefined ? {} : { port };
  const address = canonicalIp(host);
  if (address !== undefined) return { kind: 'address', address, ...more };
  const parts = host.split('/');
  const [kind = '', first, second] = parts;
  const bad = new UserError(
    `"${text}" is no target: write a service's name, svc/NAME, pod/NAME, node/NAME or an address, and :PORT if needed`,
  );
  if (parts.length > 3 || parts.some((part) => part === '')) throw bad;
  if (parts.length === 1) return { kind: 'name', name: host, ...more };
  const named = { namespace: second === undefined ? namespace : (first ?? ''), name: second ?? first ?? '' };
  if (kind === 'pod') return { kind: 'pod', ...named, ...more };
  if (kind === 'node' && second === undefined) return { kind: 'node', name: first ?? '', ...more };
  if (kind === 'svc' || kind === 'service') {
    return { kind: 'name', name: `${named.name}.${named.namespace}.svc.${clusterDomain}.`, ...more };
  }
  throw bad;
}

function splitPort(text: string): { host: string; port?: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  if (match === null) {
    const isPort = canonicalIp(text) === undefined && /^[^/:]*(?:\/[^/:]*)*:[^/:]*$/.test(text);
    if (isPort) throw new UserError(`"${text}": a port is a number from 1 to 65535`);
    return { host: text };
  }
  const host = match[1] ?? match[2] ?? text;
  if (match[3] === undefined) return { host };
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) throw new UserError(`"${text}": a port is a number from 1 to 65535`);
  return { host, port };
}

const NDOTS = 5;

/** The names a pod's resolver asks for, in order: its search path and `ndots:5`, or the name alone when it ends in a dot. */
export function searchNames(name: string, namespace: string, clusterDomain: string): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const search = [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain].map(
    (end) => `${name}.${end}`,
  );
  return name.split('.').length - 1 >= NDOTS ? [name, ...search] : [...search, name];
}

/** The service a fully qualified name means; undefined for any other name. */
export function serviceOfName(name: string, clusterDomain: string): { namespace: string; name: string } | undefined {
  const ending = `.svc.${clusterDomain}`;
  const bare = name.endsWith('.') ? name.slice(0, -1) : name;
  if (!bare.toLowerCase().endsWith(ending)) return undefined;
  const [service, namespace, ...more] = bare.slice(0, -ending.length).toLowerCase().split('.');
  return service === undefined || namespace === undefined || more.length > 0 ? undefined : { namespace, name: service };
}
