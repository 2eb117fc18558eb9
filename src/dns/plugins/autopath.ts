// Walks the client's search path for it: a question for a name below `NAMESPACE.svc.ZONE` that is in none of the cluster's
// domains is asked upstream at once. The namespace stands in the question itself, so no pod has to be known.
import {
  Class,
  countLabels,
  formatName,
  isBelow,
  joinLabels,
  nameLabels,
  Rcode,
  ROOT,
  Type,
} from '../../dnswire/index.ts';
import type { WireName } from '../../dnswire/index.ts';
import { Counter } from '../../metrics/index.ts';
import type { Registry } from '../../metrics/index.ts';
import type { AutopathConfig } from '../config/config.ts';
import type { DnsPlugin, Query } from '../plugin.ts';
import type { ClusterZone } from './kubernetes/cluster-zone.ts';
import type { Resolve } from '../chain.ts';

export function autopathCounter(registry: Registry): Counter {
  return registry.register(
    new Counter('coredns_autopath_success_total', 'Questions answered by walking the search path.'),
  );
}

export interface AutopathDeps {
  readonly zone: ClusterZone;
  /** Asks the whole chain. */
  readonly resolve: Resolve;
  readonly successes: Counter;
}

export function createAutopath(config: AutopathConfig, deps: AutopathDeps): DnsPlugin {
  const { zone, resolve, successes } = deps;
  /** `x` of `x.NAMESPACE.svc.ZONE`, when it could be a name of the world: it has a dot, the namespace exists. */
  const stemOf = (key: WireName): { stem: string[]; clusterZone: WireName } | undefined => {
    const clusterZone = zone.options.zones.find((z) => isBelow(key, z));
    if (clusterZone === undefined) return undefined;
    const labels = nameLabels(key.slice(0, key.length - clusterZone.length) as WireName);
    if (labels.at(-1) !== 'svc' || labels.length < 4) return undefined;
    const namespace = labels.at(-2);
    if (namespace === undefined || zone.options.index.namespace(namespace) === undefined) return undefined;
    return { stem: labels.slice(0, -2), clusterZone };
  };
  const absent = (name: WireName): boolean => zone.answer(name, name, Type.A).kind === 'nxdomain';
  const applies = (key: WireName, type: number) => {
    if (type !== Type.A && type !== Type.AAAA) return undefined;
    const found = stemOf(key);
    if (found === undefined || !absent(key)) return undefined;
    const { stem, clusterZone } = found;
    const below = (suffix: WireName) => joinLabels(stem, suffix);
    try {
      // The rest of the client's path: svc.ZONE, ZONE, the node's own domains, the name as it is.
      if (!absent(below(joinLabels(['svc'], clusterZone))) || !absent(below(clusterZone))) return undefined;
      return [...config.nodeSearch, ROOT].map(below);
    } catch {
      return undefined;
    }
  };
  return {
    name: 'autopath',
    concerns: (key, type) => countLabels(key) > 4 && applies(key, type) !== undefined,
    async handle(query: Query, next) {
      const candidates = query.class === Class.IN && query.depth === 0 ? applies(query.key, query.type) : undefined;
      if (candidates === undefined) return next();
      for (const name of candidates) {
        query.trace?.push(`autopath: trying ${formatName(name)}`);
        const answer = await resolve({ ...query, name, key: name, depth: query.depth + 1 });
        if (answer.rcode !== Rcode.NOERROR) continue;
        successes.inc();
        if (answer.answers.length === 0) return answer;
        const ttl = Math.min(...answer.answers.map((r) => r.ttl));
        const cname = { name: query.name, type: Type.CNAME, class: Class.IN, ttl, rdata: name };
        return { ...answer, answers: [cname, ...answer.answers], authoritative: true, from: 'autopath' };
      }
      return next();
    },
  };
}
