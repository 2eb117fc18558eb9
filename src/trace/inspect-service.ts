// One page of truth about a service: the object, its endpoints and why one is not ready, what DNS answers now, and for
// each node what its kernel holds against what it should hold.
import type { EndpointSlice, Service } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { isIpv6, joinHostPort } from '../ip/index.ts';
import { clusterIps, ClusterView, externalIps } from './cluster-view.ts';
import type { TraceEnvironment } from './cluster-view.ts';
import type { Place } from './contract.ts';
import { checkDns, clusterDnsServer } from './dns-check.ts';
import type { DnsCheck } from './dns-check.ts';
import { closingLines, dnsLines, ruleLines } from './format-inspection.ts';
import { recentEvents } from './object-events.ts';
import { whyNotReady } from './readiness.ts';
import { inspectRules, primaryIps, readNodeRules, usability } from './service-rules.ts';
import type { InspectedRule } from './service-rules.ts';
import { settled } from './settled.ts';

export interface InspectedEndpoint {
  readonly address: string;
  readonly port: string;
  readonly pod?: string;
  readonly node?: string;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Why it is not ready, in the pod's own words. */
  readonly why?: string;
  /** Connections to it through the service that all nodes remember. */
  readonly connections: number;
}

export interface ServiceInspection {
  readonly service: {
    readonly namespace: string;
    readonly name: string;
    readonly type: string;
    readonly addresses: readonly string[];
    readonly ports: readonly string[];
  };
  readonly endpoints: readonly InspectedEndpoint[];
  readonly dns: readonly DnsCheck[];
  readonly rules: readonly InspectedRule[];
  readonly events: readonly string[];
  readonly notes: readonly string[];
  /** Whether anything in the kernel or in DNS differs from what should be. */
  readonly drift: boolean;
}

export interface InspectOptions {
  readonly client: Client;
  readonly environment: TraceEnvironment;
  readonly namespace: string;
  readonly name: string;
  /** Nodes to look at. */
  readonly nodes: readonly string[];
}

export const inspectService = (options: InspectOptions): Promise<ServiceInspection> =>
  settled(() => inspectServiceOnce(options));

async function inspectServiceOnce(options: InspectOptions): Promise<ServiceInspection> {
  const view = new ClusterView(options.client, options.environment);
  const service = await view.service(options.namespace, options.name);
  if (service === undefined) throw new UserError(await view.missing('Service', options.namespace, options.name));
  const slices = await view.slices(options.namespace, options.name);
  const places = view.nodePlaces(options.nodes);
  const addresses = [...clusterIps(service), ...externalIps(service)];
  const families = new Set(addresses.map((ip) => (isIpv6(ip) ? (6 as const) : (4 as const))));
  const nodes = await Promise.all(
    places.map(async (place) => {
      const node = await view.node(place.name);
      return { rules: await readNodeRules(place, families), ips: node === undefined ? [] : primaryIps(node) };
    }),
  );
  const [described, dns, events] = await Promise.all([
    inspectEndpoints(view, slices),
    inspectDns(view, options, service, slices, places[0]),
    recentEvents(options.client, {
      namespace: options.namespace,
      kinds: ['Service', 'Endpoints', 'EndpointSlice'],
      name: options.name,
    }),
  ]);
  const rules = inspectRules(service, slices, nodes);
  const endpoints = described.map((endpoint) => ({ ...endpoint, connections: connectionsTo(endpoint.address, rules) }));
  return {
    service: {
      namespace: options.namespace,
      name: options.name,
      type: service.spec?.type ?? 'ClusterIP',
      addresses,
      ports: (service.spec?.ports ?? []).map(
        (p) => `${p.name ? `${p.name} ` : ''}${p.port}/${p.protocol ?? 'TCP'}${p.nodePort ? `:${p.nodePort}` : ''}`,
      ),
    },
    endpoints,
    dns,
    rules,
    events,
    notes: view.notes,
    drift: rules.some((rule) => !rule.ok) || dns.some((answer) => !answer.ok),
  };
}

