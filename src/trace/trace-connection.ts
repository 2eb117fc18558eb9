// `portico trace`: does what a client would do (ask DNS, then connect) and reports the walk of its packets.
import type { Pod } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { isIpv6 } from '../ip/index.ts';
import { ClusterView } from './cluster-view.ts';
import type { TraceEnvironment } from './cluster-view.ts';
import type { CapturedFrame, Place, Verdict, Walk } from './contract.ts';
import { buildQuestion } from './dns-question.ts';
import type { Goal } from './goal.ts';
import { resolveTarget } from './resolve-target.ts';
import type { DnsResolution } from './resolve-target.ts';
import { parseClientName } from './target-name.ts';
import { walkConnection } from './walk-connection.ts';
import type { WalkRequest } from './walk-connection.ts';

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

export interface TraceReport {
  readonly from: Place;
  readonly to: string;
  /** The questions asked, in order, and the walk of the first one. */
  readonly dns?: DnsResolution;
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

export async function traceConnection(request: TraceRequest): Promise<TraceResult> {
  const view = new ClusterView(request.client, request.environment);
  const namespace = request.namespace ?? 'default';
  const from = await clientEnd(view, request, namespace);
  const frames: CapturedFrame[] = [];
  const tracer: Tracer = { request, view, from, frames };
  const resolved = await resolveTarget({
    view,
    to: request.to,
    namespace,
    clusterDomain: request.environment.clusterDomain,
    protocol: request.protocol,
    client: from,
    walkTo: (goal, payload) => walkTo(tracer, goal, payload),
  });
  const base = { from: from.place, to: request.to, ...(resolved.dns && { dns: resolved.dns }) };
  if ('verdict' in resolved) {
    return { report: { ...base, walks: [], verdict: resolved.verdict, notes: view.notes }, frames };
  }
  const walks: Walk[] = [];
  const count = request.count ?? 1;
  while (walks.length < count) {
    try {
      walks.push(await walkTo(tracer, resolved.goal));
    } catch (error) {
      // What was seen before is worth telling.
      if (request.signal?.aborted !== true || walks.length === 0) throw error;
      view.note(`interrupted after ${walks.length} of ${count} connections`);
      break;
    }
  }
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
    throw new UserError(await view.missing('pod', client.namespace, client.name));
  if ((await view.node(client.name)) === undefined) {
    throw new UserError(
      client.kind === 'node'
        ? `there is no node ${client.name}`
        : `${await view.missing('pod', namespace, client.name)}, and no node of that name`,
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

async function walkTo(tracer: Tracer, goal: Goal, payload?: Uint8Array): Promise<Walk> {
  const { request, view, from, frames } = tracer;
  const walkRequest: WalkRequest = {
    client: from.place,
    protocol: goal.protocol,
    host: goal.host,
    port: goal.port,
    nodes: view.nodePlaces([...from.nodes, ...goal.nodes]),
    // A translation does not change the family.
    endpoints: goal.endpoints.filter((endpoint) => isIpv6(endpoint.address) === isIpv6(goal.host)),
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
