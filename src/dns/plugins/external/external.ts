// Names of services for the world outside of the cluster (CoreDNS's `k8s_external`).
import { Class, Ede, isBelow, Rcode, ROOT, Type } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { Resolve } from '../../chain.ts';
import { emptyAnswer } from '../../plugin.ts';
import type { Answer, DnsPlugin, Query } from '../../plugin.ts';
import { followAlias } from '../follow-alias.ts';
import type { ClusterZone } from '../kubernetes/cluster-zone.ts';
import type { TransferSource } from '../transfer/transfer.ts';
import { ExternalZone } from './external-zone.ts';
import type { ExternalConfig } from './external-zone.ts';

const NAME = 'k8s_external';

export function createExternal(
  config: ExternalConfig,
  deps: { readonly cluster: ClusterZone; readonly resolve: Resolve },
): DnsPlugin & TransferSource {
  const external = new ExternalZone(config, deps.cluster);
  const passes = (key: WireName) => config.fallthrough.some((zone) => zone === ROOT || isBelow(key, zone));
  const answerOf = async (query: Query, zone: WireName, next: () => Promise<Answer>): Promise<Answer> => {
    const empty = { ...emptyAnswer(Rcode.NOERROR, NAME), authoritative: true };
    const found = external.answer(query.name, query.key, query.type, zone);
    if (found.kind === 'records') return { ...empty, answers: found.answers, additionals: found.additionals };
    if (found.kind === 'alias')
      return query.type === Type.CNAME
        ? { ...empty, answers: [found.cname] }
        : followAlias(query, found.cname, deps.resolve, NAME);
    const owner = query.name.slice(query.name.length - zone.length) as WireName;
    const denial = { ...empty, authorities: [external.soa(owner)], error: { code: Ede.OTHER, text: found.why } };
    if (found.kind === 'nodata') return denial;
    if (!external.synced)
      return emptyAnswer(Rcode.SERVFAIL, NAME, {
        code: Ede.NOT_READY,
        text: 'the list of services is not complete yet',
      });
    return passes(query.key) ? next() : { ...denial, rcode: Rcode.NXDOMAIN };
  };
  return {
    name: NAME,
    concerns: (key) => external.zoneOf(key) !== undefined,
    handle: (query, next) => {
      const zone = query.class === Class.IN ? external.zoneOf(query.key) : undefined;
      return zone === undefined ? next() : answerOf(query, zone, next);
    },
    transferOf(key) {
      if (!config.zones.includes(key)) return undefined;
      return {
        ready: external.synced,
        serial: external.serial,
        soa: (owner) => external.soa(owner),
        records: (owner) => external.records(owner, key),
      };
    },
  };
}
