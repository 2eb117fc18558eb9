// Asks the plugins behind it another question, and gives the answer under the name that was asked.
import { formatName, lowerName, parseName, parseType, typeName } from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import { DnsConfigError } from '../config/config.ts';
import type { RewriteRule } from '../config/config.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

interface Change {
  readonly key?: WireName;
  readonly type?: number;
  readonly class?: number;
}

interface Rule {
  readonly next: boolean;
  readonly answerAuto: boolean;
  /** Undefined: the rule does not match. */
  apply(key: WireName, type: number, cls: number): Change | undefined;
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

function compile(rule: RewriteRule): Rule {
  const base = { next: rule.next, answerAuto: rule.answerAuto };
  if (rule.field === 'type') {
    const [from, to] = [typeNumber(rule.from), typeNumber(rule.to)];
    return { ...base, apply: (_key, type) => (type === from ? { type: to } : undefined) };
  }
  if (rule.field === 'class') {
    const [from, to] = [classNumber(rule.from), classNumber(rule.to)];
    return { ...base, apply: (_key, _type, cls) => (cls === from ? { class: to } : undefined) };
  }
  const rename = renaming(rule);
  return {
    ...base,
    apply: (key) => {
      const text = formatName(key);
      const renamed = rename(text);
      if (renamed === undefined || renamed === text) return undefined;
      try {
        return { key: lowerName(parseName(renamed)) };
      } catch {
        // The rule makes a name that cannot exist: the question stays as it is.
        return undefined;
      }
    },
  };
}

/** On names in text form, lower case, with the closing dot. */
function renaming(rule: RewriteRule): (text: string) => string | undefined {
  const dotted = (text: string) => (text.endsWith('.') ? text : `${text}.`);
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
      let pattern: RegExp;
      try {
        pattern = new RegExp(rule.from, 'i');
      } catch (error) {
        throw new DnsConfigError(`rewrite: "${rule.from}" is no regular expression: ${String(error)}`);
      }
      return (text) => {
        const found = pattern.exec(text);
        // {0}, {1}… stand for the groups.
        return found === null
          ? undefined
          : dotted(to.replaceAll(/\{(\d)\}/g, (_, group: string) => found[Number(group)] ?? ''));
      };
    }
  }
}

export function createRewrite(rules: readonly RewriteRule[]): DnsPlugin {
  const compiled = rules.map(compile);
  const changed = (key: WireName, type: number, cls: number) => {
    let [k, t, c] = [key, type, cls];
    let restore = false;
    for (const rule of compiled) {
      const change = rule.apply(k, t, c);
      if (change === undefined) continue;
      k = change.key ?? k;
      t = change.type ?? t;
      c = change.class ?? c;
      if (change.key !== undefined) restore ||= rule.answerAuto;
      if (!rule.next) break;
    }
    return { key: k, type: t, class: c, restore };
  };
  return {
    name: 'rewrite',
    concerns: (key, type) => {
      const after = changed(key, type, 1);
      return after.key !== key || after.type !== type || after.class !== 1;
    },
    async handle(query, next) {
      const after = changed(query.key, query.type, query.class);
      if (after.key === query.key && after.type === query.type && after.class === query.class) return next();
      query.trace?.push(`rewritten to ${formatName(after.key)} ${typeName(after.type)}`);
      const name = after.key === query.key ? query.name : after.key;
      const answer = await next({ ...query, name, key: after.key, type: after.type, class: after.class });
      return after.restore ? restoreNames(answer, query, after.key) : answer;
    },
  };
}

/** Owners that carry the new name get the asked one back. */
function restoreNames(answer: Answer, query: Query, renamed: WireName): Answer {
  const back = (records: readonly ResourceRecord[]) =>
    records.map((r) => (lowerName(r.name) === renamed ? { ...r, name: query.name } : r));
  return { ...answer, answers: back(answer.answers), additionals: back(answer.additionals) };
}
