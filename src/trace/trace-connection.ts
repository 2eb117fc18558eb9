// `portico trace`: does what a client would do (ask DNS, then connect) and reports the walk of its packets.
import type { Pod, Service } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { isIpv6 } from '../ip/index.ts';
import { choosePort, clusterIps, ClusterView, nodeIps, podIps } from './cluster-view.ts';
import type { ServicePort, TraceEnvironment } from './cluster-view.ts';
import type { CapturedFrame, Place, ProbeOutcome, Verdict, Walk } from './contract.ts';
import { buildQuestion, NXDOMAIN, parseAnswer } from './dns-question.ts';
import type { DnsAnswer } from './dns-question.ts';
import { prepareUdpProbe } from './probe.ts';
import { parseClientName, parseTargetName, searchNames, serviceOfName } from './target-name.ts';
import { walkConnection } from './walk-connection.ts';
import type { PossibleEndpoint, WalkRequest } from './walk-connection.ts';

/** A name outside the cluster may never be answered; its question is the last. */
const UNWATCHED_TIMEOUT_MS = 1000;

export interface TraceRequest {
  readonly client: Client;
  readonly environment: TraceEnvironment;
  /** A pod, a node or `external`. */
  readonly from: string;
  /** A service name as DNS takes it, `svc/NAME`, `pod/NAME`, `node/NAME`, an address; with `:PORT` if needed. */
  readonly to: string;
  /** Namespace of names that say none. @default 'default' */
  readonly namespace?: string;
  /** @default what the target's port is */
  readonly protocol?: 'tcp' | 'udp';
  /** Connections to make. @default 1 */
  readonly count?: number;
  /** @default 3000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface DnsStep {
  readonly name: string;
  readonly server: string;
  /** Undefined when no answer came. */
  readonly answer?: DnsAnswer;
}

export interface TraceReport {
  readonly from: Place;
  readonly to: string;
  /** The questions asked, in order, and the walk of the first one. */
  readonly dns?: { readonly questions: readonly DnsStep[]; readonly walk: Walk };
  readonly walks: readonly Walk[];
  readonly verdict: Verdict;
  /** What could not be seen or was taken for granted, each a sentence. */
  readonly notes: readonly string[];
}

export interface TraceResult {
  readonly report: TraceReport;
  /** Everything captured, for a pcapng. */
  readonly frames: readonly CapturedFrame[];
}

interface ClientEnd {
  readonly place: Place;
  readonly namespace: string;
  /** Nodes that its packets pass first. */
  readonly nodes: readonly string[];
  /** Whether it asks the cluster's DNS. */
  readonly usesClusterDns: boolean;
}

/** What the client connects to. */
interface Goal {
  readonly host: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly endpoints: readonly PossibleEndpoint[];
  readonly nodes: readonly string[];
  readonly targetName?: string;
  readonly http: boolean;
}

export async function traceConnection(request: TraceRequest): Promise<TraceResult> {
  const view = new ClusterView(request.client, request.environment);
  const namespace = request.namespace ?? 'default';
  const from = await clientEnd(view, request, namespace);
  const frames: CapturedFrame[] = [];
  const tracer: Tracer = { request, view, from, frames };
  const resolved = await resolveTarget(tracer, namespace);
  const base = { from: from.place, to: request.to, ...(resolved.dns && { dns: resolved.dns }) };
  if ('verdict' in resolved) {
    return { report: { ...base, walks: [], verdict: resolved.verdict, notes: view.notes }, frames };
  }
  const walks: Walk[] = [];
  for (let i = 0; i < (request.count ?? 1); i++) walks.push(await walkTo(tracer, resolved.goal));
  const failed = walks.find((walk) => !walk.verdict.ok);
  const verdict = failed?.verdict ??
    walks[0]?.verdict ?? { ok: false, code: 'not-sent', sentence: 'no connection was made' };
  return { report: { ...base, walks, verdict, notes: view.notes }, frames };
}

interface Tracer {
  readonly request: TraceRequest;
  readonly view: ClusterView;
  readonly from: ClientEnd;
  readonly frames: CapturedFrame[];
}

