// With what probability the rules that a packet passed chose its endpoint, from those rules as they were read back. Pure.
import { joinHostPort } from '../ip/index.ts';
import type { RuleStep } from './contract.ts';
import { hostPort, randomPick } from './nft-ruleset.ts';
import type { NftPacket } from './nft-ruleset.ts';

export interface Choice {
  /** Of a new connection to get this endpoint, 0 to 1. */
  readonly probability: number;
  /** At random, kept from an earlier connection of the client, or for want of another. */
  readonly by: 'random' | 'affinity' | 'only';
}

export interface PassedRule {
  readonly step: RuleStep;
  /** All rules of its chain, in order, in the words of its tool. */
  readonly chain: readonly string[];
  /** Elements of the map that an nft rule chose from, as far as they were read. */
  readonly elements?: ReadonlyMap<string, string>;
}

export interface ChosenEndpoint {
  readonly address: string;
  readonly port: number;
}

/** Undefined when none of the rules translates. `packet` is as the client sent it. */
export function choiceOf(
  passed: readonly PassedRule[],
  packet: NftPacket,
  endpoint: ChosenEndpoint,
): Choice | undefined {
  if (!passed.some(({ step }) => translates(step.text ?? ''))) return undefined;
  if (passed.some(({ step }) => keepsEndpoint(step.text ?? ''))) return { probability: 1, by: 'affinity' };
  const shares = passed.flatMap((rule, i) => {
    // Of a chain that went on after a rule that only marked, the rule that led away counts.
    const later = passed.slice(i + 1).some(({ step }) => sameChain(step, rule.step));
    return later ? [] : (iptablesShare(rule) ?? nftShare(rule, packet, endpoint) ?? []);
  });
  if (shares.length === 0) return { probability: 1, by: 'only' };
  const probability = shares.reduce((product, share) => product * share, 1);
  return { probability, by: probability === 1 ? 'only' : 'random' };
}

const translates = (text: string) => / -j DNAT /.test(text) || /(^| )dnat /.test(text);

/** `-m recent --rcheck`, `ip saddr @affinity-… goto …`. */
const keepsEndpoint = (text: string) =>
  (/ -m recent /.test(text) && / --rcheck /.test(text)) || /@affinity-\S+ (?:goto|jump|dnat) /.test(text);

const sameChain = (a: RuleStep, b: RuleStep) =>
  a.node === b.node && a.family === b.family && a.table === b.table && a.chain === b.chain;

const probabilityOf = (text: string): number | undefined => {
  const written = /-m statistic --mode random --probability ([\d.]+)/.exec(text)?.[1];
  return written === undefined ? undefined : Number(written);
};

/** Each rule takes its share of what those before it left; the last one takes what is left. */
function iptablesShare({ step, chain }: PassedRule): number | undefined {
  const at = chain.indexOf(step.text ?? '');
  if (at < 0 || !chain.some((text) => probabilityOf(text) !== undefined)) return undefined;
  const left = chain.slice(0, at).reduce((rest, text) => rest * (1 - (probabilityOf(text) ?? 0)), 1);
  return left * (probabilityOf(step.text ?? '') ?? 1);
}

/** Several numbers may stand for the same endpoint. */
function nftShare({ step, elements }: PassedRule, packet: NftPacket, endpoint: ChosenEndpoint): number | undefined {
  const pick = randomPick(step.text ?? '', packet);
  const map = pick?.elements ?? elements;
  if (pick === undefined || map === undefined || pick.keys.length === 0) return undefined;
  const wanted = joinHostPort(endpoint.address, endpoint.port);
  const mine = pick.keys.filter((key) => {
    const data = map.get(key);
    return data !== undefined && (data === step.verdict || hostPort(data, packet) === wanted);
  });
  return mine.length / pick.keys.length;
}
