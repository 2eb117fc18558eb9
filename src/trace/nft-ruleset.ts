// Reads what `nft list table` prints and follows one new packet of a pod through it: which addresses it may be
// translated to, or that it is refused. Pure. It understands the part of nft's language that service proxies use, so it
// does not depend on how a proxy lays out its maps; a condition it cannot know for a new packet of a pod (marks, the
// packet's device, affinity to an earlier connection) counts as not met.
import { cidrContains, joinHostPort } from '../ip/index.ts';

export interface NftRuleset {
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  readonly maps: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly chains: ReadonlyMap<string, NftChainText>;
}

interface NftChainText {
  /** `nat prerouting`, `filter forward`… of a base chain. */
  readonly hook: string | undefined;
  readonly rules: readonly string[];
}

export interface NftPacket {
  readonly daddr: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly dport: number;
}

export type NftOutcome =
  | {
      readonly kind: 'translate';
      readonly targets: readonly string[];
      readonly problems: readonly string[];
      /** A rule on the way set the packet's mark. */
      readonly marked?: boolean;
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'pass' };

export function parseNftRuleset(listing: string): NftRuleset {
  const sets = new Map<string, Set<string>>();
  const maps = new Map<string, Map<string, string>>();
  const chains = new Map<string, NftChainText>();
  for (const [, kind, name = '', body = ''] of listing.matchAll(/^\t(set|map|chain) (\S+) \{\n([\s\S]*?)^\t\}/gm)) {
    if (kind === 'chain') chains.set(name, parseChain(body));
    else if (kind === 'set') sets.set(name, new Set(elementsOf(body)));
    else maps.set(name, new Map(elementsOf(body).map(splitElement)));
  }
  return { sets, maps, chains };
}

function parseChain(body: string): NftChainText {
  const lines = body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('comment '));
  const base = /^type (\S+) hook (\S+) /.exec(lines[0] ?? '');
  return { hook: base === null ? undefined : `${base[1]} ${base[2]}`, rules: base === null ? lines : lines.slice(1) };
}

/** Elements without what is said beside their key: comments, counters, timeouts. */
function elementsOf(body: string): string[] {
  const text = /elements = \{([\s\S]*)\}/.exec(body)?.[1] ?? '';
  return text
    .replaceAll(/"[^"]*"/g, '""')
    .split(',')
    .map((element) =>
      element
        .replaceAll(/\s+/g, ' ')
        .replaceAll(/ (comment ""|counter packets \d+ bytes \d+|timeout \S+|expires \S+)/g, '')
        .trim(),
    )
    .filter((element) => element !== '');
}

function splitElement(element: string): [string, string] {
  const at = element.indexOf(' : ');
  return at < 0 ? [element, ''] : [element.slice(0, at), element.slice(at + 3)];
}

/** Runs the packet through the base chains of one hook. */
export function followPacket(ruleset: NftRuleset, hook: string, packet: NftPacket): NftOutcome {
  for (const [name, chain] of ruleset.chains) {
    if (chain.hook !== hook) continue;
    const trail: Trail = { marked: false };
    const outcome = runChain(ruleset, name, { packet, trail }, 0);
    if (outcome?.kind === 'translate') return trail.marked ? { ...outcome, marked: true } : outcome;
    if (outcome?.kind === 'stop') return outcome;
  }
  return { kind: 'pass' };
}

interface Trail {
  marked: boolean;
}

interface Walker {
  readonly packet: NftPacket;
  readonly trail: Trail;
}

/** undefined: the end of the chain, or a return. */
function runChain(ruleset: NftRuleset, name: string, walker: Walker, depth: number): NftOutcome | undefined {
  const chain = ruleset.chains.get(name);
  if (chain === undefined) return { kind: 'translate', targets: [], problems: [`chain ${name} is not there`] };
  if (depth > 16) return undefined;
  for (const rule of chain.rules) {
    const verdict = runRule(ruleset, rule, walker);
    if (verdict === undefined || verdict === 'continue') continue;
    if (typeof verdict !== 'string') return verdict;
    if (verdict === 'return') return undefined;
    if (verdict === 'accept') return { kind: 'pass' };
    if (verdict === 'drop' || verdict === 'reject') return { kind: 'stop' };
    const [kind, target = ''] = verdict.split(' ');
    const outcome = runChain(ruleset, target, walker, depth + 1);
    if (outcome !== undefined) return outcome;
    // After a jump the chain goes on, after a goto it is over.
    if (kind === 'goto') return undefined;
  }
  return undefined;
}

