// Records written in the configuration: any type, exact names. Names that are not there go on.
import { lowerName, Rcode, Type } from '../../dnswire/index.ts';
import type { ResourceRecord } from '../../dnswire/index.ts';
import { emptyAnswer } from '../plugin.ts';
import type { Answer, DnsPlugin } from '../plugin.ts';
import type { Resolve } from '../chain.ts';
import { followAlias } from './follow-alias.ts';

export function createStaticRecords(records: readonly ResourceRecord[], resolve: Resolve): DnsPlugin {
  const byName = Map.groupBy(records, (r) => lowerName(r.name));
  const answer = (answers: readonly ResourceRecord[]): Answer => ({
    ...emptyAnswer(Rcode.NOERROR, 'records'),
    authoritative: true,
    answers,
  });
  return {
    name: 'records',
    concerns: (key) => byName.has(key),
    handle(query, next) {
      const own = byName.get(query.key);
      if (own === undefined) return next();
      const named = own.map((r) => ({ ...r, name: query.name })).filter((r) => r.class === query.class);
      const cname = named.find((r) => r.type === Type.CNAME);
      if (cname !== undefined && query.type !== Type.CNAME) return followAlias(query, cname, resolve, 'records');
      return Promise.resolve(answer(named.filter((r) => r.type === query.type || query.type === Type.ANY)));
    },
  };
}
