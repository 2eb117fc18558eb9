// What each node's kernel does with the addresses of a service, against what its EndpointSlices say.
import type { EndpointSlice, Node, Service } from '../api/objects.ts';
import { canonicalIp, isIpv6, joinHostPort } from '../ip/index.ts';
import { openConntrack, runCommand } from '../linux/index.ts';
import { clusterIps, externalIps, nodeIps } from './cluster-view.ts';
import type { ServicePort } from './cluster-view.ts';
import type { Place } from './contract.ts';
import { baseProblemsInIptables, baseProblemsInNft } from './masquerade-checks.ts';
import { commandIn } from './network-checks.ts';
import { parseNftRuleset } from './nft-ruleset.ts';
import { readSavedText } from './saved-rules.ts';
import {
  addressesInIptables,
  addressesInNft,
  programmedInIptables,
  programmedInNft,
  savedRules,
} from './programmed.ts';
import type { Programmed, ServiceAddress } from './programmed.ts';

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

type SliceEndpoint = EndpointSlice['endpoints'][number];

/** Which endpoints get connections: ready ones, or those serving on their way out when no other is left anywhere. */
export function usability(slices: readonly EndpointSlice[]): (endpoint: SliceEndpoint) => boolean {
  const ready = (endpoint: SliceEndpoint) => endpoint.conditions?.ready !== false;
  if (slices.some((slice) => (slice.endpoints ?? []).some(ready))) return ready;
  return (endpoint) => endpoint.conditions?.serving === true && endpoint.conditions.terminating === true;
}

interface Expectation {
  readonly targets: readonly string[];
  /** Those on the node itself. */
  readonly local?: readonly string[];
  /** Connections from outside need the node's address, to come back this way. */
  readonly masqueraded?: boolean;
  /** Topology hints let each node take some of them only. */
  readonly subset: boolean;
  readonly kind: Programmed['kind'];
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
  const own = new Set<string>();
  const targets = slices.flatMap((slice) => {
    if ((slice.addressType === 'IPv6') !== family) return [];
    const number = slice.ports?.find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )?.port;
    if (number === undefined) return [];
    return (slice.endpoints ?? []).filter(usable).flatMap((endpoint) => {
      if (endpoint.hints !== undefined) subset = true;
      if (local && endpoint.nodeName !== node) return [];
      return endpoint.addresses.map((address) => {
        const target = joinHostPort(canonicalIp(address) ?? address, number);
        if (endpoint.nodeName === node) own.add(target);
        return target;
      });
    });
  });
  return {
    targets: [...new Set(targets)].toSorted(),
    local: [...own],
    masqueraded: external && !local && targets.length > 0,
    subset,
    kind: targets.length === 0 ? 'reject' : 'translate',
  };
}

/** Every address of the service on every node, and what the kernel has for its addresses beyond that. */
export function inspectRules(
  service: Service,
  slices: readonly EndpointSlice[],
  nodes: readonly { readonly rules: NodeRules; readonly ips: readonly string[] }[],
): InspectedRule[] {
  const ports = service.spec?.ports ?? [];
  const virtual = clusterIps(service);
  const outside = externalIps(service);
  return nodes.flatMap(({ rules, ips }) => {
    const checks = [
      ...virtual.flatMap((ip) =>
        ports.map((port) => ({ port, address: { ip, port: port.port, protocol: protocolOf(port) } })),
      ),
      ...outside.flatMap((ip) =>
        ports.map((port) => ({ port, address: { ip, port: port.port, protocol: protocolOf(port), external: true } })),
      ),
      ...ips.flatMap((ip) =>
        ports.flatMap((port): { port: ServicePort; address: ServiceAddress }[] => {
          if (!port.nodePort || !virtual.some((v) => isIpv6(v) === isIpv6(ip))) return [];
          return [{ port, address: { ip, port: port.nodePort, protocol: protocolOf(port), nodePort: true } }];
        }),
      ),
    ];
    const judged = checks.map(({ port, address }: { port: ServicePort; address: ServiceAddress }) => {
      const at = { node: rules.place.name, external: address.nodePort === true || address.external === true };
      return judgeRule(rules, address, expectation(service, port, slices, isIpv6(address.ip), at));
    });
    const known = new Set(checks.map(({ address }) => addressText(address)));
    const surplus = rules.held.filter((address) => virtual.includes(address.ip) && !known.has(addressText(address)));
    return [
      ...baseRows(rules, service),
      ...judged,
      ...surplus.map((address) => judgeRule(rules, address, NOTHING_WANTED)),
    ];
  });
}

/** Stands for an address in the row about what no Service works without. */
export const EVERY_SERVICE = 'every Service';

function baseRows(rules: NodeRules, service: Service): InspectedRule[] {
  if (rules.base.length === 0 || clusterIps(service).length === 0) return [];
  return [
    {
      node: rules.place.name,
      mode: rules.mode,
      address: EVERY_SERVICE,
      expected: 'ways in, and masquerade',
      found: 'not all of it',
      ok: false,
      problems: rules.base,
      command: commandIn(
        rules.place.netns,
        rules.mode === 'nftables' ? 'nft -t list table ip portico' : 'iptables-save -t nat',
      ),
      connections: {},
    },
  ];
}

/** Node ports answer on the primary address of each family in every mode. */
export function primaryIps(node: Node): string[] {
  const all = nodeIps(node);
  return [all.find((ip) => !isIpv6(ip)), all.find((ip) => isIpv6(ip))].flatMap((ip) => ip ?? []);
}

function protocolOf(port: ServicePort): ServiceAddress['protocol'] {
  return port.protocol === 'UDP' ? 'udp' : port.protocol === 'SCTP' ? 'sctp' : 'tcp';
}