async function clientEnd(view: ClusterView, request: TraceRequest, namespace: string): Promise<ClientEnd> {
  const client = parseClientName(request.from, namespace);
  if (client.kind === 'external') {
    const netns = request.environment.externalNetns();
    if (netns === undefined) throw new UserError('there is no place outside the cluster to trace from on this machine');
    return { place: { kind: 'external', name: 'external', netns }, namespace, nodes: [], usesClusterDns: false };
  }
  const pod = client.kind === 'pod' ? await view.pod(client.namespace, client.name) : undefined;
  if (client.kind === 'pod' && pod !== undefined) return podEnd(view, pod);
  if (client.kind === 'pod' && !client.maybeNode)
    throw new UserError(`there is no pod ${client.namespace}/${client.name}`);
  if ((await view.node(client.name)) === undefined) {
    throw new UserError(
      client.kind === 'node'
        ? `there is no node ${client.name}`
        : `there is no pod ${namespace}/${client.name}, and no node of that name`,
    );
  }
  const place = view.nodePlace(client.name);
  if (place === undefined) throw new UserError(`node ${client.name} is not on this machine: run the trace there`);
  return { place, namespace, nodes: [client.name], usesClusterDns: false };
}

function podEnd(view: ClusterView, pod: Pod): ClientEnd {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const place = view.podPlace(pod);
  const node = pod.spec?.nodeName;
  if (pod.status?.phase !== 'Running' || node === undefined)
    throw new UserError(`pod ${name} is ${pod.status?.phase ?? 'not started'}: a trace starts from a running one`);
  if (place === undefined)
    throw new UserError(`pod ${name} runs on ${node}, which is not on this machine: run the trace there`);
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst';
  const usesClusterDns =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && pod.spec?.hostNetwork !== true);
  return { place, namespace: pod.metadata.namespace ?? 'default', nodes: [node], usesClusterDns };
}

type Resolved =
  | { readonly goal: Goal; readonly dns?: TraceReport['dns'] }
  | { readonly verdict: Verdict; readonly dns?: TraceReport['dns'] };

async function resolveTarget(tracer: Tracer, namespace: string): Promise<Resolved> {
  const { request, view, from } = tracer;
  const target = parseTargetName(request.to, namespace, request.environment.clusterDomain);
  if (target.kind === 'pod') {
    const pod = await view.pod(target.namespace, target.name);
    if (pod === undefined) throw new UserError(`there is no pod ${target.namespace}/${target.name}`);
    return { goal: podGoal(tracer, pod, target.port) };
  }
  if (target.kind === 'node') return { goal: await nodeGoal(tracer, target.name, target.port) };
  if (target.kind === 'address') return { goal: await addressGoal(tracer, target.address, target.port) };
  if (from.usesClusterDns) return resolveByDns(tracer, target.name, target.port);
  const service = await namedService(tracer, target.name);
  if (service === undefined) {
    throw new UserError(
      `there is no service for the name ${target.name}; ${from.place.name} does not ask the cluster's DNS, so only services can be named`,
    );
  }
  view.notes.push(`${from.place.name} does not ask the cluster's DNS: the address is the one the API gives`);
  const [host] = clusterIps(service);
  if (host === undefined)
    throw new UserError(
      `Service ${service.metadata.namespace}/${service.metadata.name} has no virtual address: name a pod of it instead`,
    );
  return { goal: await serviceGoal(tracer, service, host, target.port) };
}

/** The service that the search path would lead to, by the API instead of DNS. */
async function namedService({ request, view, from }: Tracer, name: string): Promise<Service | undefined> {
  const { clusterDomain } = request.environment;
  for (const candidate of searchNames(name, from.namespace, clusterDomain)) {
    const wanted = serviceOfName(candidate, clusterDomain);
    const service = wanted && (await view.service(wanted.namespace, wanted.name));
    if (service !== undefined) return service;
  }
  return undefined;
}

