// Field selectors: `metadata.name=a,spec.nodeName!=b`. Which fields a kind offers is its strategy's business.
import { badRequest } from '../errors.ts';
import { ownValue } from '../json.ts';

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  /** The name when `metadata.name=X` is asked for, so that a list can become a get. */
  readonly exactName: string | undefined;
  /** Throws StatusError 400 when `fields` lacks a field of the selector. */
  matches(fields: Readonly<Record<string, string>>): boolean;
}

/** Parses text; throws StatusError 400 when it is malformed. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const part of splitTerms(text)) {
    if (part === '') continue;
    const m = /^((?:[^\\=!]|\\.)*)(!=|==|=)(.*)$/s.exec(part);
    if (m === null) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    requirements.push({
      field: m[1] ?? '',
      operator: m[2] === '!=' ? '!=' : '=',
      value: unescapeValue(m[3] ?? '', text),
    });
  }
  return {
    requirements,
    exactName: requirements.find((r) => r.field === 'metadata.name' && r.operator === '=')?.value,
    matches: (fields) =>
      requirements.every((r) => {
        const have = ownValue(fields, r.field);
        if (have === undefined) throw badRequest(`field label not supported: ${r.field}`);
        return r.operator === '=' ? have === r.value : have !== r.value;
      }),
  };
}

/** Refuses a selector over fields the kind does not offer, also when no object is there to be matched. */
export function checkFieldSelector(selector: FieldSelector, offered: Readonly<Record<string, string>>): void {
  for (const r of selector.requirements) {
    if (!Object.hasOwn(offered, r.field)) throw badRequest(`field label not supported: ${r.field}`);
  }
}

function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '\\') term += c + text.charAt(++i);
    else if (c === ',') {
      terms.push(term);
      term = '';
    } else term += c;
  }
  return [...terms, term];
}

function unescapeValue(value: string, whole: string): string {
  return value.replaceAll(/\\(.?)/gs, (sequence, c: string) => {
    if (c === '\\' || c === ',' || c === '=') return c;
    throw badRequest(
      `invalid field selector: invalid escape sequence in ${JSON.stringify(whole)}: ${JSON.stringify(sequence)}`,
    );
  });
}
