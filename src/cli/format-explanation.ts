// The text of `portico dns query`: each name that is tried, what it gives, and why. Pure.
import type { Explanation, ExplainStep } from '../dns/index.ts';

export interface DnsReport extends Explanation {
  readonly name: string;
  readonly type: string;
  /** `pod default/shell` */
  readonly askedBy: string;
  readonly server?: { readonly address: string; readonly port?: number };
}

export function formatExplanation(report: DnsReport): string {
  const { name, type, askedBy, server, search, ndots, steps, answer } = report;
  const asked =
    server === undefined
      ? 'No server asked: there is no Service kube-system/kube-dns; name one with --server.'
      : `Asked by ${askedBy}, server ${server.address}${server.port === undefined ? '' : ` port ${server.port}`}.`;
  const path = search.length === 0 ? [] : [`Search path (ndots ${ndots}): ${search.join(' ')}`];
  const result =
    answer === undefined
      ? `${name} ${type}: no records.`
      : `${name} ${type}: ${counted(recordsOf(answer).length, 'record')} at ${answer.name}`;
  return [result, asked, ...path, ...steps.flatMap((step, i) => ['', ...stepLines(step, i + 1)]), ''].join('\n');
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What the client gets: the server's words when it was asked. */
const recordsOf = (step: ExplainStep): readonly string[] => step.asked?.records ?? step.records;

function stepLines(step: ExplainStep, number: number): string[] {
  const { asked, rcode, reason, objects, askFailed } = step;
  const lines = [`${number}. ${step.name}  ${asked?.rcode ?? rcode ?? 'forwarded'}`];
  for (const record of recordsOf(step)) lines.push(`     ${record}`);
  lines.push(`   why: ${reason}`);
  for (const object of objects) lines.push(`     ${object}`);
  if (asked !== undefined) {
    const how = `${asked.transport.toUpperCase()}, ${asked.durationMs.toFixed(1)} ms`;
    if (asked.agrees === false) {
      lines.push(`   the server does not agree with the API (${how}): expected ${rcode}`);
      for (const record of step.records) lines.push(`     ${record}`);
    } else lines.push(`   server: ${asked.agrees === true ? 'the same' : 'answered'} (${how})`);
    if (asked.reason !== '' && asked.reason !== reason) lines.push(`   server says: ${asked.reason}`);
  }
  if (askFailed !== undefined) lines.push(`   server: ${askFailed}; what stands here follows from the API alone`);
  return lines;
}
