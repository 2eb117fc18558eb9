// From what people type as TO to what the client connects to, the way its own resolver would get there.
import type { Service } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { isIpv6 } from '../ip/index.ts';
import { clusterIps } from './cluster-view.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Place, ProbeOutcome, Verdict, Walk } from './contract.ts';
import { buildQuestion, parseAnswer } from './dns-question.ts';
import type { AddressType, DnsAnswer } from './dns-question.ts';
import { addressGoal, nodeGoal, podGoal, serviceGoal, undiscoveredGoal } from './goal.ts';
import type { Goal, Protocol, Wanted } from './goal.ts';
import { prepareUdpProbe } from './probe.ts';
import { parseTargetName, searchNames, serviceOfName } from './target-name.ts';
import { explainUnknownName } from './unknown-name.ts';

/** A name outside the cluster may never be answered; its question is the last. */
const UNWATCHED_TIMEOUT_MS = 1000;

export interface DnsStep {
  readonly name: string;
  readonly type: AddressType;
  readonly server: string;
  /** Undefined when no answer came. */
  readonly answer?: DnsAnswer;
}

export interface DnsResolution {
  readonly questions: readonly DnsStep[];
  readonly walk: Walk;
}

export type Resolved =
  | { readonly goal: Goal; readonly dns?: DnsResolution }
  | { readonly verdict: Verdict; readonly dns?: DnsResolution };

export interface ResolveRequest {
  readonly view: ClusterView;
  readonly to: string;
  /** Namespace of `pod/NAME` and `svc/NAME`. */
  readonly namespace: string;
  readonly clusterDomain: string;
  readonly protocol: Protocol | undefined;
  readonly client: {
    readonly place: Place;
    /** Namespace that its search path begins with. */
    readonly namespace: string;
    /** Whether it asks the cluster's DNS. */
    readonly usesClusterDns: boolean;
  };
  /** Makes a connection of the client and watches it. */
  readonly walkTo: (goal: Goal, payload: Uint8Array) => Promise<Walk>;
}

export async function resolveTarget(request: ResolveRequest): Promise<Resolved> {
  const { view, client } = request;
  const target = parseTargetName(request.to, request.namespace, request.clusterDomain);
  const wanted: Wanted = { view, protocol: request.protocol, port: target.port };
  if (target.kind === 'pod') {
    const pod = await view.pod(target.namespace, target.name);
    if (pod === undefined) throw new UserError(await view.missing('pod', target.namespace, target.name));
    return { goal: podGoal(wanted, pod) };
  }
  if (target.kind === 'node') return { goal: await nodeGoal(wanted, target.name) };
  if (target.kind === 'address') return { goal: await addressGoal(wanted, target.address) };
  if (client.usesClusterDns) return resolveByDns(request, wanted, target.name);
  const service = await namedService(request, target.name);
  if (service === undefined) {
    throw new UserError(
      `there is no Service for the name ${target.name}; ${client.place.name} does not ask the cluster's DNS, so only Services can be named`,
    );
  }
  return { goal: await undiscoveredGoal(wanted, service, client.place.kind === 'external' ? 'external' : 'node') };
}

/** The service that the search path would lead to, by the API instead of DNS. */
async function namedService({ view, client, clusterDomain }: ResolveRequest, name: string) {
  for (const candidate of searchNames(name, client.namespace, clusterDomain)) {
    const service = await serviceCalled(view, candidate, clusterDomain);
    if (service !== undefined) return service;
  }
  return undefined;
}

async function serviceCalled(view: ClusterView, name: string, clusterDomain: string): Promise<Service | undefined> {
  const wanted = serviceOfName(name, clusterDomain);
  return wanted && (await view.service(wanted.namespace, wanted.name));
}

/**
 * The questions of a pod's resolver, one after the other, until one is answered with an address: each name of the search
 * path, and where it exists without an address of the one family, the other. In two families the one of the DNS server
 * comes first.
 */
async function resolveByDns(request: ResolveRequest, wanted: Wanted, name: string): Promise<Resolved> {
  const { view, client, clusterDomain } = request;
  const dnsService = await view.service('kube-system', 'kube-dns');
  const [server] = dnsService === undefined ? [] : clusterIps(dnsService);
  if (dnsService === undefined || server === undefined) {
    throw new UserError(
      'the cluster has no Service kube-system/kube-dns: pods cannot resolve names; trace an address instead',
    );
  }
  const goal = await serviceGoal({ view, protocol: 'udp', port: 53 }, dnsService, server);
  const names = searchNames(name, client.namespace, clusterDomain);
  const types: readonly AddressType[] = isIpv6(server) ? ['AAAA', 'A'] : ['A', 'AAAA'];
  const walk = await request.walkTo(goal, buildQuestion(names[0] ?? name, types[0] ?? 'A'));
  const questions: DnsStep[] = [];
  const dns = { questions, walk };
  for (const candidate of names) {
    for (const type of types) {
      const isFirst = questions.length === 0;
      const outcome = isFirst ? walk.outcome : await askUnwatched(client.place, walk, buildQuestion(candidate, type));
      const answer =
        outcome.kind === 'connected' ? parseAnswer(Buffer.from(outcome.answer ?? '', 'latin1')) : undefined;
      questions.push({ name: candidate, type, server, ...(answer && { answer }) });
      if (answer === undefined && isFirst) {
        const sentence = `the name ${candidate} could not be resolved: ${walk.verdict.sentence}`;
        return { verdict: { ok: false, code: walk.verdict.ok ? 'no-reply' : walk.verdict.code, sentence }, dns };
      }
      const host = answer?.addresses[0];
      if (host !== undefined) return { goal: await answeredGoal(request, wanted, candidate, host), dns };
      // A name that does not exist has no address of any family, and who did not answer will not.
      if (answer?.rcode !== 'NOERROR') break;
    }
  }
  const sentence = await explainUnknownName({ view, clusterDomain, name, questions });
  return { verdict: { ok: false, code: 'name-not-found', sentence }, dns };
}

async function answeredGoal(request: ResolveRequest, wanted: Wanted, name: string, host: string): Promise<Goal> {
  const { view, clusterDomain } = request;
  const service = await serviceCalled(view, name, clusterDomain);
  if (service === undefined) return addressGoal(wanted, host);
  if (service.spec?.type !== 'ExternalName') return serviceGoal(wanted, service, host);
  const { namespace, name: own } = service.metadata;
  view.note(`Service ${namespace}/${own} is another name for ${service.spec.externalName}, which DNS says is ${host}`);
  return addressGoal(wanted, host);
}

/** Further questions go the way of the first one: they are asked, but not watched. */
function askUnwatched(client: Place, first: Walk, question: Uint8Array): Promise<ProbeOutcome> {
  const target = { netns: client.netns, source: first.source, host: first.destination, port: first.destinationPort };
  return prepareUdpProbe(target, question).run(UNWATCHED_TIMEOUT_MS);
}
