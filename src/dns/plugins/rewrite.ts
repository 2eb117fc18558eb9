// Asks the plugins behind it another question, and changes the answer so that it fits the one that was asked.
import { formatName, lowerName, nameAt, parseName, parseRcode, parseType, rdataLayout } from '../../dnswire/index.ts';
import { typeName } from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import { DnsConfigError } from '../config/config.ts';
import type { RewriteRule } from '../config/config.ts';
import { goPattern } from '../go-pattern.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

interface Question {
  readonly key: WireName;
  readonly type: number;
  readonly class: number;
}

/** What becomes of the answer to a question that was changed. */
type AnswerChange = (answer: Answer, asked: Query) => Answer;

interface Rule {
  readonly next: boolean;
  /** Undefined: the rule does not match. */
  apply(question: Question): { question: Question; answer?: AnswerChange } | undefined;
}

const CLASSES: Readonly<Record<string, number>> = { IN: 1, CH: 3, HS: 4 };

function classNumber(text: string): number {
  const value = CLASSES[text.toUpperCase()];
  if (value === undefined) throw new DnsConfigError(`rewrite: "${text}" is no class`);
  return value;
}

function typeNumber(text: string): number {
  const value = parseType(text);
  if (value === undefined) throw new DnsConfigError(`rewrite: "${text}" is no record type`);
  return value;
}

function pattern(text: string): RegExp {
  try {
    return goPattern(text, 'i');
  } catch (error) {
    throw new DnsConfigError(`rewrite: "${text}" is no regular expression: ${String(error)}`, { cause: error });
  }
}

/** @throws DnsConfigError that says which value cannot be used. */
export function compileRewrite(rule: RewriteRule): Rule {
  const { next } = rule;
  switch (rule.field) {
    case 'type': {
      const [from, to] = [typeNumber(rule.from), typeNumber(rule.to)];
      return { next, apply: (q) => (q.type === from ? { question: { ...q, type: to } } : undefined) };
    }
    case 'class': {
      const [from, to] = [classNumber(rule.from), classNumber(rule.to)];
      return { next, apply: (q) => (q.class === from ? { question: { ...q, class: to } } : undefined) };
    }
    case 'ttl': {
      const limit = ttlLimit(rule.to);
      const answer = (a: Answer): Answer => ({ ...a, answers: a.answers.map((r) => ({ ...r, ttl: limit(r.ttl) })) });
      return nameMatch(rule, answer);
    }
    case 'rcode': {
      const [from, to] = rule.to.split(' ').map((text) => parseRcode(text));
      if (from === undefined || to === undefined)
        throw new DnsConfigError(`rewrite: "${rule.to}" are not two reply codes`);
      return nameMatch(rule, (a) => (a.rcode === from ? { ...a, rcode: to } : a));
    }
    case 'name':
      return renameRule(rule);
  }
}

/** A rule for the answers of the names that match. */
function nameMatch(rule: RewriteRule, answer: AnswerChange): Rule {
  const matches = renaming({ ...rule, to: '' });
  return {
    next: rule.next,
    apply: (question) => (matches(formatName(question.key)) === undefined ? undefined : { question, answer }),
  };
}

/** `15`, `10-`, `-60`, `10-60`: a TTL, or what it is kept within. */
function ttlLimit(text: string): (ttl: number) => number {
  const [, low, dash, high] = /^(\d*)(-?)(\d*)$/.exec(text) ?? [];
  if (low === undefined || (low === '' && (high ?? '') === ''))
    throw new DnsConfigError(`rewrite: "${text}" is neither a TTL nor a range such as 10-60`);
  if (dash === '') return () => Number(low);
  const [min, max] = [low === '' ? 0 : Number(low), high === '' ? Infinity : Number(high)];
  return (ttl) => Math.min(max, Math.max(min, ttl));
}

function renameRule(rule: RewriteRule): Rule {
  const rename = renaming(rule);
  const changes = rule.answers.map((a) => answerRenaming(a.part, pattern(a.from), a.to));
  return {
    next: rule.next,
    apply: (question) => {
      const text = formatName(question.key);
      const key = nameOf(rename(text) ?? text);
      // Not matched, or made a name that cannot exist: the question stays as it is.
      if (key === undefined || key === question.key) return undefined;
      const answer: AnswerChange = (given, asked) => {
        const restored = rule.answerAuto ? restoreNames(given, asked, key) : given;
        return changes.reduce((a, change) => change(a), restored);
      };
      return { question: { ...question, key }, answer };
    },
  };
}

