// The Corefile's `acl`, `dns64` and `transfer`.
import type { WireName } from '../../../dnswire/index.ts';
import type { AclRule } from '../../plugins/acl.ts';
import { parseNetwork } from '../../networks.ts';
import type { Dns64Config } from '../../plugins/dns64.ts';
import { notifyTarget } from '../../plugins/transfer/notify.ts';
import type { TransferRule } from '../../plugins/transfer/transfer.ts';
import { ACL_ACTIONS, aclLimits, dns64Prefix, WELL_KNOWN_PREFIX } from '../access-values.ts';
import { at, mistake, unknownOption } from './directive.ts';
import type { Directive } from './syntax.ts';
import { zonesOf } from '../values.ts';

/** `acl ZONE… { ACTION [type TYPE…] [net NETWORK…] }` */
export function aclRules(d: Directive, blockZones: readonly WireName[]): AclRule[] {
  const zones = d.args.length > 0 ? d.args.flatMap((text) => zonesOf(text, at(d))) : blockZones;
  return d.block.map((o) => {
    const action = ACL_ACTIONS.find((a) => a === o.name);
    if (action === undefined) throw mistake(o, `an acl rule begins with ${ACL_ACTIONS.join(', ')}`);
    const words: Record<'type' | 'net', string[]> = { type: [], net: [] };
    let into: string[] | undefined;
    for (const word of o.args) {
      if (word === 'type' || word === 'net') into = words[word];
      else if (into === undefined) throw mistake(o, `"${word}" stands neither behind type nor net`);
      else into.push(word);
    }
    return { zones, action, ...aclLimits(words.type, words.net, at(o)) };
  });
}

/** `dns64 [PREFIX] { prefix PREFIX; translate_all; allow_ipv4 }` */
export function dns64(d: Directive): Dns64Config {
  let text = d.args[0] ?? WELL_KNOWN_PREFIX;
  let [translateAll, allowIpv4] = [false, false];
  for (const o of d.block) {
    if (o.name === 'prefix') text = o.args[0] ?? '';
    else if (o.name === 'translate_all') translateAll = true;
    else if (o.name === 'allow_ipv4') allowIpv4 = true;
    else throw unknownOption(o, 'dns64');
  }
  return { ...dns64Prefix(text, at(d)), translateAll, allowIpv4 };
}

/** `transfer [ZONE…] { to ADDRESS… }` */
export function transferRule(d: Directive, blockZones: readonly WireName[]): TransferRule {
  const to = d.block.flatMap((o) => {
    if (o.name !== 'to') throw unknownOption(o, 'transfer');
    for (const text of o.args)
      if (text !== '*' && parseNetwork(text) === undefined && notifyTarget(text) === undefined)
        throw mistake(o, `"${text}" is no address, no network and not *`);
    return o.args;
  });
  if (to.length === 0) throw mistake(d, 'write transfer [ZONE…] { to ADDRESS… }');
  return { zones: d.args.length > 0 ? d.args.flatMap((text) => zonesOf(text, at(d))) : blockZones, to };
}
