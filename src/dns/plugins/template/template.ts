// Answers made from the question by templates (CoreDNS's `template`): the first rule that fits decides.
import {
  Class,
  className,
  formatName,
  isBelow,
  parseRecord,
  Rcode,
  ROOT,
  Type,
  typeName,
} from '../../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../../dnswire/index.ts';
import { DnsWireError, Ede } from '../../../dnswire/index.ts';
import type { Logger } from '../../../log/index.ts';
import { Counter } from '../../../metrics/index.ts';
import type { Registry } from '../../../metrics/index.ts';
import type { Resolve } from '../../chain.ts';
import { goPattern } from '../../go-pattern.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, AnswerError, DnsPlugin, Query } from '../../plugin.ts';
import { followAlias } from '../follow-alias.ts';
import { parseGoTemplate, TemplateError } from './go-template.ts';
import type { Node } from './go-template.ts';
import { FUNCTIONS, runTemplate } from './run-template.ts';

export interface TemplateRule {
  readonly zones: readonly WireName[];
  /** 255: any. */
  readonly class: number;
  /** 255: any. */
  readonly type: number;
  /** Regular expressions on the name, in lower case and with the closing dot; empty: every name. */
  readonly match: readonly string[];
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  readonly additionals: readonly string[];
  readonly rcode: number;
  readonly error?: AnswerError;
  /** Zones whose names go on to the next rule when no expression matches; undefined: they are SERVFAIL. */
  readonly fallthrough?: readonly WireName[];
}

const FIELDS = ['Zone', 'Name', 'Class', 'Type', 'Match', 'Group', 'Question', 'Message', 'Remote', 'Meta'];
const SECTIONS = ['answers', 'authorities', 'additionals'] as const;
type Section = (typeof SECTIONS)[number];
/** As CoreDNS's directives are called. */
const SECTION_LABELS = { answers: 'answer', authorities: 'authority', additionals: 'additional' } as const;

export interface CompiledRule extends Omit<TemplateRule, 'match' | Section> {
  readonly patterns: readonly RegExp[];
  readonly sections: Readonly<Record<Section, readonly { text: string; nodes: readonly Node[] }[]>>;
}

/** @throws Error that says what cannot be read. */
export function compileTemplateRule(rule: TemplateRule): CompiledRule {
  const compile = (texts: readonly string[]) =>
    texts.map((text) => ({ text, nodes: parseGoTemplate(text, { functions: FUNCTIONS, fields: FIELDS }) }));
  const { match, answers, authorities, additionals, ...rest } = rule;
  return {
    ...rest,
    patterns: match.map((text) => goPattern(text)),
    sections: { answers: compile(answers), authorities: compile(authorities), additionals: compile(additionals) },
  };
}

export class TemplateMetrics {
  readonly matches: Counter;
  readonly templateFailures: Counter;
  readonly recordFailures: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string) =>
      registry.register(new Counter(`coredns_template_${name}_total`, help));
    this.matches = counter('matches', 'Questions that a template matched.');
    this.templateFailures = counter('template_failures', 'Templates that could not be run.');
    this.recordFailures = counter('rr_failures', 'Templates whose result was no record.');
  }
}

export interface TemplateDeps {
  readonly resolve: Resolve;
  readonly metrics: TemplateMetrics;
  readonly log: Logger;
  /** Labels of the server block. */
  readonly labels: { readonly server: string; readonly view: string };
}

interface Found {
  readonly rule: CompiledRule;
  readonly zone: WireName;
  readonly groups: RegExpExecArray | undefined;
}

