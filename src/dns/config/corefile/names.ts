// The Corefile's `hosts` and `autopath`.
import path from 'node:path';
import { ROOT } from '../../../dnswire/index.ts';
import type { AutopathConfig, HostsConfig } from '../config.ts';
import { integerOf } from '../values.ts';
import { at, zonesOfWords } from './directive.ts';
import type { Mutable } from './directive.ts';
import type { Directive } from './syntax.ts';

/** @param root that a relative path begins in */
export function hosts(d: Directive, root: string): HostsConfig {
  const [file = '/etc/hosts'] = d.args;
  const inline: string[] = [];
  const out: Mutable<HostsConfig> = { file: path.resolve(root, file), inline, ttlSeconds: 3600, reverse: true };
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

export function autopath(d: Directive): AutopathConfig {
  // `autopath @kubernetes` takes the node's own search domains from a resolv.conf; here they are arguments.
  const names = d.args.filter((a) => !a.startsWith('@') && !a.startsWith('/'));
  return { nodeSearch: zonesOfWords(names, d) };
}
