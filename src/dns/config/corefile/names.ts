// The Corefile's `hosts`, `rewrite` and `autopath`.
import { parseName, ROOT } from '../../../dnswire/index.ts';
import type { AutopathConfig, HostsConfig, RewriteRule } from '../config.ts';
import { integerOf } from '../values.ts';
import { at, mistake, zonesOfWords } from './directive.ts';
import type { Mutable } from './directive.ts';
import type { Directive } from './syntax.ts';

export function hosts(d: Directive): HostsConfig {
  const [file = '/etc/hosts'] = d.args;
  const inline: string[] = [];
  const out: Mutable<HostsConfig> = { file, inline, ttlSeconds: 3600, reverse: true };
  for (const o of d.block) {
    if (o.name === 'ttl') out.ttlSeconds = integerOf(o.args[0], at(o), 0, 86_400);
    else if (o.name === 'no_reverse') out.reverse = false;
    else if (o.name === 'fallthrough') out.fallthrough = o.args.length === 0 ? [ROOT] : zonesOfWords(o.args, o);
    else if (o.name === 'reload') continue;
    else inline.push([o.name, ...o.args].join(' '));
  }
  // With entries of its own and no file named, the machine's file has no part in it.
  if (d.args.length === 0 && inline.length > 0) delete out.file;
  return out;
}

export function rewrite(d: Directive): RewriteRule[] {
  const args = [...d.args];
  let next = false;
  if (args[0] === 'stop' || args[0] === 'continue') next = args.shift() === 'continue';
  const field = args.shift();
  if (field !== 'name' && field !== 'type' && field !== 'class')
    throw mistake(d, `rewriting "${field ?? ''}" is not possible; name, type and class are`);
  const kinds = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
  const kind = field === 'name' ? kinds.find((k) => k === args[0]) : undefined;
  if (kind !== undefined) args.shift();
  const [from, to, ...rest] = args;
  if (from === undefined || to === undefined) throw mistake(d, `write rewrite ${field} FROM TO`);
  const answerAuto =
    rest.join(' ') === 'answer auto' || d.block.some((o) => o.name === 'answer' && o.args[0] === 'auto');
  if (rest.length > 0 && !answerAuto) throw mistake(d, `"${rest.join(' ')}" is not known; answer auto is`);
  return [
    { field, match: kind ?? 'exact', from, to, answerAuto: answerAuto || kind === undefined || kind === 'exact', next },
  ];
}

export function autopath(d: Directive): AutopathConfig {
  // `autopath @kubernetes` takes the node's own search domains from a resolv.conf; here they are arguments.
  const nodeSearch = d.args
    .filter((a) => !a.startsWith('@') && !a.startsWith('/'))
    .map((a) => parseName(a.toLowerCase()));
  return { nodeSearch };
}