/** What one node's kernel holds of service rules and connections, read once. */
export interface NodeRules {
  readonly place: Place;
  readonly mode: InspectedRule['mode'];
  about(address: ServiceAddress): Programmed;
  /** Every address that its rules translate or refuse; node ports are not among them. */
  readonly held: readonly ServiceAddress[];
  connections(address: ServiceAddress): Readonly<Record<string, number>>;
  /** What is wrong for every Service of the node. */
  readonly base: readonly string[];
  /** A command that shows the rules about an address, to be run on the node. */
  list(address: ServiceAddress): string;
}

/** The rules of a node in the words of the tool that made them. */
export async function readNodeRules(place: Place, families: ReadonlySet<4 | 6>): Promise<NodeRules> {
  const read = async (family: 4 | 6, command: string, args: string[]) =>
    families.has(family) ? (await runCommand(command, args, { netns: place.netns })).stdout : '';
  const [nft4, nft6] = await Promise.all([
    read(4, 'nft', ['list', 'table', 'ip', 'portico']),
    read(6, 'nft', ['list', 'table', 'ip6', 'portico']),
  ]);
  const connections = readConnections(place, families);
  if (nft4 !== '' || nft6 !== '') {
    const rulesets = { v4: parseNftRuleset(nft4), v6: parseNftRuleset(nft6) };
    return {
      place,
      mode: 'nftables',
      about: (address) => programmedInNft(isIpv6(address.ip) ? rulesets.v6 : rulesets.v4, address),
      held: [...addressesInNft(rulesets.v4), ...addressesInNft(rulesets.v6)],
      base: nft4 === '' ? [] : baseProblemsInNft(rulesets.v4),
      connections,
      list: (address) => `nft list table ${isIpv6(address.ip) ? 'ip6' : 'ip'} portico`,
    };
  }
  const [v4, v6] = await Promise.all(
    ([4, 6] as const).map(async (family) => (families.has(family) ? readSavedText(place.netns, family) : undefined)),
  );
  const saved = { v4: savedRules(v4?.text ?? ''), v6: savedRules(v6?.text ?? '') };
  const list = (address: ServiceAddress) => {
    const program = isIpv6(address.ip) ? (v6?.program ?? 'ip6tables-save') : (v4?.program ?? 'iptables-save');
    return `${program} | grep -e ${address.nodePort === true ? `'--dport ${address.port}'` : address.ip}`;
  };
  if (![v4, v6].some((side) => side?.text.includes('KUBE-SERVICES'))) {
    const problems = ['the node has no rules of a service proxy'];
    return {
      place,
      mode: 'none',
      about: () => ({ kind: 'absent', targets: [], problems }),
      held: [],
      base: [],
      connections,
      list,
    };
  }
  return {
    place,
    mode: 'iptables',
    about: (address) => programmedInIptables(isIpv6(address.ip) ? saved.v6 : saved.v4, address),
    held: [...addressesInIptables(saved.v4), ...addressesInIptables(saved.v6)],
    base: v4?.text.includes('KUBE-SERVICES') === true ? baseProblemsInIptables(saved.v4) : [],
    connections,
    list,
  };
}

/** The kernel walks its whole table for any question, so it is asked once. */
function readConnections(place: Place, families: ReadonlySet<4 | 6>): NodeRules['connections'] {
  const counts = new Map<string, Record<string, number>>();
  const conntrack = openConntrack(place.netns);
  try {
    for (const { original, reply } of [...families].flatMap((family) => conntrack.entries({ family }))) {
      const key = `${original.destination} ${original.destinationPort ?? 0} ${original.protocol}`;
      const own = counts.get(key) ?? {};
      const endpoint = joinHostPort(reply.source, reply.sourcePort ?? 0);
      own[endpoint] = (own[endpoint] ?? 0) + 1;
      counts.set(key, own);
    }
  } finally {
    conntrack.close();
  }
  return ({ ip, port, protocol }) => counts.get(`${ip} ${port} ${protocol}`) ?? {};
}

export const addressText = ({ ip, port, protocol }: ServiceAddress): string => `${joinHostPort(ip, port)}/${protocol}`;

const NOTHING_WANTED: Expectation = { targets: [], subset: false, kind: 'absent' };

export function judgeRule(rules: NodeRules, address: ServiceAddress, wanted: Expectation): InspectedRule {
  const found = rules.about(address);
  const missing = wanted.subset ? [] : wanted.targets.filter((target) => !found.targets.includes(target));
  const extra = found.targets.filter((target) => !wanted.targets.includes(target));
  const problems = [
    ...found.problems,
    ...(found.kind === wanted.kind ? [] : [`expected ${kindText(wanted.kind)}, found ${kindText(found.kind)}`]),
    ...missing.map((target) => `endpoint ${target} gets no connections`),
    ...extra.map((target) => `${target} gets connections and is no usable endpoint`),
    ...(found.noHairpin ?? [])
      .filter((target) => wanted.local?.includes(target) === true)
      .map((target) => `${target} is not masqueraded when it reaches itself: such connections hang`),
    ...(found.kind === 'translate' && wanted.masqueraded === true && found.marked !== true
      ? ['connections from outside are not masqueraded: their answers go past this node']
      : []),
  ];
  return {
    node: rules.place.name,
    mode: rules.mode,
    address: addressText(address),
    expected: wanted.kind === 'translate' ? wanted.targets.join(' ') : kindText(wanted.kind),
    found: found.kind === 'translate' ? found.targets.join(' ') || 'nothing' : kindText(found.kind),
    ok: problems.length === 0,
    problems,
    command: commandIn(rules.place.netns, rules.list(address)),
    connections: rules.connections(address),
  };
}

const kindText = (kind: Programmed['kind']) =>
  ({ translate: 'a translation', reject: 'refused', absent: 'no rule' })[kind];