/** The questions of a pod's resolver, one after the other, until one is answered with an address. */
async function resolveByDns(tracer: Tracer, name: string, port: number | undefined): Promise<Resolved> {
  const { request, view, from } = tracer;
  const dnsService = await view.service('kube-system', 'kube-dns');
  const [server] = dnsService === undefined ? [] : clusterIps(dnsService);
  if (dnsService === undefined || server === undefined) {
    throw new UserError(
      'the cluster has no Service kube-system/kube-dns: pods cannot resolve names; trace an address instead',
    );
  }
  const goal = await serviceGoal(tracer, dnsService, server, 53, 'udp');
  const names = searchNames(name, from.namespace, request.environment.clusterDomain);
  const ask = (candidate: string) => buildQuestion(candidate, isIpv6(server) ? 'AAAA' : 'A');
  const walk = await walkTo(tracer, goal, ask(names[0] ?? name));
  const questions: DnsStep[] = [];
  const dns = { questions, walk };
  for (const [i, candidate] of names.entries()) {
    const outcome = i === 0 ? walk.outcome : await askUnwatched(from.place, walk, ask(candidate));
    const answer = outcome.kind === 'connected' ? parseAnswer(Buffer.from(outcome.answer ?? '', 'latin1')) : undefined;
    questions.push({ name: candidate, server, ...(answer && { answer }) });
    if (answer === undefined && i === 0) {
      const sentence = `the name ${candidate} could not be resolved: ${walk.verdict.sentence}`;
      return { verdict: { ok: false, code: walk.verdict.ok ? 'no-reply' : walk.verdict.code, sentence }, dns };
    }
    const host = answer?.addresses[0];
    if (host === undefined) continue;
    const wanted = serviceOfName(candidate, request.environment.clusterDomain);
    const service = wanted && (await view.service(wanted.namespace, wanted.name));
    const next =
      service === undefined ? await addressGoal(tracer, host, port) : await serviceGoal(tracer, service, host, port);
    return { goal: next, dns };
  }
  const sentence = await explainUnknownName(tracer, questions);
  return { verdict: { ok: false, code: 'name-not-found', sentence }, dns };
}

/** Further questions go the way of the first one: they are asked, but not watched. */
function askUnwatched(client: Place, first: Walk, question: Uint8Array): Promise<ProbeOutcome> {
  const target = { netns: client.netns, source: first.source, host: first.destination, port: first.destinationPort };
  return prepareUdpProbe(target, question).run(UNWATCHED_TIMEOUT_MS);
}

/** Which part of the name is not there. */
async function explainUnknownName({ view, request }: Tracer, questions: readonly DnsStep[]): Promise<string> {
  const [first] = questions;
  const name = first?.name ?? request.to;
  const wanted = serviceOfName(name, request.environment.clusterDomain);
  const asked = questions.map((q) => `${q.name} ${q.answer?.rcode ?? 'no answer'}`).join(', ');
  if (wanted === undefined) return `the name ${request.to} does not exist (asked: ${asked})`;
  const service = await view.service(wanted.namespace, wanted.name);
  if (service === undefined)
    return `there is no Service ${wanted.namespace}/${wanted.name}, so its name does not exist (asked: ${asked})`;
  const why =
    first?.answer?.rcode === NXDOMAIN
      ? 'but DNS does not know it yet'
      : 'but DNS has no address for it: it has no ready endpoint';
  return `Service ${wanted.namespace}/${wanted.name} exists, ${why} (asked: ${asked})`;
}

async function serviceGoal(
  tracer: Tracer,
  service: Service,
  host: string,
  port: number | undefined,
  protocol = tracer.request.protocol,
): Promise<Goal> {
  const chosen = choosePort(service, protocol, port);
  const endpoints = await tracer.view.endpoints(service, chosen);
  const virtual = clusterIps(service).includes(host);
  return {
    ...goalOf(service, chosen, endpoints),
    host,
    // A headless name leads straight to a pod, whose port is the target's.
    port: virtual ? chosen.port : (endpoints.find((endpoint) => endpoint.address === host)?.port ?? chosen.port),
  };
}

function goalOf(
  service: Service,
  port: ServicePort,
  endpoints: readonly PossibleEndpoint[],
): Omit<Goal, 'host' | 'port'> {
  const protocol = port.protocol === 'UDP' ? 'udp' : 'tcp';
  return {
    protocol,
    endpoints,
    nodes: endpoints.flatMap((endpoint) => endpoint.node ?? []),
    targetName: `Service ${service.metadata.namespace}/${service.metadata.name}`,
    http:
      protocol === 'tcp' &&
      (port.appProtocol === 'http' || /^http(-|$)/.test(port.name ?? '') || port.port === 80 || port.port === 8080),
  };
}