const SELECTOR = String.raw`(?:ip6? (?:saddr|daddr|protocol)|(?:th|tcp|udp|sctp) [sd]port|meta \S+|ct \S+|fib \S+ \S+|numgen \S+ mod \d+(?: offset \d+)?|jhash [^@{]*? mod \d+(?: seed \S+)?)`;
const FIELDS = String.raw`(${SELECTOR}(?: \. ${SELECTOR})*)`;
const LOOKUP = new RegExp(String.raw`^${FIELDS} (!= )?@(\S+)`);
const VERDICT_MAP = new RegExp(String.raw`^${FIELDS} vmap (?:@(\S+)|\{([^}]*)\})`);
const COMPARE = new RegExp(String.raw`^${FIELDS} (== |!= )?(\{[^}]*\}|\S+)`);
const TRANSLATE = new RegExp(String.raw`^dnat (?:ip6? )?(?:addr \. port )?to ${FIELDS} map (?:@(\S+)|\{([^}]*)\})`);
const MARK = /^(?:meta|ct) mark set \S+ \S+(?: [|^&] \S+)*/;
const BITS = /^(?:meta|ct) mark & \S+ (?:==|!=) \S+/;
const SIDE_EFFECT =
  /^(?:(?:add|update|delete) @\S+ \{[^}]*\}|counter packets \d+ bytes \d+|comment "[^"]*"|limit rate [^"]*? packets|notrack)/;

/** The verdict of a rule; undefined when it does not match. */
function runRule(ruleset: NftRuleset, rule: string, walker: Walker): string | NftOutcome | undefined {
  const { packet, trail } = walker;
  for (let rest = rule; rest !== '';) {
    const mark = MARK.exec(rest);
    trail.marked ||= mark !== null;
    let match = mark ?? SIDE_EFFECT.exec(rest);
    if (match === null) {
      if (BITS.test(rest)) return undefined;
      const verdict = /^(?:accept|drop|reject|return|continue|(?:jump|goto) \S+)/.exec(rest)?.[0];
      if (verdict !== undefined) return verdict;
      if ((match = TRANSLATE.exec(rest)) !== null) return translate(ruleset, match, packet);
      const fixed = /^dnat (?:ip6? )?to (\S+)/.exec(rest)?.[1];
      if (fixed !== undefined) return { kind: 'translate', targets: [fixed], problems: [] };
      if ((match = VERDICT_MAP.exec(rest)) !== null) return lookUpVerdict(ruleset, match, packet);
      if ((match = LOOKUP.exec(rest)) !== null) {
        const key = keyOf(match[1] ?? '', packet);
        const found = key !== undefined && (ruleset.sets.get(match[3] ?? '')?.has(key) ?? false);
        if (key === undefined || found === (match[2] !== undefined)) return undefined;
      } else if ((match = COMPARE.exec(rest)) !== null) {
        if (!compares(match[1] ?? '', match[2]?.trim() ?? '==', match[3] ?? '', packet)) return undefined;
      } else {
        return undefined;
      }
    }
    rest = rest.slice(match[0].length).trim();
  }
  return 'continue';
}

function valueOf(selector: string, packet: NftPacket): string | undefined {
  if (/^ip6? daddr$/.test(selector)) return packet.daddr;
  if (selector === 'meta l4proto' || selector === 'ip protocol') return packet.protocol;
  if (selector === 'th dport' || selector === `${packet.protocol} dport`) return String(packet.dport);
  if (selector === 'ct state') return 'new';
  return undefined;
}

