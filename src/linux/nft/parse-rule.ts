// Rule text, as `nft list` prints it, to statements: the inverse of `ruleText` for the statements this room knows. So a
// rule can be written down as nft's own words and still go to the kernel without nft.

import type {
  Field,
  HashSelector,
  MarkValue,
  NatTarget,
  NftFamily,
  NftRule,
  NftSet,
  NumgenSelector,
  Operand,
  RejectWith,
  Scalar,
  Selector,
  SelectorName,
  Statement,
  Verdict,
} from './contract.ts';
import { parseVerdict } from './encode-elements.ts';
import { SELECTORS } from './selectors.ts';

/** Text that is not a rule, or not one that this room can write. */
export class RuleSyntaxError extends SyntaxError {
  override readonly name = 'RuleSyntaxError';
}

export interface ParseRuleContext {
  readonly family: NftFamily;
  /** Sets by name: a translation through `map @x` must know what x holds. */
  readonly sets?: ReadonlyMap<string, NftSet>;
}

export interface ParsedRule {
  readonly statements: readonly Statement[];
  readonly comment: string | undefined;
}

/**
 * @example
 * parseRule('ct state new jump services', {family: 'ip'}).statements;
 * // [{match: 'ct state', value: 'new'}, {jump: 'services'}]
 */
export function parseRule(text: string, context: ParseRuleContext): ParsedRule {
  return new RuleParser(text, context).parse();
}

/** A rule of a chain from its text. */
export function ruleFromText(
  text: string,
  place: Pick<NftRule, 'family' | 'table' | 'chain'>,
  sets?: ReadonlyMap<string, NftSet>,
): NftRule {
  const { statements, comment } = parseRule(text, { family: place.family, ...(sets && { sets }) });
  return { kind: 'rule', ...place, statements, ...(comment === undefined ? {} : { comment }) };
}

const SHORT_NAMES: Readonly<Record<string, SelectorName>> = {
  iifname: 'meta iifname',
  oifname: 'meta oifname',
  iif: 'meta iif',
  oif: 'meta oif',
  mark: 'meta mark',
};

const REJECTIONS: Readonly<Record<string, RejectWith>> = {
  'port-unreachable': 'port-unreachable',
  'host-unreachable': 'host-unreachable',
  'addr-unreachable': 'host-unreachable',
  'admin-prohibited': 'admin-prohibited',
};