async function addressGoal(tracer: Tracer, host: string, port: number | undefined): Promise<Goal> {
  const { view, request } = tracer;
  const service = (await view.services()).find((candidate) => clusterIps(candidate).includes(host));
  if (service !== undefined) {
    const known = (service.spec?.ports ?? []).some((p) => port === undefined || p.port === port);
    if (known) return serviceGoal(tracer, service, host, port);
  }
  const pod = await view.podByIp(host);
  if (pod !== undefined) return { ...podGoal(tracer, pod, port), host };
  if (port === undefined)
    throw new UserError(`no service and no pod has the address ${host}: say which port, as in ${host}:80`);
  return { host, port, protocol: request.protocol ?? 'tcp', endpoints: [], nodes: [], http: port === 80 };
}

function podGoal({ view, request }: Tracer, pod: Pod, port: number | undefined): Goal {
  const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
  const [host] = podIps(pod);
  const declared = pod.spec?.containers.flatMap((container) => container.ports ?? [])[0];
  const number = port ?? declared?.containerPort;
  if (host === undefined) throw new UserError(`pod ${name} has no address yet`);
  if (number === undefined)
    throw new UserError(`pod ${name} declares no port: say which one, as in pod/${pod.metadata.name}:80`);
  const protocol = request.protocol ?? (port === undefined && declared?.protocol === 'UDP' ? 'udp' : 'tcp');
  const place = view.podPlace(pod);
  const node = pod.spec?.nodeName;
  const endpoint = {
    address: host,
    port: number,
    usable: true,
    ...(place && { place }),
    ...(node === undefined ? {} : { node }),
  };
  return {
    host,
    port: number,
    protocol,
    endpoints: [endpoint],
    nodes: node === undefined ? [] : [node],
    http: number === 80,
  };
}

/** A node's own address; with a node port, the service behind it. */
async function nodeGoal(tracer: Tracer, name: string, port: number | undefined): Promise<Goal> {
  const { view, request } = tracer;
  const node = await view.node(name);
  if (node === undefined) throw new UserError(`there is no node ${name}`);
  const [host] = nodeIps(node);
  if (host === undefined) throw new UserError(`node ${name} has no InternalIP`);
  if (port === undefined) throw new UserError(`say which port of node ${name}, as in node/${name}:30080`);
  const service = (await view.services()).find((s) => s.spec?.ports?.some((p) => p.nodePort === port));
  if (service === undefined) {
    return { host, port, protocol: request.protocol ?? 'tcp', endpoints: [], nodes: [name], http: port === 80 };
  }
  const chosen = choosePort(service, request.protocol, port, 'nodePort');
  const goal = goalOf(service, chosen, await view.endpoints(service, chosen));
  return { ...goal, host, port, nodes: [...goal.nodes, name] };
}

async function walkTo(tracer: Tracer, goal: Goal, payload?: Uint8Array): Promise<Walk> {
  const { request, view, from, frames } = tracer;
  const walkRequest: WalkRequest = {
    client: from.place,
    protocol: goal.protocol,
    host: goal.host,
    port: goal.port,
    nodes: view.nodePlaces([...from.nodes, ...goal.nodes]),
    endpoints: goal.endpoints,
    timeoutMs: request.timeoutMs ?? 3000,
    vxlanPort: request.environment.vxlanPort ?? 4789,
    ...(goal.targetName === undefined ? {} : { targetName: goal.targetName }),
    ...(goal.http ? { request: httpRequest(request.to) } : {}),
    ...((payload ?? goal.port === 53)
      ? { payload: payload ?? buildQuestion(`kubernetes.default.svc.${request.environment.clusterDomain}`, 'A') }
      : {}),
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  };
  const result = await walkConnection(walkRequest);
  frames.push(...result.frames);
  return result.walk;
}

/** More than one full packet, so that a way on which only small ones pass is found out. */
const PADDING = 'x'.repeat(2000);

const httpRequest = (host: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: portico-trace\r\nAccept: */*\r\nConnection: close\r\nX-Padding: ${PADDING}\r\n\r\n`;
