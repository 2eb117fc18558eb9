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

/** Parses a selector given as text; throws StatusError 400 when it is malformed. */
export function parseLabelSelector(text: string): LabelSelectorMatcher {
  try {
    return matcherOf(parseRequirements(tokenize(text)));
  } catch (e) {
    if (e instanceof SelectorSyntaxError) throw badRequest(e.message);
    throw e;
  }
}

function parseRequirements(tokens: Token[]): LabelRequirement[] {
  let at = 0;
  const peek = (): Token => tokens[at] ?? END;
  const next = (): Token => tokens[at++] ?? END;
  const found: LabelRequirement[] = [];
  const fail = (message: string): never => {
    throw new SelectorSyntaxError(message);
  };

  const parseValues = (): string[] => {
    const open = next();
    if (open.text !== '(' || open.kind !== 'symbol') fail(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    for (;;) {
      const t = next();
      if (t.kind === 'identifier') {
        values.push(t.text);
        const sep = next();
        if (sep.text === ')') return values;
        if (sep.text !== ',') fail(`found '${sep.text}', expected: ',' or ')'`);
        if (peek().text === ')' && peek().kind === 'symbol') {
          next();
          return [...values, ''];
        }
      } else if (t.text === ',') values.push('');
      else if (t.text === ')') return [...values, ''];
      else return fail(`found '${t.text}', expected: ',', ')' or identifier`);
    }
  };

  const parseRequirement = (): LabelRequirement => {
    let negated = false;
    let t = next();
    if (t.text === '!' && t.kind === 'symbol') {
      negated = true;
      t = next();
    }
    if (t.kind !== 'identifier') fail(`found '${t.text}', expected: identifier`);
    const key = t.text;
    const keyErrors = qualifiedName(key);
    if (keyErrors.length > 0) fail(`<nil>: ${fieldErrorBody(invalidValue('', key, keyErrors.join('; ')))}`);
    if (negated) return { key, operator: '!exists', values: [] };
    const after = peek();
    if (after.kind === 'end' || (after.kind === 'symbol' && after.text === ',')) {
      return { key, operator: 'exists', values: [] };
    }
    const op = next();
    const requirement = ((): LabelRequirement => {
      switch (op.text) {
        case 'in':
        case 'notin':
          return { key, operator: op.text, values: parseValues() };
        case '=':
        case '==':
          return { key, operator: 'in', values: [parseExactValue()] };
        case '!=':
          return { key, operator: 'notin', values: [parseExactValue()] };
        case '>':
        case '<':
          return { key, operator: op.text === '>' ? 'gt' : 'lt', values: [parseExactValue()] };
        default:
          return fail(`found '${op.text}', expected: in, notin, =, ==, !=, gt, lt`);
      }
    })();
    checkValues(requirement, fail);
    return requirement;
  };

  const parseExactValue = (): string => {
    const t = peek();
    if (t.kind === 'end' || t.text === ',') return '';
    next();
    if (t.kind !== 'identifier') fail(`found '${t.text}', expected: identifier`);
    return t.text;
  };

  for (;;) {
    const t = peek();
    if (t.kind === 'end') return found;
    if (t.kind !== 'identifier' && t.text !== '!')
      fail(`found '${t.text}', expected: !, identifier, or 'end of string'`);
    try {
      found.push(parseRequirement());
    } catch (e) {
      if (e instanceof SelectorSyntaxError) fail(`unable to parse requirement: ${e.message}`);
      throw e;
    }
    const sep = next();
    if (sep.kind === 'end') return found;
    if (sep.text !== ',') fail(`found '${sep.text}', expected: ',' or 'end of string'`);
    const after = peek();
    if (after.kind !== 'identifier' && after.text !== '!') {
      fail(`found '${after.text}', expected: identifier after ','`);
    }
  }
}

function checkValues(r: LabelRequirement, fail: (message: string) => never): void {
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
