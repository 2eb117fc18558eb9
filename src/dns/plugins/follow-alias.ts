// The target of an alias, asked through the whole chain of plugins.
import { Ede, lowerName, Rcode } from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import type { Resolve } from '../chain.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, Query } from '../plugin.ts';

export const MAX_ALIASES = 10;

/** @returns the CNAME and behind it what its target has; SERVFAIL for a chain that is too long or a loop. */
export async function followAlias(
  query: Query,
  cname: ResourceRecord,
  resolve: Resolve,
  from: string,
): Promise<Answer> {
  if (query.depth >= MAX_ALIASES)
    return emptyAnswer(Rcode.SERVFAIL, from, { code: Ede.OTHER, text: 'the chain of aliases is too long or a loop' });
  const target = lowerName(cname.rdata as WireName);
  const end = await resolve({ ...query, name: target, key: target, depth: query.depth + 1 });
  // Nobody here knows the target: the alias is all there is to say, and the client goes on from it.
  const { rcode } = end.rcode === Rcode.REFUSED && end.from === '' ? emptyAnswer(Rcode.NOERROR, from) : end;
  return { ...end, rcode, authoritative: true, answers: [cname, ...end.answers], from };
}
