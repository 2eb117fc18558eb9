// Label selectors as text (`a=b,c in (d,e),!f`) and as LabelSelector objects; parsing errors in Kubernetes' words.
import { badRequest } from '../errors.ts';
import { fieldErrorBody, goQuote, invalidValue } from '../field-error.ts';
import { ownValue } from '../json.ts';
import { labelValueErrors, qualifiedName } from '../names.ts';
import type { meta } from '../types.ts';

export type Labels = Readonly<Record<string, string>>;

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | '!exists' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** All requirements must hold; an empty one matches everything. */
export interface LabelSelectorMatcher {
  readonly requirements: readonly LabelRequirement[];
  matches(labels: Labels | undefined): boolean;
}

interface Token {
  readonly kind: 'identifier' | 'symbol' | 'end';
  readonly text: string;
}

const END: Token = { kind: 'end', text: '' };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const regex = /\s+|(==|!=|[=!,()<>])|([^\s=!,()<>]+)/g;
  for (const m of text.matchAll(regex)) {
    if (m[1] !== undefined) tokens.push({ kind: 'symbol', text: m[1] });
    else if (m[2] !== undefined) tokens.push({ kind: 'identifier', text: m[2] });
  }
  return tokens;
}

class SelectorSyntaxError extends Error {}

const fail = (message: string): never => {
  throw new SelectorSyntaxError(message);
};

/** Parses a selector given as text; throws StatusError 400 when it is malformed. */
export function parseLabelSelector(text: string): LabelSelectorMatcher {
  try {
    return matcherOf(new SelectorParser(tokenize(text)).all());
  } catch (e) {
    if (e instanceof SelectorSyntaxError) throw badRequest(e.message);
    throw e;
  }
}

class SelectorParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #next(): Token {
    return this.#tokens[this.#at++] ?? END;
  }

  all(): LabelRequirement[] {
    const found: LabelRequirement[] = [];
    for (;;) {
      const t = this.#peek();
      if (t.kind === 'end') return found;
      if (!startsRequirement(t)) fail(`found '${t.text}', expected: !, identifier, or 'end of string'`);
      found.push(this.#wrapped());
      const separator = this.#next();
      if (separator.kind === 'end') return found;
      if (separator.text !== ',') fail(`found '${separator.text}', expected: ',' or 'end of string'`);
      const after = this.#peek();
      if (!startsRequirement(after)) fail(`found '${after.text}', expected: identifier after ','`);
    }
  }

  #wrapped(): LabelRequirement {
    try {
      return this.#requirement();
    } catch (e) {
      if (e instanceof SelectorSyntaxError) return fail(`unable to parse requirement: ${e.message}`);
      throw e;
    }
  }

  #requirement(): LabelRequirement {
    let t = this.#next();
    const negated = isSymbol(t, '!');
    if (negated) t = this.#next();
    if (t.kind !== 'identifier') fail(`found '${t.text}', expected: identifier`);
    const key = t.text;
    const faults = qualifiedName(key);
    // `<nil>` is what Kubernetes shows for the field path it does not have here.
    if (faults.length > 0) fail(`<nil>: ${fieldErrorBody(invalidValue('', key, faults.join('; ')))}`);
    if (negated) return { key, operator: '!exists', values: [] };
    const after = this.#peek();
    if (after.kind === 'end' || isSymbol(after, ',')) return { key, operator: 'exists', values: [] };
    const requirement = this.#operation(key, this.#next().text);
    checkValues(requirement);
    return requirement;
  }

  #operation(key: string, operator: string): LabelRequirement {
    switch (operator) {
      case 'in':
      case 'notin':
        return { key, operator, values: this.#values() };
      case '=':
      case '==':
        return { key, operator: 'in', values: [this.#exactValue()] };
      case '!=':
        return { key, operator: 'notin', values: [this.#exactValue()] };
      case '>':
      case '<':
        return { key, operator: operator === '>' ? 'gt' : 'lt', values: [this.#exactValue()] };
      default:
        return fail(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #exactValue(): string {
    const t = this.#peek();
    if (t.kind === 'end' || t.text === ',') return '';
    this.#next();
    if (t.kind !== 'identifier') fail(`found '${t.text}', expected: identifier`);
    return t.text;
  }

  /** `(a, b)`; nothing between commas is the empty value. */
  #values(): string[] {
    const open = this.#next();
    if (!isSymbol(open, '(')) fail(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      let t = this.#next();
      if (t.kind === 'identifier') {
        values.push(t.text);
        t = this.#next();
        if (isSymbol(t, ')')) return values;
        if (!isSymbol(t, ',')) fail(`found '${t.text}', expected: ',' or ')'`);
        if (!isSymbol(this.#peek(), ')')) continue;
        this.#next();
        return [...values, ''];
      }
      if (isSymbol(t, ')')) return [...values, ''];
      if (!isSymbol(t, ',')) fail(`found '${t.text}', expected: ',', ')' or identifier`);
      values.push('');
    }
  }
}

const isSymbol = (t: Token, text: string): boolean => t.kind === 'symbol' && t.text === text;
const startsRequirement = (t: Token): boolean => t.kind === 'identifier' || isSymbol(t, '!');

function checkValues(r: LabelRequirement): void {
  if (r.operator === 'gt' || r.operator === 'lt') {
    if (!/^[-+]?\d+$/.test(r.values[0] ?? '')) {
      fail(
        `values[0]: Invalid value: ${goQuote(r.values[0] ?? '')}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
    return;
  }
  r.values.forEach((v, i) => {
    const errors = labelValueErrors(v);
    if (errors.length > 0) fail(`values[${i}][${r.key}]: ${fieldErrorBody(invalidValue('', v, errors.join('; ')))}`);
  });
}

function requirementMatches(r: LabelRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, r.key) ? labels[r.key] : undefined;
  switch (r.operator) {
    case 'in':
      return value !== undefined && r.values.includes(value);
    case 'notin':
      return value === undefined || !r.values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!exists':
      return value === undefined;
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^[-+]?\d+$/.test(value)) return false;
      const have = Number(value);
      const bound = Number(r.values[0]);
      return r.operator === 'gt' ? have > bound : have < bound;
    }
  }
}

function matcherOf(requirements: readonly LabelRequirement[]): LabelSelectorMatcher {
  return { requirements, matches: (labels) => requirements.every((r) => requirementMatches(r, labels ?? {})) };
}

const objectOperators: Readonly<Record<string, LabelRequirement['operator']>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!exists',
};

/** The matcher of a LabelSelector object: absent matches nothing, empty matches everything. */
export function labelSelectorOf(selector: meta.LabelSelector | undefined | null): LabelSelectorMatcher {
  if (selector === undefined || selector === null) return { requirements: [], matches: () => false };
  return matcherOf([
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
      key,
      operator: 'in' as const,
      values: [value],
    })),
    ...(selector.matchExpressions ?? []).map((e) => ({
      key: e.key,
      operator: ownValue(objectOperators, e.operator) ?? 'exists',
      values: e.values ?? [],
    })),
  ]);
}

/** Does the LabelSelector object select these labels? */
export const labelSelectorMatches = (
  selector: meta.LabelSelector | undefined | null,
  labels: Labels | undefined,
): boolean => labelSelectorOf(selector).matches(labels);

/** The matcher of a plain map, as in Service and ReplicationController; an empty map matches nothing. */
export function selectorMapMatches(selector: Labels | undefined, labels: Labels | undefined): boolean {
  const entries = Object.entries(selector ?? {});
  return (
    entries.length > 0 && entries.every(([k, v]) => labels !== undefined && Object.hasOwn(labels, k) && labels[k] === v)
  );
}

/** Text such as `a=b,c in (d,e)`, keys sorted; what status.selector of a Scale carries. */
export function formatLabelSelector(selector: meta.LabelSelector | undefined | null): string {
  return labelSelectorOf(selector)
    .requirements.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(formatRequirement)
    .join(',');
}

function formatRequirement(r: LabelRequirement): string {
  const values = [...r.values].sort().join(',');
  switch (r.operator) {
    case 'in':
      return r.values.length === 1 ? `${r.key}=${values}` : `${r.key} in (${values})`;
    case 'notin':
      return r.values.length === 1 ? `${r.key}!=${values}` : `${r.key} notin (${values})`;
    case 'exists':
      return r.key;
    case '!exists':
      return `!${r.key}`;
    case 'gt':
      return `${r.key}>${values}`;
    case 'lt':
      return `${r.key}<${values}`;
  }
}
