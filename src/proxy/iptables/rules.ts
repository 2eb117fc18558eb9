// One service port → its iptables rules, as kube-proxy writes them: order, comments and spelling included. Pure.
import { cidrContains } from '../../ip/index.ts';
import {
  isExternallyAccessible,
  type EndpointState,
  type Family,
  type LocalDetector,
  type PortState,
  type ServiceState,
} from '../contract.ts';
import { PACKET_COUNTERS } from './fixed-chains.ts';
import { endpointChain, portChains, type PortChains } from './names.ts';

/** What rules depend on besides the service. */
export interface RuleContext {
  readonly family: Family;
  readonly detector: LocalDetector;
  readonly masqueradeAll: boolean;
  /** More than 1,000 endpoints in the cluster: endpoint rules go without comments. */
  readonly largeCluster: boolean;
  readonly nodeIp: string | undefined;
  /** Node ports also answer on 127.0.0.1 (IPv4 only). */
  readonly localhostNodePorts: boolean;
  /** netfilter accounting objects exist, so rules may count with them. */
  readonly nfacct: boolean;
}

/** Lines of one service, sorted by the chain they belong to. Lines start with `-A`. */
export interface ServiceRules {
  readonly filterServices: readonly string[];
  readonly filterExternal: readonly string[];
  readonly filterNodePorts: readonly string[];
  readonly filterFirewall: readonly string[];
  readonly natServices: readonly string[];
  readonly natNodePorts: readonly string[];
  /** nat chains that are this service's own: name → lines. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
}

export interface MutableRules {
  filterServices: string[];
  filterExternal: string[];
  filterNodePorts: string[];
  filterFirewall: string[];
  natServices: string[];
  natNodePorts: string[];
  chains: Map<string, string[]>;
}

const emptyRules = (): MutableRules => ({
  filterServices: [],
  filterExternal: [],
  filterNodePorts: [],
  filterFirewall: [],
  natServices: [],
  natNodePorts: [],
  chains: new Map(),
});

const comment = (text: string) => `-m comment --comment "${text}"`;
/** kube-proxy leaves a comment that is one word unquoted. */
const bareComment = (text: string) => `-m comment --comment ${text}`;

/** Match for packets that this node's pods sent; undefined: cannot tell. */
export function ifLocal(detector: LocalDetector): string | undefined {
  if (detector.kind === 'none') return undefined;
  if (detector.kind === 'cidr') return `-s ${detector.cidr}`;
  return detector.kind === 'bridge' ? `-i ${detector.name}` : `-i ${detector.prefix}+`;
}

function ifNotLocal(detector: LocalDetector): string | undefined {
  const match = ifLocal(detector);
  return match === undefined ? undefined : `! ${match}`;
}

/** Who answers for traffic that no endpoint can take. */
interface Refusal {
  readonly target: 'REJECT' | 'DROP';
  readonly comment: string;
}

interface Plan {
  readonly port: PortState;
  readonly chains: PortChains;
  readonly match: string;
  /** Refusal of traffic to the cluster IP, and of traffic from outside; undefined: there are endpoints. */
  readonly refuseInternal: Refusal | undefined;
  readonly refuseExternal: Refusal | undefined;
  readonly internalChain: string;
  readonly usesExternalChain: boolean;
  readonly usesFirewall: boolean;
}

function planPort(port: PortState): Plan {
  const chains = portChains(port);
  const noEndpoints: Refusal = { target: 'REJECT', comment: `${port.id} has no endpoints` };
  const noLocal: Refusal = { target: 'DROP', comment: `${port.id} has no local endpoints` };
  const refusal = (local: boolean): Refusal | undefined =>
    !port.hasEndpoints ? noEndpoints : local && port.local.length === 0 ? noLocal : undefined;
  return {
    port,
    chains,
    match: `-m ${port.protocol} -p ${port.protocol}`,
    refuseInternal: refusal(port.internalLocal),
    refuseExternal: refusal(port.externalLocal),
    internalChain: port.internalLocal ? chains.local : chains.cluster,
    usesExternalChain: port.hasEndpoints && isExternallyAccessible(port),
    usesFirewall: port.hasEndpoints && port.loadBalancerIps.length > 0 && port.sourceRanges.length > 0,
  };
}

/** The entries in the chains that all services share. */
function writeEntries(plan: Plan, context: RuleContext, out: MutableRules): void {
  const { port, chains, match, refuseInternal, refuseExternal } = plan;
  const to = (ip: string, number = port.port) => `${match} -d ${ip} --dport ${number}`;
  if (refuseInternal === undefined) {
    const c = comment(`${port.id} cluster IP`);
    out.natServices.push(`-A KUBE-SERVICES ${c} ${to(port.clusterIp)} -j ${plan.internalChain}`);
  } else {
    const { target, comment: why } = refuseInternal;
    out.filterServices.push(`-A KUBE-SERVICES ${comment(why)} ${to(port.clusterIp)} -j ${target}`);
  }
  const refuse = (destination: string) => {
    if (refuseExternal === undefined) return;
    const { target, comment: why } = refuseExternal;
    out.filterExternal.push(`-A KUBE-EXTERNAL-SERVICES ${comment(why)} ${destination} -j ${target}`);
  };
  for (const ip of port.externalIps) {
    if (port.hasEndpoints) {
      const c = comment(`${port.id} external IP`);
      out.natServices.push(`-A KUBE-SERVICES ${c} ${to(ip)} -j ${chains.external}`);
    }
    refuse(to(ip));
  }
  for (const ip of port.loadBalancerIps) {
    if (port.hasEndpoints) {
      const c = comment(`${port.id} loadbalancer IP`);
      const target = plan.usesFirewall ? chains.firewall : chains.external;
      out.natServices.push(`-A KUBE-SERVICES ${c} ${to(ip)} -j ${target}`);
    }
    if (plan.usesFirewall) {
      const c = comment(`${port.id} traffic not accepted by ${chains.firewall}`);
      out.filterFirewall.push(`-A KUBE-PROXY-FIREWALL ${c} ${to(ip)} -j DROP`);
    }
    refuse(to(ip));
  }
  if (port.nodePort !== 0) {
    if (port.hasEndpoints) {
      const entry = `-A KUBE-NODEPORTS ${bareComment(port.id)} ${match}`;
      const end = `--dport ${port.nodePort}`;
      if (context.nfacct && context.family === 'IPv4' && context.localhostNodePorts) {
        const count = `-m nfacct --nfacct-name ${PACKET_COUNTERS.localhostNodePorts}`;
        out.natNodePorts.push(`${entry} -d 127.0.0.0/8 ${end} ${count} -j ${chains.external}`);
      }
      out.natNodePorts.push(`${entry} ${end} -j ${chains.external}`);
    }
    refuse(`-m addrtype --dst-type LOCAL ${match} --dport ${port.nodePort}`);
  }
  if (port.healthCheckNodePort !== 0) {
    const c = comment(`${port.id} health check node port`);
    out.filterNodePorts.push(`-A KUBE-NODEPORTS ${c} -m tcp -p tcp --dport ${port.healthCheckNodePort} -j ACCEPT`);
  }
}

/** KUBE-EXT-…: masquerade where the answer could miss this node, then on to the policy's chain. */
function externalLines(plan: Plan, context: RuleContext): string[] {
  const { port, chains } = plan;
  const rule = (text: string) => `-A ${chains.external} ${text}`;
  const lines: string[] = [];
  if (!port.externalLocal) {
    lines.push(rule(`${comment(`masquerade traffic for ${port.id} external destinations`)} -j KUBE-MARK-MASQ`));
  } else {
    const pods = ifLocal(context.detector);
    const c = comment(`pod traffic for ${port.id} external destinations`);
    if (pods !== undefined) lines.push(rule(`${c} ${pods} -j ${chains.cluster}`));
    const host = '-m addrtype --src-type LOCAL';
    const masquerade = comment(`masquerade LOCAL traffic for ${port.id} external destinations`);
    const route = comment(`route LOCAL traffic for ${port.id} external destinations`);
    lines.push(rule(`${masquerade} ${host} -j KUBE-MARK-MASQ`), rule(`${route} ${host} -j ${chains.cluster}`));
  }
  if (plan.refuseExternal === undefined) {
    lines.push(rule(`-j ${port.externalLocal ? chains.local : chains.cluster}`));
  }
  return lines;
}

function firewallLines(plan: Plan, context: RuleContext): string[] {
  const { port, chains } = plan;
  const c = comment(`${port.id} loadbalancer IP`);
  const allow = (source: string) => `-A ${chains.firewall} ${c} -s ${source} -j ${chains.external}`;
  const lines = port.sourceRanges.map(allow);
  const { nodeIp } = context;
  // A node that uses the address sends from the address itself when a load balancer bound it to a local device.
  if (nodeIp !== undefined && port.sourceRanges.some((r) => cidrContains(r, nodeIp))) {
    lines.push(...port.loadBalancerIps.map(allow));
  }
  // Counts what falls through; KUBE-PROXY-FIREWALL drops it.
  lines.push(`-A ${chains.firewall} ${comment(`other traffic to ${port.id} will be dropped by KUBE-PROXY-FIREWALL`)}`);
  return lines;
}

/** Chance of rule i among n that stand in a row, so that each endpoint gets an equal share. */
const probability = (i: number, n: number): string => (1 / (n - i)).toFixed(10);

/** KUBE-SVC-… or KUBE-SVL-…: the choice of an endpoint. */
function choiceLines(chain: string, port: PortState, endpoints: readonly EndpointState[], large: boolean): string[] {
  const lines: string[] = [];
  const targets = endpoints.map((e) => ({ e, chain: endpointChain(port, e) }));
  const note = (e: EndpointState) => (large ? '' : ` ${comment(`${port.id} -> ${e.text}`)}`);
  if (port.affinitySeconds > 0) {
    for (const t of targets) {
      const recent = `-m recent --name ${t.chain} --rcheck --seconds ${port.affinitySeconds} --reap`;
      lines.push(`-A ${chain}${note(t.e)} ${recent} -j ${t.chain}`);
    }
  }
  for (const [i, t] of targets.entries()) {
    const last = i === targets.length - 1;
    const chance = last ? '' : ` -m statistic --mode random --probability ${probability(i, targets.length)}`;
    lines.push(`-A ${chain}${note(t.e)}${chance} -j ${t.chain}`);
  }
  return lines;
}

/** KUBE-SEP-…: hairpin masquerade, affinity, DNAT. */
function endpointLines(chain: string, plan: Plan, e: EndpointState, large: boolean): string[] {
  const start = large ? `-A ${chain}` : `-A ${chain} ${bareComment(plan.port.id)}`;
  const recent = plan.port.affinitySeconds > 0 ? ` -m recent --name ${chain} --set` : '';
  return [
    `${start} -s ${e.ip} -j KUBE-MARK-MASQ`,
    `${start}${recent} ${plan.match} -j DNAT --to-destination ${e.text}`,
  ];
}

function writeChains(plan: Plan, context: RuleContext, out: MutableRules): void {
  const { port, chains } = plan;
  const large = context.largeCluster;
  const usesCluster = port.usesCluster && port.cluster.length > 0;
  const usesLocal = port.usesLocal && port.local.length > 0;
  if (usesCluster) out.chains.set(chains.cluster, []);
  if (usesLocal) out.chains.set(chains.local, []);
  if (plan.refuseInternal === undefined) {
    const source = context.masqueradeAll ? '' : ifNotLocal(context.detector);
    if (source !== undefined) {
      const to = `${comment(`${port.id} cluster IP`)} ${plan.match} -d ${port.clusterIp} --dport ${port.port}`;
      const match = source === '' ? to : `${to} ${source}`;
      out.chains.get(plan.internalChain)?.push(`-A ${plan.internalChain} ${match} -j KUBE-MARK-MASQ`);
    }
  }
  if (plan.usesExternalChain) out.chains.set(chains.external, externalLines(plan, context));
  if (plan.usesFirewall) out.chains.set(chains.firewall, firewallLines(plan, context));
  if (usesCluster) out.chains.get(chains.cluster)?.push(...choiceLines(chains.cluster, port, port.cluster, large));
  if (usesLocal) out.chains.get(chains.local)?.push(...choiceLines(chains.local, port, port.local, large));
  for (const e of [...(usesCluster ? port.cluster : []), ...(usesLocal ? port.local : [])]) {
    const chain = endpointChain(port, e);
    if (!out.chains.has(chain)) out.chains.set(chain, endpointLines(chain, plan, e, large));
  }
}

/** @example serviceRules(state, context).natServices[0] // -A KUBE-SERVICES -m comment --comment "default/nginx cluster IP" … */
export function serviceRules(service: ServiceState, context: RuleContext): ServiceRules {
  const out = emptyRules();
  for (const port of service.ports) {
    const plan = planPort(port);
    writeEntries(plan, context, out);
    writeChains(plan, context, out);
  }
  return out;
}
