// Gives the rules of a walk their words, adds those of iptables-legacy, which the kernel's trace does not know, and says
// with what probability they chose the endpoint.
import { isIpv6 } from '../ip/index.ts';
import { choiceOf } from './choice.ts';
import type { Choice, PassedRule } from './choice.ts';
import type { Change, EndpointReached, Hop, Leg, Place, RuleStep } from './contract.ts';
import { legacyChains } from './legacy-rules.ts';
import { readBackSteps, refusingRules, translatingRules } from './legacy-path.ts';
import type { LegacyPacket, SavedChains } from './legacy-path.ts';
import { formatAddressPort } from './packet.ts';
import { randomPick } from './nft-ruleset.ts';
import { readElements, withRuleTexts } from './rule-texts.ts';

export interface Sent {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
}

export interface WalkRules {
  readonly legs: readonly Leg[];
  /** Rules of the request with the chains they stand in. */
  readonly passed: readonly PassedRule[];
  readonly notes: readonly string[];
}

export async function readWalkRules(merged: readonly Leg[], nodes: readonly Place[], sent: Sent): Promise<WalkRules> {
  const { legs, chainOf } = await nameRules(merged, nodes);
  const notes: string[] = [];
  let withLegacy: readonly Leg[] = legs;
  const legacyChainOf = new Map<RuleStep, readonly string[]>();
  for (const node of nodes) {
    const chains = await legacyChains(node.netns, isIpv6(sent.host) ? 6 : 4);
    if (chains === undefined) continue;
    withLegacy = addLegacyRules(withLegacy, node, chains, sent);
    const own = withLegacy.flatMap(stepsOf).filter((step) => step.readBack === true && step.node === node.name);
    for (const step of own) legacyChainOf.set(step, chains.get(`${step.table} ${step.chain}`) ?? []);
    notes.push(
      `${node.name} has rules of iptables-legacy, which do not tell what passes them: ` +
        (own.length === 0
          ? "'iptables-legacy-save' there lists them"
          : 'the rules that do what was seen were read back from iptables-legacy-save'),
    );
  }
  const request = withLegacy.find((leg) => leg.name === 'request');
  const passed = (request === undefined ? [] : stepsOf(request)).map((step) => {
    return { step, chain: legacyChainOf.get(step) ?? chainOf.get(step) ?? [] };
  });
  return { legs: withLegacy, passed, notes };
}

const stepsOf = (leg: Leg): RuleStep[] => [...leg.hops.flatMap((hop) => hop.rules), ...leg.rulesAfter];

async function nameRules(legs: readonly Leg[], nodes: readonly Place[]) {
  const texts = new Map<RuleStep, RuleStep>();
  const chainOf = new Map<RuleStep, readonly string[]>();
  const all = legs.flatMap(stepsOf);
  await Promise.all(
    nodes.map(async (node) => {
      const own = all.filter((step) => step.node === node.name);
      const named = await withRuleTexts(node, own);
      for (const [i, { step, chain }] of named.entries()) {
        texts.set(own[i] ?? step, step);
        chainOf.set(step, chain);
      }
    }),
  );
  const named = (steps: readonly RuleStep[]) => steps.map((step) => texts.get(step) ?? step);
  return {
    chainOf,
    legs: legs.map((leg) => ({
      ...leg,
      hops: leg.hops.map((hop) => ({ ...hop, rules: named(hop.rules) })),
      rulesAfter: named(leg.rulesAfter),
    })),
  };
}

/** What the request met on one node: the rules that did the translation that was seen, or those that refuse it. */
export function addLegacyRules(legs: readonly Leg[], node: Place, chains: SavedChains, sent: Sent): Leg[] {
  const family = isIpv6(sent.host) ? 'ip6' : 'ip';
  const client: LegacyPacket = { protocol: sent.protocol, destination: sent.host, destinationPort: sent.port };
  return legs.map((leg): Leg => {
    if (leg.name !== 'request') return leg;
    let before = client;
    const hops = leg.hops.map((hop): Hop => {
      const dnat = hop.place.name === node.name ? hop.changes.find(isDnat) : undefined;
      const rules = dnat === undefined ? [] : translatingRules(chains, before, dnat.to);
      before = packetOf(hop);
      return rules.length === 0
        ? hop
        : { ...hop, rules: [...readBackSteps(node.name, family, 'nat', rules), ...hop.rules] };
    });
    const last = hops.at(-1);
    const stopped = last === undefined || (last.place.netns === node.netns && last.direction === 'in');
    const refusing = stopped ? refusingRules(chains, before) : [];
    return {
      ...leg,
      hops,
      rulesAfter: [...leg.rulesAfter, ...readBackSteps(node.name, family, 'filter', refusing)],
    };
  });
}

const isDnat = (change: Change): change is Change & { readonly kind: 'dnat'; readonly to: string } =>
  change.kind === 'dnat';
const packetOf = ({ packet }: Hop): LegacyPacket => ({
  protocol: packet.protocol === 'udp' ? 'udp' : 'tcp',
  destination: packet.destination,
  destinationPort: packet.destinationPort,
});

/** Undefined when no rule chose. */
export async function readChoice(
  { passed }: WalkRules,
  nodes: readonly Place[],
  sent: Sent,
  endpoint: EndpointReached,
): Promise<Choice | undefined> {
  const packet = { daddr: sent.host, protocol: sent.protocol, dport: sent.port };
  const read = await Promise.all(
    passed.map(async (rule): Promise<PassedRule> => {
      const pick = randomPick(rule.step.text ?? '', packet);
      const node = nodes.find(({ name }) => name === rule.step.node);
      if (pick?.map === undefined || node === undefined) return rule;
      const { family, table } = rule.step;
      return { ...rule, elements: await readElements(node, { family, table, name: pick.map }, pick.keys) };
    }),
  );
  return choiceOf(read, packet, endpoint);
}

/** The endpoint that the request ended at, and what chose it. */
export async function withChoice(
  endpoint: EndpointReached | undefined,
  rules: WalkRules,
  nodes: readonly Place[],
  sent: Sent,
): Promise<EndpointReached | undefined> {
  const translated = rules.legs.some(
    (leg) => leg.name === 'request' && leg.hops.some((hop) => hop.changes.some(isDnat)),
  );
  const before = formatAddressPort(sent.host, sent.port);
  if (endpoint === undefined || (!translated && formatAddressPort(endpoint.address, endpoint.port) === before))
    return endpoint;
  const choice = await readChoice(rules, nodes, sent, endpoint);
  return choice === undefined ? endpoint : { ...endpoint, probability: choice.probability, chosenBy: choice.by };
}
