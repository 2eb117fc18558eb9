// API objects trimmed to what the proxy reads, with every oddity settled once: informers keep only these views.
// A field that makes no sense is dropped and named in `problems`; it must never stop the other services.
import type { EndpointSlice, Service } from '../api/objects.ts';
import { canonicalIp, parseCidr } from '../ip/index.ts';
import type { Family, Protocol, ServiceKey } from './contract.ts';

export const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time';
const DEFAULT_AFFINITY_SECONDS = 10_800;
const LONGEST_AFFINITY_SECONDS = 86_400;

export interface ServicePortView {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly nodePort: number;
}

export interface ServiceView {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  /** Canonical addresses; empty for a Service that the proxy has nothing to do for. */
  readonly clusterIps: readonly string[];
  readonly ports: readonly ServicePortView[];
  readonly externalIps: readonly string[];
  readonly loadBalancerIps: readonly string[];
  readonly sourceRanges: readonly string[];
  readonly healthCheckNodePort: number;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly affinitySeconds: number;
  readonly problems: readonly string[];
}

export interface SliceEndpointView {
  readonly ip: string;
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: readonly string[] | undefined;
  readonly nodeHints: readonly string[] | undefined;
}

export interface SliceView {
  readonly key: string;
  /** Absent: the slice belongs to no Service, or carries host names. */
  readonly service: ServiceKey | undefined;
  readonly family: Family | undefined;
  readonly ports: readonly { name: string; protocol: Protocol; port: number }[];
  readonly endpoints: readonly SliceEndpointView[];
  /** Epoch milliseconds of the change that made the controller write this slice. */
  readonly triggeredAt: number | undefined;
}

/** The family of a canonical address or prefix. */
export const familyOf = (ip: string): Family => (ip.includes(':') ? 'IPv6' : 'IPv4');

const isPort = (v: unknown): v is number => typeof v === 'number' && Number.isInteger(v) && v > 0 && v < 65_536;

function protocolOf(value: string | undefined): Protocol | undefined {
  const p = (value ?? 'TCP').toLowerCase();
  return p === 'tcp' || p === 'udp' || p === 'sctp' ? p : undefined;
}

/** Canonical addresses of a list; what is no address goes to `problems`. */
function addresses(values: readonly unknown[], what: string, problems: string[]): string[] {
  const out: string[] = [];
  for (const value of values) {
    const ip = typeof value === 'string' ? canonicalIp(value.trim()) : undefined;
    if (ip === undefined) problems.push(`${what} ${JSON.stringify(value)} is not an IP address and is ignored`);
    else if (!out.includes(ip)) out.push(ip);
  }
  return out;
}

function ranges(values: readonly unknown[], problems: string[]): string[] {
  const out: string[] = [];
  for (const value of values) {
    const text = typeof value === 'string' ? value.trim() : '';
    if (parseCidr(text) === undefined) {
      problems.push(`loadBalancerSourceRanges ${JSON.stringify(value)} is not a CIDR and is ignored`);
    } else if (!out.includes(text)) out.push(text);
  }
  return out;
}

function servicePorts(spec: NonNullable<Service['spec']>, problems: string[]): ServicePortView[] {
  // Keyed like Kubernetes' ServicePortName: of two ports with one name and protocol the later stands.
  const ports = new Map<string, ServicePortView>();
  for (const p of spec.ports ?? []) {
    const protocol = protocolOf(p.protocol);
    if (protocol === undefined || !isPort(p.port)) {
      problems.push(`port ${JSON.stringify(p.name ?? '')} (${String(p.protocol)} ${String(p.port)}) is ignored`);
      continue;
    }
    const name = p.name ?? '';
    ports.set(`${name}/${protocol}`, { name, protocol, port: p.port, nodePort: isPort(p.nodePort) ? p.nodePort : 0 });
  }
  return [...ports.values()];
}

/** ipMode is newer than the type package. */
interface Ingress {
  readonly ip?: string;
  readonly ipMode?: string;
}

function affinitySeconds(spec: NonNullable<Service['spec']>, problems: string[]): number {
  if (spec.sessionAffinity !== 'ClientIP') return 0;
  const seconds: unknown = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  const valid = typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0;
  if (valid && seconds <= LONGEST_AFFINITY_SECONDS) return seconds;
  problems.push(`the session affinity timeout ${JSON.stringify(seconds)} is not 1 to ${LONGEST_AFFINITY_SECONDS}`);
  return DEFAULT_AFFINITY_SECONDS;
}

const problemOf = (error: unknown): string =>
  `it cannot be read and is ignored: ${error instanceof Error ? error.message : String(error)}`;