type DescribedEndpoint = Omit<InspectedEndpoint, 'connections'>;

/** Each connection is remembered with its translation by one node only: the one that translated it. */
function connectionsTo(address: string, rules: readonly InspectedRule[]): number {
  const counts = rules.flatMap((rule) => Object.entries(rule.connections));
  const own = counts.filter(([target]) => target.startsWith(joinHostPort(address, '')));
  return own.reduce((sum, [, n]) => sum + n, 0);
}

async function inspectEndpoints(view: ClusterView, slices: readonly EndpointSlice[]): Promise<DescribedEndpoint[]> {
  const list = slices.flatMap((slice) =>
    (slice.endpoints ?? []).map(async (endpoint): Promise<DescribedEndpoint[]> => {
      const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
      const podName = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.name : undefined;
      const namespace = endpoint.targetRef?.namespace ?? slice.metadata.namespace ?? '';
      const why = ready || podName === undefined ? undefined : await whyPodNotReady(view, namespace, podName);
      const port = (slice.ports ?? []).map((p) => `${p.port}/${p.protocol ?? 'TCP'}`).join(', ');
      return endpoint.addresses.map((address) => ({
        address,
        port,
        ready,
        serving,
        terminating,
        ...(podName === undefined ? {} : { pod: `${namespace}/${podName}` }),
        ...(endpoint.nodeName === undefined ? {} : { node: endpoint.nodeName }),
        ...(why === undefined ? {} : { why }),
      }));
    }),
  );
  return (await Promise.all(list)).flat();
}

async function whyPodNotReady(view: ClusterView, namespace: string, name: string): Promise<string> {
  const pod = await view.pod(namespace, name);
  if (pod === undefined) return 'the pod is gone';
  return whyNotReady(pod) ?? 'the pod is ready, and its endpoint is about to be';
}

async function inspectDns(
  view: ClusterView,
  { environment, namespace, name }: InspectOptions,
  service: Service,
  slices: readonly EndpointSlice[],
  from: Place | undefined,
): Promise<readonly DnsCheck[]> {
  const server = await clusterDnsServer(view);
  if (server === undefined || from === undefined || service.spec?.type === 'ExternalName') return [];
  return checkDns(
    from,
    server,
    `${name}.${namespace}.svc.${environment.clusterDomain}`,
    addressesInDns(service, slices),
  );
}

/** What the name of a service stands for: its virtual addresses, or those of its endpoints when it has none. */
export function addressesInDns(service: Service, slices: readonly EndpointSlice[]): string[] {
  const virtual = clusterIps(service);
  if (virtual.length > 0) return virtual;
  const all = service.spec?.publishNotReadyAddresses === true ? () => true : usability(slices);
  return [
    ...new Set(
      slices.flatMap((slice) => (slice.endpoints ?? []).filter(all).flatMap((endpoint) => endpoint.addresses)),
    ),
  ];
}

export function formatServiceInspection(inspection: ServiceInspection): string {
  const { service } = inspection;
  const lines = [
    `Service ${service.namespace}/${service.name}  ${service.type}  ${service.addresses.join(', ') || 'headless'}  ${service.ports.join(', ')}`,
    'endpoints',
    ...(inspection.endpoints.length === 0 ? ['  none'] : []),
    ...inspection.endpoints.map((e) => {
      const state = e.ready
        ? 'ready'
        : e.terminating
          ? e.serving
            ? 'terminating, serving'
            : 'terminating'
          : 'not ready';
      return `  ${e.address} ${e.port}  ${state}${e.pod ? `  ${e.pod}` : ''}${e.node ? ` on ${e.node}` : ''}${e.why ? `: ${e.why}` : ''}; connections now: ${e.connections}`;
    }),
    'dns',
    ...dnsLines(inspection.dns),
    'rules',
    ...ruleLines(inspection.rules),
    ...closingLines(inspection),
  ];
  return `${lines.join('\n')}\n`;
}