/** `10.96.0.10 . tcp . 80`; undefined when a field is not known. */
function keyOf(fields: string, packet: NftPacket): string | undefined {
  const values = fields.split(' . ').map((selector) => valueOf(selector, packet));
  return values.includes(undefined) ? undefined : values.join(' . ');
}

function compares(fields: string, operator: string, wanted: string, packet: NftPacket): boolean {
  const value = keyOf(fields, packet);
  if (value === undefined) return false;
  const list = wanted.startsWith('{')
    ? wanted
        .slice(1, -1)
        .split(',')
        .map((item) => item.trim())
    : [wanted];
  const equal = list.some((item) => item === value || (item.includes('/') && cidrContains(item, value)));
  return equal !== (operator === '!=');
}

function lookUpVerdict(
  ruleset: NftRuleset,
  [, fields = '', name, inline]: RegExpExecArray,
  packet: NftPacket,
): string | undefined {
  const key = keyOf(fields, packet);
  const map =
    inline === undefined ? ruleset.maps.get(name ?? '') : new Map(inline.split(',').map((e) => splitElement(e.trim())));
  return key === undefined ? undefined : map?.get(key);
}

export interface RandomPick {
  /** Name of the map; undefined when the elements stand in the rule. */
  readonly map?: string;
  readonly elements?: ReadonlyMap<string, string>;
  /** A key for each number that may come up. */
  readonly keys: readonly string[];
}

const PICK = new RegExp(String.raw`${FIELDS} v?map (?:@(\S+)|\{([^}]*)\})`, 'g');

/** What a rule that chooses at random chooses from; undefined for any other rule. */
export function randomPick(rule: string, packet: NftPacket): RandomPick | undefined {
  for (const [, fields = '', map, inline] of rule.matchAll(PICK)) {
    const selectors = fields.split(' . ');
    const choice = selectors.findIndex((selector) => /^(numgen|jhash) /.test(selector));
    if (choice < 0) continue;
    const keys = randomKeys(selectors, choice, packet);
    if (keys === undefined) continue;
    return inline === undefined
      ? { keys, ...(map === undefined ? {} : { map }) }
      : { keys, elements: new Map(inline.split(',').map((e) => splitElement(e.trim()))) };
  }
  return undefined;
}

/** Undefined when another field is not known for the packet. */
function randomKeys(selectors: readonly string[], choice: number, packet: NftPacket): string[] | undefined {
  const mod = choice < 0 ? 1 : Number(/ mod (\d+)/.exec(selectors[choice] ?? '')?.[1] ?? 0);
  const offset = Number(/ offset (\d+)/.exec(selectors[choice] ?? '')?.[1] ?? 0);
  const keys: string[] = [];
  for (let i = 0; i < mod; i++) {
    const values = selectors.map((selector, at) => (at === choice ? String(i + offset) : valueOf(selector, packet)));
    if (values.includes(undefined)) return undefined;
    keys.push(values.join(' . '));
  }
  return keys;
}

/** Every element that the random field may pick. */
function translate(
  ruleset: NftRuleset,
  [, fields = '', name, inline]: RegExpExecArray,
  packet: NftPacket,
): NftOutcome | undefined {
  const map =
    inline === undefined ? ruleset.maps.get(name ?? '') : new Map(inline.split(',').map((e) => splitElement(e.trim())));
  const selectors = fields.split(' . ');
  const choice = selectors.findIndex((selector) => /^(numgen|jhash) /.test(selector));
  // What hangs on an earlier connection (affinity) does not concern a new one.
  const all = randomKeys(selectors, choice, packet);
  if (all === undefined) return undefined;
  const targets: string[] = [];
  const problems: string[] = [];
  for (const key of all) {
    const target = map?.get(key);
    if (target !== undefined) targets.push(hostPort(target, packet));
    else problems.push(`map ${name ?? ''} has no element ${key}: 1 in ${all.length} connections is lost`);
  }
  return { kind: 'translate', targets, problems };
}

/** `10.244.0.1 . 80` → `10.244.0.1:80`. */
export function hostPort(data: string, packet: NftPacket): string {
  const [ip = '', port = packet.dport] = data.split(' . ');
  return joinHostPort(ip, port);
}