/** @example serviceView(service).clusterIps // [] for headless and ExternalName services */
export function serviceView(service: Service): ServiceView {
  try {
    return readService(service);
  } catch (error) {
    // A list that is none, for example: only a broken server gives it out.
    const nothing = readService({ apiVersion: 'v1', kind: 'Service', metadata: service.metadata });
    return { ...nothing, problems: [problemOf(error)] };
  }
}

function readService(service: Service): ServiceView {
  const { name, namespace = '' } = service.metadata;
  const spec = service.spec ?? {};
  const problems: string[] = [];
  const labels = service.metadata.labels ?? {};
  const ours =
    spec.type !== 'ExternalName' &&
    labels[PROXY_NAME_LABEL] === undefined &&
    spec.clusterIP !== 'None' &&
    (spec.clusterIP ?? spec.clusterIPs?.[0] ?? '') !== '';
  const clusterIps = ours ? (spec.clusterIPs?.length ? spec.clusterIPs : [spec.clusterIP]) : [];
  const externalIps = addresses(spec.externalIPs ?? [], 'externalIP', problems);
  const exposed = spec.type === 'LoadBalancer' || spec.type === 'NodePort' || externalIps.length > 0;
  const externalLocal = exposed && spec.externalTrafficPolicy === 'Local';
  const ingress: readonly Ingress[] = spec.type === 'LoadBalancer' ? (service.status?.loadBalancer?.ingress ?? []) : [];
  const vips = ingress.filter((i) => i.ip && (i.ipMode ?? 'VIP') === 'VIP').map((i) => i.ip);
  const wantsCheck = spec.type === 'LoadBalancer' && externalLocal && isPort(spec.healthCheckNodePort);
  return {
    key: `${namespace}/${name}`,
    namespace,
    name,
    clusterIps: addresses(clusterIps, 'clusterIP', problems),
    ports: servicePorts(spec, problems),
    externalIps,
    loadBalancerIps: addresses(vips, 'load-balancer address', problems),
    sourceRanges: ranges(spec.loadBalancerSourceRanges ?? [], problems),
    healthCheckNodePort: wantsCheck ? (spec.healthCheckNodePort ?? 0) : 0,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal,
    affinitySeconds: affinitySeconds(spec, problems),
    problems,
  };
}

/** Hints by node (Kubernetes 1.33) are newer than the type package. */
interface Hints {
  readonly forZones?: readonly { name: string }[];
  readonly forNodes?: readonly { name: string }[];
}

/** Every endpoint names its node: one text for all that name the same. Begun anew when many nodes came and went. */
const nodeNames = new Map<string, string>();
const MOST_NODE_NAMES = 20_000;

function shared(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const known = nodeNames.get(name);
  if (known !== undefined) return known;
  if (nodeNames.size >= MOST_NODE_NAMES) nodeNames.clear();
  nodeNames.set(name, name);
  return name;
}

export function sliceView(slice: EndpointSlice): SliceView {
  try {
    return readSlice(slice);
  } catch {
    const { name, namespace = '' } = slice.metadata;
    const key = `${namespace}/${name}`;
    return { key, service: undefined, family: undefined, ports: [], endpoints: [], triggeredAt: undefined };
  }
}

function readSlice(slice: EndpointSlice): SliceView {
  const { name, namespace = '' } = slice.metadata;
  const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
  const family = slice.addressType === 'IPv4' || slice.addressType === 'IPv6' ? slice.addressType : undefined;
  const ports: { name: string; protocol: Protocol; port: number }[] = [];
  for (const p of slice.ports ?? []) {
    const protocol = protocolOf(p.protocol);
    if (protocol !== undefined && isPort(p.port)) ports.push({ name: p.name ?? '', protocol, port: p.port });
  }
  const endpoints: SliceEndpointView[] = [];
  for (const e of slice.endpoints ?? []) {
    const ip = canonicalIp(e.addresses?.[0] ?? '');
    if (ip === undefined || familyOf(ip) !== family) continue;
    const hints: Hints | undefined = e.hints;
    // Conditions that are absent mean ready, serving and not terminating, whatever the others say.
    // All of one shape, without a spread: there may be hundreds of thousands.
    endpoints.push({
      ip,
      node: shared(e.nodeName),
      ready: e.conditions?.ready ?? true,
      serving: e.conditions?.serving ?? true,
      terminating: e.conditions?.terminating ?? false,
      zoneHints: hints?.forZones?.map((z) => z.name),
      nodeHints: hints?.forNodes?.map((n) => n.name),
    });
  }
  const trigger = slice.metadata.annotations?.[TRIGGER_TIME];
  const triggeredAt = trigger === undefined ? undefined : Date.parse(trigger);
  return {
    key: `${namespace}/${name}`,
    service: service ? `${namespace}/${service}` : undefined,
    family,
    ports,
    endpoints,
    triggeredAt: triggeredAt !== undefined && Number.isFinite(triggeredAt) ? triggeredAt : undefined,
  };
}
