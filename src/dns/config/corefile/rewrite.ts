// The Corefile's `rewrite`: a rule in one line, or one whose lines stand in a block.
import { compileRewrite } from '../../plugins/rewrite.ts';
import type { RewriteRule } from '../config.ts';
import { mistake } from './directive.ts';
import type { Directive } from './syntax.ts';

const FIELDS = ['name', 'type', 'class', 'ttl', 'rcode'] as const;
const KINDS = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;

/** `rewrite [continue|stop] FIELD [KIND] FROM TO [answer …]`, or `rewrite [continue|stop] { FIELD … ; answer … }` */
export function rewrite(d: Directive): RewriteRule[] {
  const args = [...d.args];
  const next = args[0] === 'continue';
  if (args[0] === 'stop' || args[0] === 'continue') args.shift();
  const lines = d.block.map((o) => [o.name, ...o.args]);
  if (args.length > 0) return [ruleOf(d, args, lines, next)];
  // Each line of the block is a rule of its own; those for answers belong to the one before.
  const rules: { words: string[]; answers: string[][] }[] = [];
  for (const words of lines) {
    const last = rules.at(-1);
    if (words[0] !== 'answer') rules.push({ words, answers: [] });
    else if (last === undefined) throw mistake(d, 'answer must come after the name that it belongs to');
    else last.answers.push(words);
  }
  if (rules.length === 0) throw mistake(d, 'write rewrite name FROM TO');
  return rules.map(({ words, answers }, i) => ruleOf(d, words, answers, i < rules.length - 1 || next));
}

function ruleOf(d: Directive, words: readonly string[], answers: readonly string[][], next: boolean): RewriteRule {
  const left = [...words];
  const name = left.shift();
  const field = FIELDS.find((f) => f === name);
  if (field === undefined) throw mistake(d, `rewriting "${name ?? ''}" is not possible; ${FIELDS.join(', ')} are`);
  const kind = field === 'type' || field === 'class' ? undefined : KINDS.find((k) => k === left[0]);
  if (kind !== undefined) left.shift();
  const [from, ...to] = left.splice(0, field === 'rcode' ? 3 : 2);
  if (from === undefined || to.length === 0) throw mistake(d, `write rewrite ${field} FROM TO`);
  const changes: RewriteRule['answers'][number][] = [];
  // With an exact name there is only one way back.
  let answerAuto = field === 'name' && (kind === undefined || kind === 'exact');
  for (const line of [left, ...answers])
    for (let words = [...line]; words.length > 0;) {
      const [answer, part, pattern, value, ...more] = words;
      if (answer !== 'answer' || field !== 'name')
        throw mistake(d, `"${words.join(' ')}" is not known; answer auto, answer name and answer value are`);
      if (part === 'auto') {
        answerAuto = true;
        words = words.slice(2);
      } else if ((part === 'name' || part === 'value') && pattern !== undefined && value !== undefined) {
        changes.push({ part, from: pattern, to: value });
        words = more;
      } else throw mistake(d, 'write answer auto, answer name REGEX TO or answer value REGEX TO');
    }
  const rule: RewriteRule = {
    field,
    match: kind ?? 'exact',
    from,
    to: to.join(' '),
    answerAuto: answerAuto && !changes.some((c) => c.part === 'name'),
    answers: changes,
    next,
  };
  try {
    compileRewrite(rule);
  } catch (error) {
    throw mistake(d, (error as Error).message.replace(/^rewrite: /, ''));
  }
  return rule;
}