function nameOf(text: string): WireName | undefined {
  try {
    return lowerName(parseName(text));
  } catch {
    return undefined;
  }
}

const dotted = (text: string): string => (text.endsWith('.') ? text : `${text}.`);

/** {0}, {1}… stand for the groups. */
const filled = (to: string, found: RegExpExecArray): string =>
  dotted(to.replaceAll(/\{(\d)\}/g, (_, group: string) => found[Number(group)] ?? ''));

/** On names in text form, lower case, with the closing dot. */
function renaming(rule: RewriteRule): (text: string) => string | undefined {
  const [from, to] = [rule.from.toLowerCase(), rule.to.toLowerCase()];
  switch (rule.match) {
    case 'exact':
      return (text) => (text === dotted(from) ? dotted(to) : undefined);
    case 'prefix':
      return (text) => (text.startsWith(from) ? to + text.slice(from.length) : undefined);
    case 'suffix':
      return (text) =>
        text.endsWith(dotted(from)) ? text.slice(0, text.length - dotted(from).length) + dotted(to) : undefined;
    case 'substring':
      return (text) => (text.includes(from) ? text.replace(from, () => to) : undefined);
    case 'regex': {
      const regex = pattern(rule.from);
      return (text) => {
        const found = regex.exec(text);
        return found === null ? undefined : filled(to, found);
      };
    }
  }
}

/** Owners that carry the new name get the asked one back. */
function restoreNames(answer: Answer, asked: Query, renamed: WireName): Answer {
  const back = (records: readonly ResourceRecord[]) =>
    records.map((r) => (lowerName(r.name) === renamed ? { ...r, name: asked.name } : r));
  return { ...answer, answers: back(answer.answers), additionals: back(answer.additionals) };
}

/** Owners (`name`) or the names inside of record data (`value`) that match, in every section. */
function answerRenaming(part: 'name' | 'value', from: RegExp, to: string): (answer: Answer) => Answer {
  const renamed = (name: WireName): WireName => {
    const found = from.exec(formatName(name));
    return found === null ? name : (nameOf(filled(to, found)) ?? name);
  };
  const change = (record: ResourceRecord): ResourceRecord =>
    part === 'name' ? { ...record, name: renamed(record.name) } : { ...record, rdata: withNames(record, renamed) };
  const all = (records: readonly ResourceRecord[]) => records.map(change);
  return (a) => ({
    ...a,
    answers: all(a.answers),
    authorities: all(a.authorities),
    additionals: all(a.additionals),
  });
}

function withNames({ type, rdata }: ResourceRecord, change: (name: WireName) => WireName): string {
  let out = '';
  let at = 0;
  for (const field of rdataLayout(type) ?? []) {
    if (field === 'name' || field === 'plain') {
      const name = nameAt(rdata, at);
      out += change(name);
      at += name.length;
    } else {
      const size = field === 'string' ? 1 + rdata.charCodeAt(at) : field;
      out += rdata.slice(at, at + size);
      at += size;
    }
  }
  return out + rdata.slice(at);
}

export function createRewrite(rules: readonly RewriteRule[]): DnsPlugin {
  const compiled = rules.map(compileRewrite);
  const changed = (asked: Question): { question: Question; answers: readonly AnswerChange[] } => {
    let question = asked;
    const answers: AnswerChange[] = [];
    for (const rule of compiled) {
      const change = rule.apply(question);
      if (change === undefined) continue;
      question = change.question;
      if (change.answer !== undefined) answers.push(change.answer);
      if (!rule.next) break;
    }
    return { question, answers };
  };
  const isSame = (a: Question, b: Question) => a.key === b.key && a.type === b.type && a.class === b.class;
  return {
    name: 'rewrite',
    concerns: (key, type) => {
      const asked = { key, type, class: 1 };
      const { question, answers } = changed(asked);
      return answers.length > 0 || !isSame(question, asked);
    },
    async handle(query, next) {
      const { question, answers } = changed(query);
      if (isSame(question, query) && answers.length === 0) return next();
      if (!isSame(question, query))
        query.trace?.push(`rewritten to ${formatName(question.key)} ${typeName(question.type)}`);
      const name = question.key === query.key ? query.name : question.key;
      const { key, type, class: cls } = question;
      // The last change of the question is the first to be undone.
      return answers
        .toReversed()
        .reduce((a, change) => change(a, query), await next({ ...query, name, key, type, class: cls }));
    },
  };
}