class RuleParser {
  readonly #text: string;
  readonly #context: ParseRuleContext;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string, context: ParseRuleContext) {
    this.#text = text;
    this.#context = context;
    this.#tokens = text.match(/"[^"]*"|[{},]|[^\s{},"]+/g) ?? [];
  }

  #fail(expected: string): never {
    const token = this.#tokens[this.#at];
    throw new RuleSyntaxError(
      `nft rule "${this.#text}": expected ${expected}, found ${token === undefined ? 'its end' : `"${token}"`}`,
    );
  }

  #peek(ahead = 0): string | undefined {
    return this.#tokens[this.#at + ahead];
  }

  #next(expected: string): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) this.#fail(expected);
    this.#at++;
    return token;
  }

  /** Takes the words if they come next. */
  #take(...words: readonly string[]): boolean {
    if (!words.every((word, i) => this.#peek(i) === word)) return false;
    this.#at += words.length;
    return true;
  }

  #expect(...words: readonly string[]): void {
    if (!this.#take(...words)) this.#fail(`"${words.join(' ')}"`);
  }

  #number(): number {
    const token = this.#next('a number');
    const value = Number(token);
    if (!Number.isInteger(value)) {
      this.#at--;
      this.#fail('a number');
    }
    return value;
  }

  #string(): string {
    const token = this.#next('a text');
    return token.startsWith('"') ? token.slice(1, -1) : token;
  }

  parse(): ParsedRule {
    const statements: Statement[] = [];
    let comment: string | undefined;
    while (this.#at < this.#tokens.length) {
      if (this.#take('comment')) {
        comment = this.#string();
        if (this.#at < this.#tokens.length) this.#fail('the end of the rule after its comment');
        break;
      }
      statements.push(this.#statement());
    }
    if (statements.length === 0) this.#fail('a statement');
    return { statements, comment };
  }

  #verdict(): Verdict | undefined {
    const word = this.#peek();
    if (word === 'jump' || word === 'goto') {
      this.#at++;
      const chain = this.#next('the name of a chain');
      return word === 'jump' ? { jump: chain } : { goto: chain };
    }
    const verdict = word === undefined ? undefined : parseVerdict(word);
    if (verdict !== undefined) this.#at++;
    return verdict;
  }

  #statement(): Statement {
    const verdict = this.#verdict();
    if (verdict !== undefined) return verdict;
    if (this.#take('counter')) {
      if (this.#take('packets')) {
        this.#number();
        this.#expect('bytes');
        this.#number();
      }
      return { counter: true };
    }
    if (this.#take('notrack')) return { notrack: true };
    if (this.#take('tcp', 'flags', 'syn', 'tcp', 'option', 'maxseg', 'size', 'set', 'rt', 'mtu'))
      return { clampMss: true };
    if (this.#take('masquerade')) return { masquerade: this.#masqueradeFlags() };
    if (this.#take('redirect', 'to')) return { redirect: Number(this.#next('a port').replace(/^:/, '')) };
    if (this.#take('reject')) return { reject: this.#rejection() };
    if (this.#take('dnat')) return { dnat: this.#natTarget() };
    if (this.#take('snat')) {
      const snat = this.#natTarget();
      return this.#take('fully-random') ? { snat, fullyRandom: true } : { snat };
    }
    if (this.#take('log')) return { log: this.#logOptions() };
    for (const dynset of ['update', 'add'] as const) if (this.#take(dynset)) return this.#dynset(dynset);
    return this.#match();
  }

  #masqueradeFlags(): { random?: boolean; fullyRandom?: boolean } {
    const flags: { random?: boolean; fullyRandom?: boolean } = {};
    for (;;) {
      if (this.#take('random')) flags.random = true;
      else if (this.#take('fully-random')) flags.fullyRandom = true;
      else return flags;
    }
  }

  #rejection(): RejectWith | 'default' {
    if (!this.#take('with')) return 'default';
    if (this.#take('tcp', 'reset')) return 'tcp reset';
    if (!this.#take('icmp') && !this.#take('icmpv6') && !this.#take('icmpx'))
      this.#fail('"tcp reset" or a kind of ICMP');
    this.#take('type');
    const word = REJECTIONS[this.#peek() ?? ''];
    if (word === undefined) this.#fail(`one of ${Object.keys(REJECTIONS).join(', ')}`);
    this.#at++;
    return word;
  }

  #logOptions(): { prefix?: string; group?: number } {
    const options: { prefix?: string; group?: number } = {};
    for (;;) {
      if (this.#take('prefix')) options.prefix = this.#string();
      else if (this.#take('group')) options.group = this.#number();
      else return options;
    }
  }

  #dynset(dynset: 'update' | 'add'): Statement {
    const set = this.#setName();
    this.#expect('{');
    const key = this.#operand();
    const timeout = this.#take('timeout') ? this.#seconds() : undefined;
    this.#expect('}');
    return { dynset, key, set, ...(timeout === undefined ? {} : { timeoutSeconds: timeout }) };
  }

  /** `90s`, `3h`, `1h30m`. */
  #seconds(): number {
    const token = this.#next('a time such as 30s');
    const units: Readonly<Record<string, number>> = { d: 86400, h: 3600, m: 60, s: 1 };
    const parts = [...token.matchAll(/(\d+)([dhms])/g)];
    if (parts.map((part) => part[0]).join('') !== token) this.#fail('a time such as 30s');
    return parts.reduce((sum, part) => sum + Number(part[1]) * (units[part[2] ?? ''] ?? 0), 0);
  }

  #setName(): string {
    const token = this.#next('the name of a set');
    if (!token.startsWith('@')) this.#fail('a set such as @services');
    return token.slice(1);
  }

  #natTarget(): NatTarget {
    if (!this.#take('ip')) this.#take('ip6');
    this.#expect('to');
    if (this.#startsSelector()) {
      const map = this.#operand();
      this.#expect('map');
      if (this.#peek()?.startsWith('@')) {
        const name = this.#setName();
        const set = this.#context.sets?.get(name);
        if (set === undefined) throw new RuleSyntaxError(`nft rule "${this.#text}": the map @${name} is not known`);
        return { map, in: set };
      }
      return { map, entries: this.#natEntries() };
    }
    const token = this.#next('an address');
    const bracketed = /^\[(.+)\](?::(\d+))?$/.exec(token);
    const plain = /^([\d.]+)(?::(\d+))?$/.exec(token);
    const [address = token, port] = (bracketed ?? plain)?.slice(1) ?? [];
    return port === undefined ? { address } : { address, port: Number(port) };
  }

  #natEntries(): (readonly [Scalar, string, number?])[] {
    return this.#list().map((words) => {
      const colon = words.indexOf(':');
      const key = words[0] ?? '';
      const address = words[colon + 1] ?? '';
      const port = words[colon + 3];
      return port === undefined ? [Number(key), address] : [Number(key), address, Number(port)];
    });
  }

  /** The members of `{ … }`, each as its words. */
  #list(): string[][] {
    this.#expect('{');
    const members: string[][] = [[]];
    for (;;) {
      const token = this.#next('"}"');
      if (token === '}') return members.filter((member) => member.length > 0);
      if (token === ',') members.push([]);
      else members.at(-1)?.push(token.startsWith('"') ? token.slice(1, -1) : token);
    }
  }

  #match(): Statement {
    const operand = this.#operand();
    if (this.#take('set')) return { set: this.#settable(operand), to: this.#markValue() };
    if (this.#take('vmap')) {
      if (this.#peek()?.startsWith('@')) return { vmap: operand, in: this.#setName() };
      return { vmap: operand, entries: this.#list().map((words) => this.#vmapEntry(words)) };
    }
    const op = this.#take('!=') ? '!=' : '==';
    if (op === '==') this.#take('==');
    const left = op === '!=' ? ({ match: operand, op } as const) : { match: operand };
    if (this.#peek()?.startsWith('@')) return { ...left, in: this.#setName() };
    if (this.#peek() === '{') {
      return { ...left, anyOf: this.#list().map((words) => memberOf(words)) };
    }
    return { ...left, value: this.#value(operand) };
  }

  #vmapEntry(words: readonly string[]): readonly [Field | readonly Field[], Verdict] {
    const colon = words.indexOf(':');
    const verdict = parseVerdict(words.slice(colon + 1).join(' '));
    if (colon < 1 || verdict === undefined)
      throw new RuleSyntaxError(`nft rule "${this.#text}": "${words.join(' ')}" is no entry of a verdict map`);
    return [memberOf(words.slice(0, colon)), verdict];
  }

  #settable(operand: Operand): 'meta mark' | 'ct mark' | 'meta nftrace' {
    if (operand === 'meta mark' || operand === 'ct mark') return operand;
    // Written only, never read: not in the table of selectors.
    if ((operand as string) === NFTRACE) return 'meta nftrace';
    throw new RuleSyntaxError(`nft rule "${this.#text}": only meta mark, ct mark and meta nftrace can be set`);
  }

  #markValue(): MarkValue {
    const first = this.#peek();
    if (first !== undefined && /^(0x[0-9a-f]+|\d+)$/i.test(first)) return this.#number();
    const from = this.#selectorName();
    if (from !== 'meta mark' && from !== 'ct mark') this.#fail('a mark or a number');
    if (this.#take('|') || this.#take('or')) return { or: this.#number() };
    if (this.#take('&') || this.#take('and')) return { and: this.#number() };
    if (this.#take('^') || this.#take('xor')) return { xor: this.#number() };
    return from;
  }

  #value(operand: Operand): Field | readonly Scalar[] {
    const words = [this.#string()];
    while (this.#take(',')) words.push(this.#string());
    const [first = ''] = words;
    const name = typeof operand === 'string' ? operand : undefined;
    if (words.length > 1 || name === 'ct state' || name === 'ct status') return words.length > 1 ? words : first;
    return scalar(first);
  }

  #startsSelector(): boolean {
    const at = this.#at;
    try {
      this.#selector();
      return true;
    } catch (error) {
      if (error instanceof RuleSyntaxError) return false;
      throw error;
    } finally {
      this.#at = at;
    }
  }

  #operand(): Operand {
    const selectors = [this.#selector()];
    while (this.#take('.')) selectors.push(this.#selector());
    return selectors.length === 1 ? (selectors[0] as Selector) : selectors;
  }

  #selector(): Selector {
    if (this.#take('numgen')) return this.#numgen();
    if (this.#take('jhash')) return this.#jhash();
    if (this.#take('fib')) {
      const of = this.#next('saddr or daddr');
      if (of !== 'saddr' && of !== 'daddr') this.#fail('saddr or daddr');
      this.#expect('type');
      return { fib: 'type', of };
    }
    const name = this.#selectorName();
    if ((name === 'meta mark' || name === 'ct mark') && (this.#take('&') || this.#take('and'))) {
      return { mask: name, and: this.#number() };
    }
    return name;
  }

  #numgen(): NumgenSelector {
    const numgen = this.#next('random or inc');
    if (numgen !== 'random' && numgen !== 'inc') this.#fail('random or inc');
    this.#expect('mod');
    const mod = this.#number();
    return this.#take('offset') ? { numgen, mod, offset: this.#number() } : { numgen, mod };
  }

  #jhash(): HashSelector {
    const jhash = [this.#selectorName()];
    while (this.#take('.')) jhash.push(this.#selectorName());
    this.#expect('mod');
    const mod = this.#number();
    this.#expect('seed');
    return { jhash, mod, seed: this.#number() };
  }

  #selectorName(): SelectorName {
    if (this.#take('meta', 'nftrace')) return NFTRACE as SelectorName;
    for (const length of [4, 3, 2]) {
      const name = this.#tokens.slice(this.#at, this.#at + length).join(' ');
      if (Object.hasOwn(SELECTORS, name)) {
        this.#at += length;
        return name as SelectorName;
      }
    }
    const short = SHORT_NAMES[this.#peek() ?? ''];
    if (short === undefined) this.#fail('a statement');
    this.#at++;
    return short;
  }
}

const NFTRACE = 'meta nftrace';

function scalar(word: string): Field {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return Number(word);
  const range = /^([^-]+)-([^-]+)$/.exec(word);
  const [, from, to] = range ?? [];
  // Only numbers and addresses: names such as port-unreachable have dashes too.
  if (from !== undefined && to !== undefined && /^[\d.]+$|:/.test(from)) {
    return { from: scalar(from) as Scalar, to: scalar(to) as Scalar };
  }
  return word;
}

function memberOf(words: readonly string[]): Field | readonly Field[] {
  const fields = words.filter((word) => word !== '.').map(scalar);
  return fields.length === 1 ? (fields[0] as Field) : fields;
}
