// Where a connecting request goes: the agent of a node, or an address in the pod network.
import {
  badRequest,
  endpointSlices,
  notFound,
  nodes,
  pods,
  serviceUnavailable,
  services,
  type EndpointSlice,
  type Node,
  type Pod,
  type Service,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { checkLogQuery } from './log-query.ts';

export interface Destination {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Path and query there. */
  readonly target: string;
  /** The agent's port asks for a client certificate and shows one of the cluster's authority. */
  readonly isAgent: boolean;
}

const AGENT_PORT = 10_250;

async function read<T>(store: Store, request: ResourceRequest): Promise<T> {
  const { resource, namespace, name } = request;
  const entry = await store.get(storageKey(resource, namespace, name));
  if (entry === undefined) throw notFound(resource, name);
  return storedObject(entry).object as T;
}

async function agentOf(store: Store, nodeName: string): Promise<{ host: string; port: number }> {
  const entry = await store.get(storageKey(nodes, undefined, nodeName));
  if (entry === undefined) throw notFound(nodes, nodeName);
  const { status } = storedObject(entry).object as Node;
  const addresses = status?.addresses ?? [];
  const host = (addresses.find((a) => a.type === 'InternalIP') ?? addresses[0])?.address;
  if (host === undefined) throw serviceUnavailable(`node ${nodeName} has not told its address yet`);
  return { host, port: status?.daemonEndpoints?.kubeletEndpoint?.Port ?? AGENT_PORT };
}

/**
 * For pods/log, exec, attach and portforward: the agent's own paths; undefined for the log of a pod that no node has
 * yet, which is empty. @throws StatusError 400, 404, 503
 */
export async function agentDestination(store: Store, request: ResourceRequest): Promise<Destination | undefined> {
  const pod = await read<Pod>(store, request);
  const { namespace, name, subresource } = request;
  const query = new URLSearchParams(request.query);
  if (subresource === 'log') checkLogQuery(query, name);
  // A container that does not exist is said before anything about the node.
  const container =
    subresource === 'portforward' ? '' : chooseContainer(pod, query.get('container') ?? '', subresource === 'log');
  const { nodeName = '' } = pod.spec ?? {};
  if (nodeName === '') {
    if (subresource === 'log') return undefined;
    throw badRequest(`pod ${request.name} does not have a host assigned`);
  }
  const agent = await agentOf(store, nodeName);
  let path = `/portForward/${namespace}/${name}`;
  if (subresource !== 'portforward') {
    query.delete('container');
    path = `/${subresource === 'log' ? 'containerLogs' : subresource}/${namespace}/${name}/${container}`;
    if (subresource !== 'log') renameStreams(query);
  } else {
    const ports = query.getAll('ports').flatMap((p) => p.split(','));
    query.delete('ports');
    for (const port of ports) query.append('port', port);
  }
  const text = query.toString();
  return { scheme: 'https', ...agent, target: text === '' ? path : `${path}?${text}`, isAgent: true };
}

/** The agent's exec and attach know the streams by other names than the API does. */
function renameStreams(query: URLSearchParams): void {
  for (const [ours, theirs] of STREAMS) {
    const value = query.get(ours);
    query.delete(ours);
    if (value !== null && value !== 'false' && value !== '0') query.set(theirs, '1');
  }
}

const STREAMS = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
] as const;

function chooseContainer(pod: Pod, asked: string, forLog: boolean): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [...containers, ...initContainers, ...ephemeralContainers].map((c) => c.name);
  const { name } = pod.metadata;
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only.name;
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (!forLog && preferred !== undefined && all.includes(preferred)) return preferred;
  const list = containers.map((c) => c.name).join(' ');
  const init =
    initContainers.length === 0
      ? ''
      : ` or one of the init containers: [${initContainers.map((c) => c.name).join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${list}]${init}`);
}

/** For pods, services and nodes under /proxy. `rest` is what follows in the path. @throws StatusError 400, 404, 503 */
export async function proxyDestination(store: Store, request: ResourceRequest, rest: string): Promise<Destination> {
  const { scheme, name, port } = parseProxyName(request.name);
  const named = { ...request, name };
  const query = request.query.toString();
  const target = `${rest === '' ? '/' : rest}${query === '' ? '' : `?${query}`}`;
  const to = (host: string, at: number, isAgent = false): Destination => ({
    scheme: scheme === 'https' ? 'https' : 'http',
    host,
    port: at,
    target,
    isAgent,
  });
  if (request.resource === nodes) {
    const agent = await agentOf(store, name);
    const at = port === '' ? agent.port : Number(port);
    return {
      ...to(agent.host, at, at === agent.port),
      scheme: at === agent.port || scheme === 'https' ? 'https' : 'http',
    };
  }
  if (request.resource === pods) {
    const pod = await read<Pod>(store, named);
    const ports = (pod.spec?.containers ?? []).flatMap((c) => c.ports ?? []);
    const at =
      port === ''
        ? (ports[0]?.containerPort ?? 80)
        : /^\d+$/.test(port)
          ? Number(port)
          : ports.find((p) => p.name === port)?.containerPort;
    const host = pod.status?.podIP;
    if (host === undefined || at === undefined)
      throw badRequest(`address not allowed: pod ${name} has no address or no port "${port}"`);
    return to(host, at);
  }
  if (request.resource === services) return serviceDestination(store, named, port, to);
  throw badRequest(`${request.resource.plural} cannot be proxied`);
}

async function serviceDestination(
  store: Store,
  request: ResourceRequest,
  port: string,
  to: (host: string, port: number) => Destination,
): Promise<Destination> {
  const service = await read<Service>(store, request);
  const unavailable = () => serviceUnavailable(`no endpoints available for service "${request.name}"`);
  const ports = service.spec?.ports ?? [];
  const asked =
    port === ''
      ? ports.length === 1
        ? ports[0]
        : ports.find((p) => (p.name ?? '') === '')
      : ports.find((p) => p.name === port || String(p.port) === port);
  if (asked === undefined) throw unavailable();
  const page = await store.list(keyPrefix(endpointSlices, request.namespace));
  const found: { host: string; port: number }[] = [];
  for (const entry of page.entries) {
    const slice = storedObject(entry).object as EndpointSlice;
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== request.name) continue;
    const at = slice.ports?.find((p) => (p.name ?? '') === (asked.name ?? ''))?.port;
    if (at === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const [host] = endpoint.addresses;
      if (host !== undefined && endpoint.conditions?.ready !== false) found.push({ host, port: at });
    }
  }
  const chosen = found[Math.floor(Math.random() * found.length)];
  if (chosen === undefined) throw unavailable();
  return to(chosen.host, chosen.port);
}

/** `[scheme:]name[:port]`. */
function parseProxyName(text: string): { scheme: string; name: string; port: string } {
  const parts = text.split(':');
  if (parts.length === 1) return { scheme: '', name: text, port: '' };
  if (parts.length === 2) return { scheme: '', name: parts[0] ?? '', port: parts[1] ?? '' };
  const [scheme = '', name = '', port = ''] = parts;
  if (parts.length === 3 && (scheme === 'http' || scheme === 'https' || scheme === '')) return { scheme, name, port };
  throw badRequest(`invalid service request "${text}"`);
}