export function createTemplate(rules: readonly TemplateRule[], deps: TemplateDeps): DnsPlugin {
  const compiled = rules.map(compileTemplateRule);
  /** The rule that answers; `unmatched`: one that holds the zone, but not the name. */
  const find = (key: WireName, type: number, cls: number): Found | 'unmatched' | undefined => {
    for (const rule of compiled) {
      if (rule.class !== Class.ANY && rule.class !== cls) continue;
      if (rule.type !== Type.ANY && type !== Type.ANY && rule.type !== type) continue;
      const zone = longestZone(rule.zones, key);
      if (zone === undefined) continue;
      if (rule.patterns.length === 0) return { rule, zone, groups: undefined };
      const name = formatName(key);
      for (const pattern of rule.patterns) {
        const groups = pattern.exec(name);
        if (groups !== null) return { rule, zone, groups };
      }
      if (rule.fallthrough === undefined || longestZone(rule.fallthrough, key) === undefined) return 'unmatched';
    }
    return undefined;
  };
  return {
    name: 'template',
    concerns: (key, type) => find(key, type, Class.IN) !== undefined,
    async handle(query, next) {
      const found = find(query.key, query.type, query.class);
      if (found === undefined) return next();
      if (found === 'unmatched')
        return emptyAnswer(Rcode.SERVFAIL, 'template', { code: Ede.OTHER, text: 'no template matches the name' });
      query.trace?.push(`template of ${formatName(found.zone)}`);
      return answerOf(found, query, deps);
    },
  };
}

function longestZone(zones: readonly WireName[], key: WireName): WireName | undefined {
  const holding = zones.filter((zone) => zone === ROOT || isBelow(key, zone));
  return holding.toSorted((a, b) => b.length - a.length)[0];
}

async function answerOf({ rule, zone, groups }: Found, query: Query, deps: TemplateDeps): Promise<Answer> {
  const { metrics, log } = deps;
  const labels = { ...deps.labels, zone: formatName(zone), class: className(query.class), type: typeName(query.type) };
  metrics.matches.inc(labels);
  const error = rule.error === undefined ? {} : { error: rule.error };
  const empty = { ...emptyAnswer(rule.rcode, 'template'), ...error, authoritative: true };
  if (rule.rcode === Rcode.SERVFAIL) return { ...empty, authoritative: false };
  const data = dataOf(query, zone, groups, deps.labels.view);
  const out: Record<Section, ResourceRecord[]> = { answers: [], authorities: [], additionals: [] };
  for (const section of SECTIONS)
    for (const { text, nodes } of rule.sections[section])
      try {
        out[section].push(parseRecord(runTemplate(nodes, data)));
      } catch (failure) {
        if (!(failure instanceof TemplateError) && !(failure instanceof DnsWireError)) throw failure;
        const counter = failure instanceof TemplateError ? metrics.templateFailures : metrics.recordFailures;
        counter.inc({ ...labels, section: SECTION_LABELS[section], template: text });
        log.error('template: no record for a question', {
          name: formatName(query.key),
          template: text,
          error: failure,
        });
        return emptyAnswer(Rcode.SERVFAIL, 'template', { code: Ede.OTHER, text: 'a template of the server failed' });
      }
  const cname = out.answers.at(-1);
  const isAlias = cname?.type === Type.CNAME && query.type !== Type.CNAME && query.type !== Type.ANY;
  if (!isAlias) return { ...empty, ...out };
  const followed = await followAlias(query, cname, deps.resolve, 'template');
  return {
    ...empty,
    ...out,
    truncated: followed.truncated === true,
    // An alias whose target cannot be found is still an alias.
    answers: [...out.answers.slice(0, -1), cname, ...followed.answers.slice(1)],
  };
}

function dataOf(query: Query, zone: WireName, groups: RegExpExecArray | undefined, view: string) {
  const name = formatName(query.key);
  const matches = groups === undefined ? [name] : Array.from(groups, (text: string | undefined) => text ?? '');
  const numbered = Object.fromEntries(matches.map((text, i) => [String(i), text]));
  const named = Object.entries(groups?.groups ?? {}).map(([group, text]: [string, string | undefined]) => [
    group,
    text ?? '',
  ]);
  return {
    Zone: formatName(zone),
    Name: name,
    Class: className(query.class),
    Type: typeName(query.type),
    Match: matches,
    Group: { ...numbered, ...(Object.fromEntries(named) as Record<string, string>) },
    Question: { Name: formatName(query.name), Qtype: query.type, Qclass: query.class },
    Message: { RecursionDesired: (query.flags & 0x100) !== 0, CheckingDisabled: (query.flags & 0x10) !== 0 },
    Remote: query.client.address,
    Meta: (label: unknown) => (label === 'view/name' ? view : ''),
  };
}
