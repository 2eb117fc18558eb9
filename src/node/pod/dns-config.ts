// A pod's /etc/resolv.conf. Pure.
import type { Pod } from '../../api/objects.ts';
import { isHostNetwork, namespaceOf, specOf } from './pod-spec.ts';

export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface DnsSettings {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's own resolver. */
  readonly host: ResolverConfig;
}

/** Limits of glibc and of Kubernetes' validation. */
const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;

export function parseResolvConf(text: string): ResolverConfig {
  const config = { nameservers: [] as string[], searches: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [key, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    if (key === 'nameserver' && values[0] !== undefined) config.nameservers.push(values[0]);
    // The last line wins, as in resolv.conf(5).
    if (key === 'search' || key === 'domain') config.searches = values;
    if (key === 'options') config.options.push(...values);
  }
  return config;
}

const unique = (list: readonly string[]) => [...new Set(list)];

/** Options by name; a later one replaces an earlier one. */
function mergeOptions(base: readonly string[], extra: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const option of [...base, ...extra]) byName.set(option.split(':')[0] ?? option, option);
  return [...byName.values()];
}

/** `problems`: what did not fit, as events say it. */
export function podResolver(pod: Pod, dns: DnsSettings): { config: ResolverConfig; problems: string[] } {
  const spec = specOf(pod);
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  const inCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !isHostNetwork(pod));
  let base: ResolverConfig = dns.host;
  if (policy === 'None') base = { nameservers: [], searches: [], options: [] };
  else if (inCluster && dns.clusterDns.length > 0) {
    const domain = dns.clusterDomain;
    base = {
      nameservers: dns.clusterDns,
      searches: unique([`${namespaceOf(pod)}.svc.${domain}`, `svc.${domain}`, domain, ...dns.host.searches]),
      options: ['ndots:5'],
    };
  }
  const own = spec.dnsConfig;
  const ownOptions = (own?.options ?? []).map((o) => (o.value === undefined ? (o.name ?? '') : `${o.name}:${o.value}`));
  return limit({
    nameservers: unique([...base.nameservers, ...(own?.nameservers ?? [])]),
    searches: unique([...base.searches, ...(own?.searches ?? [])]),
    options: mergeOptions(
      base.options,
      ownOptions.filter((o) => o !== ''),
    ),
  });
}

function limit(config: ResolverConfig): { config: ResolverConfig; problems: string[] } {
  const nameservers = config.nameservers.slice(0, MAX_NAMESERVERS);
  const searches: string[] = [];
  for (const search of config.searches) {
    if (searches.length >= MAX_SEARCHES || [...searches, search].join(' ').length > MAX_SEARCH_CHARS) break;
    searches.push(search);
  }
  const problems: string[] = [];
  if (nameservers.length < config.nameservers.length) {
    problems.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${nameservers.join(' ')}`,
    );
  }
  if (searches.length < config.searches.length) {
    problems.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`,
    );
  }
  return { config: { ...config, nameservers, searches }, problems };
}

export function formatResolvConf(c: ResolverConfig): string {
  return [
    ...c.nameservers.map((ip) => `nameserver ${ip}`),
    ...(c.searches.length === 0 ? [] : [`search ${c.searches.join(' ')}`]),
    ...(c.options.length === 0 ? [] : [`options ${c.options.join(' ')}`]),
    '',
  ].join('\n');
}
