// One page of truth about a service: the object, its endpoints and why one is not ready, what DNS answers now, and for
// each node what its kernel holds against what it should hold.
import { endpointSlices, events as eventResource } from '../api/objects.ts';
import type { EndpointSlice, Node, Service } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { canonicalIp, isIpv6, joinHostPort } from '../ip/index.ts';
import { openConntrack, openRtnl, runCommand } from '../linux/index.ts';
import { clusterIps, ClusterView, nodeIps } from './cluster-view.ts';
import type { ServicePort, TraceEnvironment } from './cluster-view.ts';
import type { Place } from './contract.ts';
import { buildQuestion, parseAnswer } from './dns-question.ts';
import { prepareUdpProbe } from './probe.ts';
import { programmedInIptables, programmedInNft } from './programmed.ts';
import type { Programmed, ServiceAddress } from './programmed.ts';

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
}

export interface InspectedRule {
  readonly node: string;
  readonly mode: 'iptables' | 'nftables' | 'none';
  readonly address: string;
  readonly expected: string;
  readonly found: string;
  readonly ok: boolean;
  /** What is wrong, when something is. */
  readonly problems: readonly string[];
  /** Shows the same to a person. */
  readonly command: string;
  /** Connections tracked now, by the endpoint that got them. */
  readonly connections: Readonly<Record<string, number>>;
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
  readonly dns: readonly {
    readonly name: string;
    readonly expected: readonly string[];
    readonly answer: string;
    readonly ok: boolean;
  }[];
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

const DNS_TIMEOUT_MS = 1000;
const RECENT_EVENTS = 10;

export async function inspectService(options: InspectOptions): Promise<ServiceInspection> {
  const view = new ClusterView(options.client, options.environment);
  const service = await view.service(options.namespace, options.name);
  if (service === undefined) throw new UserError(`there is no Service ${options.namespace}/${options.name}`);
  const { items: slices } = await options.client.resource(endpointSlices).list({
    namespace: options.namespace,
    labelSelector: `kubernetes.io/service-name=${options.name}`,
  });
  const places = view.nodePlaces(options.nodes);
  const nodeObjects = await Promise.all(places.map((place) => view.node(place.name)));
  const nodeAddresses = new Map(
    nodeObjects.flatMap((node) => (node === undefined ? [] : [[node.metadata.name, primaryIps(node)]])),
  );
  const [endpoints, dns, rules, events] = await Promise.all([
    inspectEndpoints(view, slices),
    inspectDns(view, options, service, slices, places[0]),
    inspectRules(service, slices, places, nodeAddresses),
    recentEvents(options),
  ]);
  return {
    service: {
      namespace: options.namespace,
      name: options.name,
      type: service.spec?.type ?? 'ClusterIP',
      addresses: clusterIps(service),
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

async function inspectEndpoints(view: ClusterView, slices: readonly EndpointSlice[]): Promise<InspectedEndpoint[]> {
  const list = slices.flatMap((slice) =>
    (slice.endpoints ?? []).map(async (endpoint): Promise<InspectedEndpoint[]> => {
      const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
      const podName = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.name : undefined;
      const namespace = endpoint.targetRef?.namespace ?? slice.metadata.namespace ?? '';
      const why = ready || podName === undefined ? undefined : await whyNotReady(view, namespace, podName);
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

async function whyNotReady(view: ClusterView, namespace: string, name: string): Promise<string> {
  const pod = await view.pod(namespace, name);
  if (pod === undefined) return 'the pod is gone';
  if (pod.metadata.deletionTimestamp !== undefined) return 'the pod is being deleted';
  const waiting = pod.status?.containerStatuses?.find((status) => !status.ready);
  const state = waiting?.state?.waiting ?? waiting?.state?.terminated;
  if (state !== undefined)
    return `container ${waiting?.name}: ${[state.reason, state.message].filter(Boolean).join(': ')}`;
  const condition = pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status !== 'True');
  return (
    [condition?.reason, condition?.message].filter(Boolean).join(': ') || `the pod is ${pod.status?.phase ?? 'unknown'}`
  );
}

async function inspectDns(
  view: ClusterView,
  { environment, namespace, name }: InspectOptions,
  service: Service,
  slices: readonly EndpointSlice[],
  from: Place | undefined,
): Promise<ServiceInspection['dns']> {
  const dnsService = await view.service('kube-system', 'kube-dns');
  const [server] = dnsService === undefined ? [] : clusterIps(dnsService);
  if (server === undefined || from === undefined || service.spec?.type === 'ExternalName') return [];
  const full = `${name}.${namespace}.svc.${environment.clusterDomain}`;
  const virtual = clusterIps(service);
  const addresses =
    virtual.length > 0
      ? virtual
      : slices.flatMap((slice) =>
          (slice.endpoints ?? []).filter(usability(slices)).flatMap((endpoint) => endpoint.addresses),
        );
  const families = new Set(addresses.map((address) => (isIpv6(address) ? ('AAAA' as const) : ('A' as const))));
  return Promise.all(
    [...families].map(async (type) => {
      const expected = addresses.filter((address) => isIpv6(address) === (type === 'AAAA')).toSorted();
      const source = sourceTo(from, server);
      const probe =
        source === undefined
          ? undefined
          : prepareUdpProbe({ netns: from.netns, source, host: server, port: 53 }, buildQuestion(full, type));
      const outcome = probe === undefined ? undefined : await probe.run(DNS_TIMEOUT_MS);
      const answer =
        outcome?.kind === 'connected' ? parseAnswer(Buffer.from(outcome.answer ?? '', 'latin1')) : undefined;
      const found = (answer?.addresses ?? []).flatMap((address) => canonicalIp(address) ?? []).toSorted();
      const said = answer === undefined ? `no answer from ${server}` : [answer.rcode, ...found].join(' ');
      return { name: full, expected, answer: said, ok: found.join() === expected.join() };
    }),
  );
}

function sourceTo(place: Place, address: string): string | undefined {
  const rtnl = openRtnl(place.netns);
  try {
    return rtnl.routeTo(address)?.source;
  } finally {
    rtnl.close();
  }
}

type SliceEndpoint = EndpointSlice['endpoints'][number];

/** Which endpoints get connections: ready ones, or those serving on their way out when no other is left anywhere. */
function usability(slices: readonly EndpointSlice[]): (endpoint: SliceEndpoint) => boolean {
  const ready = (endpoint: SliceEndpoint) => endpoint.conditions?.ready !== false;
  if (slices.some((slice) => (slice.endpoints ?? []).some(ready))) return ready;
  return (endpoint) => endpoint.conditions?.serving === true && endpoint.conditions.terminating === true;
}

interface Expectation {
  readonly targets: readonly string[];
  /** Topology hints let each node take some of them only. */
  readonly subset: boolean;
}

function expectation(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  family: boolean,
  { node, external }: { node: string; external: boolean },
): Expectation {
  const policy = external ? service.spec?.externalTrafficPolicy : service.spec?.internalTrafficPolicy;
  const local = policy === 'Local';
  const usable = usability(slices);
  let subset = false;
  const targets = slices.flatMap((slice) => {
    if ((slice.addressType === 'IPv6') !== family) return [];
    const number = slice.ports?.find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )?.port;
    if (number === undefined) return [];
    return (slice.endpoints ?? []).filter(usable).flatMap((endpoint) => {
      if (endpoint.hints !== undefined) subset = true;
      if (local && endpoint.nodeName !== node) return [];
      return endpoint.addresses.flatMap((address) => joinHostPort(canonicalIp(address) ?? address, number));
    });
  });
  return { targets: [...new Set(targets)].toSorted(), subset };
}

async function inspectRules(
  service: Service,
  slices: readonly EndpointSlice[],
  places: readonly Place[],
  nodeAddresses: ReadonlyMap<string, readonly string[]>,
): Promise<InspectedRule[]> {
  const ports = service.spec?.ports ?? [];
  const virtual = clusterIps(service);
  const perNode = places.map(async (place) => {
    const checks = [
      ...virtual.flatMap((ip) =>
        ports.map((port) => ({ port, address: { ip, port: port.port, protocol: protocolOf(port) } })),
      ),
      ...(nodeAddresses.get(place.name) ?? []).flatMap((ip) =>
        ports.flatMap((port): { port: ServicePort; address: ServiceAddress }[] => {
          if (!port.nodePort || !virtual.some((v) => isIpv6(v) === isIpv6(ip))) return [];
          return [{ port, address: { ip, port: port.nodePort, protocol: protocolOf(port), nodePort: true } }];
        }),
      ),
    ];
    const holdings = await readHoldings(place, new Set(checks.map(({ address }) => isIpv6(address.ip))));
    return checks.map(({ port, address }: { port: ServicePort; address: ServiceAddress }) => {
      const at = { node: place.name, external: address.nodePort === true };
      const wanted = expectation(service, port, slices, isIpv6(address.ip), at);
      return judgeRule(place, address, holdings, wanted, connectionsByEndpoint(place, address));
    });
  });
  return (await Promise.all(perNode)).flat();
}

/** Node ports answer on the primary address of each family in every mode. */
function primaryIps(node: Node): string[] {
  const all = nodeIps(node);
  return [all.find((ip) => !isIpv6(ip)), all.find((ip) => isIpv6(ip))].flatMap((ip) => ip ?? []);
}

function protocolOf(port: ServicePort): ServiceAddress['protocol'] {
  return port.protocol === 'UDP' ? 'udp' : port.protocol === 'SCTP' ? 'sctp' : 'tcp';
}

interface Holdings {
  readonly mode: InspectedRule['mode'];
  readonly v4: string;
  readonly v6: string;
}

/** The rules of a node in the words of the tool that made them. */
async function readHoldings(place: Place, families: ReadonlySet<boolean>): Promise<Holdings> {
  const options = { netns: place.netns };
  const read = async (family: boolean, command: string, args: string[]) =>
    families.has(family) ? (await runCommand(command, args, options)).stdout : '';
  const [nft4, nft6] = await Promise.all([
    read(false, 'nft', ['list', 'table', 'ip', 'portico']),
    read(true, 'nft', ['list', 'table', 'ip6', 'portico']),
  ]);
  if (nft4 !== '' || nft6 !== '') return { mode: 'nftables', v4: nft4, v6: nft6 };
  const [v4, v6] = await Promise.all([read(false, 'iptables-save', []), read(true, 'ip6tables-save', [])]);
  return { mode: v4.includes('KUBE-SERVICES') || v6.includes('KUBE-SERVICES') ? 'iptables' : 'none', v4, v6 };
}

export function judgeRule(
  place: Place,
  address: ServiceAddress,
  holdings: Holdings,
  wanted: Expectation,
  connections: Readonly<Record<string, number>>,
): InspectedRule {
  const v6 = isIpv6(address.ip);
  const text = v6 ? holdings.v6 : holdings.v4;
  const found: Programmed =
    holdings.mode === 'nftables'
      ? programmedInNft(text, address)
      : holdings.mode === 'iptables'
        ? programmedInIptables(text, address)
        : { kind: 'absent', targets: [], problems: ['the node has no rules of a service proxy'] };
  const missing = wanted.subset ? [] : wanted.targets.filter((target) => !found.targets.includes(target));
  const extra = found.targets.filter((target) => !wanted.targets.includes(target));
  const wantedKind = wanted.targets.length === 0 ? 'reject' : 'translate';
  const problems = [
    ...found.problems,
    ...(found.kind === wantedKind ? [] : [`expected ${kindText(wantedKind)}, found ${kindText(found.kind)}`]),
    ...missing.map((target) => `endpoint ${target} gets no connections`),
    ...extra.map((target) => `${target} gets connections and is no usable endpoint`),
  ];
  const list =
    holdings.mode === 'nftables'
      ? `nft list table ${v6 ? 'ip6' : 'ip'} portico`
      : `${v6 ? 'ip6tables' : 'iptables'}-save | grep ${address.ip}`;
  return {
    node: place.name,
    mode: holdings.mode,
    address: `${joinHostPort(address.ip, address.port)}/${address.protocol}`,
    expected: wanted.targets.join(' ') || 'refused',
    found: found.kind === 'translate' ? found.targets.join(' ') || 'nothing' : kindText(found.kind),
    ok: problems.length === 0,
    problems,
    command: `ip netns exec ${place.netns} ${list}`,
    connections,
  };
}

const kindText = (kind: Programmed['kind']) =>
  ({ translate: 'a translation', reject: 'refused', absent: 'no rule' })[kind];

function connectionsByEndpoint(place: Place, address: ServiceAddress): Record<string, number> {
  const conntrack = openConntrack(place.netns);
  try {
    const { ip, protocol, port } = address;
    const counts: Record<string, number> = {};
    const family = isIpv6(ip) ? 6 : 4;
    for (const { reply } of conntrack.entries({ family, protocol, destination: ip, destinationPort: port })) {
      const endpoint = joinHostPort(reply.source, reply.sourcePort ?? 0);
      counts[endpoint] = (counts[endpoint] ?? 0) + 1;
    }
    return counts;
  } finally {
    conntrack.close();
  }
}

async function recentEvents({ client, namespace, name }: InspectOptions): Promise<string[]> {
  const { items } = await client.resource(eventResource).list({ namespace });
  const time = (event: (typeof items)[number]) =>
    event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
  return items
    .filter(
      (event) =>
        event.involvedObject.name === name &&
        ['Service', 'Endpoints', 'EndpointSlice'].includes(event.involvedObject.kind ?? ''),
    )
    .toSorted((a, b) => (time(a) < time(b) ? -1 : 1))
    .slice(-RECENT_EVENTS)
    .map((event) => `${time(event)} ${event.type ?? ''} ${event.reason ?? ''}: ${event.message ?? ''}`);
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
      return `  ${e.address} ${e.port}  ${state}${e.pod ? `  ${e.pod}` : ''}${e.node ? ` on ${e.node}` : ''}${e.why ? `: ${e.why}` : ''}`;
    }),
    'dns',
    ...inspection.dns.map(
      (d) =>
        `  ${d.ok ? 'ok   ' : 'DRIFT'} ${d.name}: ${d.answer}${d.ok ? '' : ` (expected ${d.expected.join(' ') || 'none'})`}`,
    ),
    'rules',
    ...inspection.rules.flatMap((r) => [
      `  ${r.ok ? 'ok   ' : 'DRIFT'} ${r.node} ${r.address} (${r.mode}): ${r.found}${connectionText(r.connections)}`,
      ...r.problems.map((problem) => `        ${problem}`),
      ...(r.ok ? [] : [`        see: ${r.command}`]),
    ]),
    ...(inspection.events.length === 0 ? [] : ['events', ...inspection.events.map((event) => `  ${event}`)]),
    ...inspection.notes.map((note) => `note: ${note}`),
  ];
  return `${lines.join('\n')}\n`;
}

function connectionText(connections: Readonly<Record<string, number>>): string {
  const parts = Object.entries(connections).map(([endpoint, n]) => `${endpoint} ${n}`);
  return parts.length === 0 ? '' : `; connections now: ${parts.join(', ')}`;
}
