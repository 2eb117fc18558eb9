// From our own YAML format to the configuration. Strict: an unknown key or a value of the wrong kind is an error that
// names its place.
import { parse } from 'yaml';
import { lowerName, parseRecord, ROOT } from '../../../dnswire/index.ts';
import type { AclRule } from '../../plugins/acl.ts';
import { CACHE_DEFAULTS } from '../../plugins/cache.ts';
import type { PrefetchConfig } from '../../plugins/cache.ts';
import type { Dns64Config } from '../../plugins/dns64.ts';
import { compileView } from '../../view/view.ts';
import { ACL_ACTIONS, aclLimits, dns64Prefix, WELL_KNOWN_PREFIX } from '../access-values.ts';
import { defaultBlock, defaultDnsConfig, defaultForward, defaultKubernetes, DnsConfigError } from '../config.ts';
import type { BlockConfig, DnsConfig, ForwardBlockConfig, HostsConfig, RewriteRule } from '../config.ts';
import type { KubernetesConfig } from '../config.ts';
import { isReverse, upstreamOf, zonesOf } from '../values.ts';
import { externalOf, templateOf, transferOf, zoneFileOf } from './answers.ts';
import { Fields, given } from './fields.ts';

/** @throws DnsConfigError */
export function parseYamlConfig(text: string, folder = '.'): DnsConfig {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new DnsConfigError(`the configuration is no YAML: ${(error as Error).message}`, { cause: error });
  }
  const all = new Fields(value ?? {}, '');
  const { health, ready, metrics, ...rest } = defaultDnsConfig();
  const page = <T extends { address: string; port: number }>(key: string, base: T | undefined): T | undefined => {
    const raw = all.take(key);
    if (raw === false) return undefined;
    if (raw === undefined || base === undefined) return base;
    const at = new Fields(raw, key);
    const lameduck = at.number('lameduckSeconds', 3600);
    const out = {
      ...base,
      ...given<{ address: string; port: number; lameduckMs: number }>({
        address: at.string('address'),
        port: at.number('port', 65535),
        lameduckMs: lameduck === undefined ? undefined : lameduck * 1000,
      }),
    };
    at.end();
    return out;
  };
  const pages = given<DnsConfig>({
    health: page('health', health),
    ready: page('ready', ready),
    metrics: page('metrics', metrics),
  });
  const reload = all.number('reloadSeconds', 86_400);
  const config: DnsConfig = {
    ...rest,
    ...pages,
    ...given<DnsConfig>({
      port: all.number('port', 65535),
      maxUdpSize: all.number('maxUdpSize', 4096),
      queryLog: all.oneOf('log', ['off', 'all', 'error', 'denial']),
      reloadMs: reload === undefined ? undefined : reload * 1000,
    }),
    // Views are asked first, in their order.
    blocks: [...(all.list('views') ?? []).map((view) => viewBlock(view, folder)), block(all, folder)],
  };
  all.end();
  return config;
}

/** A block of its own for the questions that a view takes: `{ name, when: [EXPRESSION…], … }`. */
function viewBlock(all: Fields, folder: string): BlockConfig {
  const view = { name: all.string('name') ?? '', when: all.strings('when') ?? [] };
  if (view.name === '' || view.when.length === 0) throw all.fail('when', 'and "name" are both needed');
  try {
    compileView(view);
  } catch (error) {
    throw all.fail('when', (error as Error).message);
  }
  const zones = all.zones('zones');
  const out = block(all, folder);
  all.end();
  return { ...out, view, ...(zones === undefined ? {} : { zones }) };
}

function block(all: Fields, folder: string): BlockConfig {
  const kubernetesRaw = all.take('kubernetes');
  const cacheRaw = all.take('cache');
  const hosts = all.fields('hosts');
  const autopath = all.fields('autopath');
  const dns64 = all.fields('dns64');
  const stub = all.fields('stubDomains');
  const external = all.fields('external');
  const transferTo = all.strings('transferTo');
  const forward = all.list('forward')?.map(forwardOf) ?? [defaultForward()];
  for (const [zoneText, to] of stub?.entries() ?? []) {
    const where = `stubDomains.${zoneText}`;
    const list: unknown[] = Array.isArray(to) ? to : [to];
    if (!list.every((item) => typeof item === 'string'))
      throw new DnsConfigError(`${where} must be a list of addresses`);
    const zone = zonesOf(zoneText, where)[0] ?? ROOT;
    forward.push(defaultForward({ zone, to: list.map((text) => upstreamOf(text, where)) }));
  }
  const out = defaultBlock({ forward });
  const { kubernetes: _k, cache: _c, ...base } = out;
  return {
    ...base,
    ...given<BlockConfig>({
      kubernetes: kubernetesRaw === false ? undefined : kubernetesOf(new Fields(kubernetesRaw ?? {}, 'kubernetes')),
      cache: cacheRaw === false ? undefined : cacheOf(new Fields(cacheRaw ?? {}, 'cache')),
      hosts: hosts === undefined ? undefined : hostsOf(hosts),
      rewrite: all.list('rewrite')?.map(rewriteOf),
      records: all.strings('records')?.map((line) => {
        try {
          const record = parseRecord(line, { ttl: 60 });
          return { ...record, name: lowerName(record.name) };
        } catch (error) {
          throw new DnsConfigError(`records: ${(error as Error).message}`, { cause: error });
        }
      }),
      autopath: autopath === undefined ? undefined : autopathOf(autopath),
      acl: all.list('acl')?.map(aclOf),
      dns64: dns64 === undefined ? undefined : dns64Of(dns64),
      transfer: [
        ...(all.list('transfer')?.map(transferOf) ?? []),
        ...(transferTo === undefined ? [] : [{ zones: [ROOT], to: transferTo }]),
      ],
      templates: all.list('templates')?.map(templateOf),
      files: all.list('zoneFiles')?.map((file) => zoneFileOf(file, folder)),
      external: external === undefined ? undefined : externalOf(external),
      loop: all.boolean('loop'),
    }),
  };
}

function aclOf(at: Fields): AclRule {
  const rule = {
    action: at.oneOf('action', ACL_ACTIONS) ?? 'block',
    zones: at.zones('zones') ?? [ROOT],
    ...aclLimits(at.strings('types') ?? [], at.strings('networks') ?? [], 'acl'),
  };
  at.end();
  return rule;
}

function dns64Of(at: Fields): Dns64Config {
  const config = {
    ...dns64Prefix(at.string('prefix') ?? WELL_KNOWN_PREFIX, 'dns64.prefix'),
    translateAll: at.boolean('translateAll') ?? false,
    allowIpv4: at.boolean('allowIpv4') ?? false,
  };
  at.end();
  return config;
}

function autopathOf(at: Fields) {
  const nodeSearch = at.zones('nodeSearch') ?? [];
  at.end();
  return { nodeSearch };
}

function kubernetesOf(at: Fields): KubernetesConfig {
  const all = [...(at.zones('zones') ?? []), ...(at.zones('reverse') ?? [])];
  const zones = all.filter((zone) => !isReverse(zone));
  const reverse = all.filter(isReverse);
  const out = defaultKubernetes(
    given<KubernetesConfig>({
      zones: zones.length === 0 ? undefined : zones,
      reverseZones: reverse.length === 0 ? undefined : reverse,
      fallthrough: at.zones('fallthrough') ?? (reverse.length === 0 ? undefined : reverse),
      ttlSeconds: at.number('ttlSeconds', 3600),
      pods: at.oneOf('pods', ['disabled', 'insecure', 'verified']),
      endpointPodNames: at.boolean('endpointPodNames'),
      ignoreEmptyService: at.boolean('ignoreEmptyService'),
      withEndpoints: at.boolean('endpoints'),
      namespaces: at.strings('namespaces'),
      labelSelector: at.string('labels'),
      namespaceLabelSelector: at.string('namespaceLabels'),
      zonal: at.boolean('zonal'),
    }),
  );
  if (out.zones.includes(ROOT)) throw at.fail('zones', 'must name the cluster zone, such as cluster.local');
  at.end();
  return out;
}

function forwardOf(at: Fields): ForwardBlockConfig {
  const zone = at.zones('zone')?.[0];
  const files = given<{ ca: string; cert: string; key: string }>({
    ca: at.string('tlsCa'),
    cert: at.string('tlsCert'),
    key: at.string('tlsKey'),
  });
  const tls = {
    name: at.string('tlsName') ?? '',
    ...(Object.keys(files).length === 0 ? {} : { files }),
  };
  const to = at.strings('to')?.map((text) => upstreamOf(text, at.where('to'), tls));
  if (to === undefined || to.length === 0) throw at.fail('to', 'must list at least one upstream');
  const check = at.number('healthCheckSeconds', 3600);
  const out = defaultForward(
    given<ForwardBlockConfig>({
      zone,
      to,
      except: at.zones('except'),
      policy: at.oneOf('policy', ['random', 'round_robin', 'sequential']),
      forceTcp: at.boolean('forceTcp'),
      preferUdp: at.boolean('preferUdp'),
      maxConcurrent: at.number('maxConcurrent', 1_000_000),
      maxFails: at.number('maxFails', 1000),
      healthCheckMs: check === undefined ? undefined : check * 1000,
      failfast: at.boolean('failfast'),
    }),
  );
  at.end();
  return out;
}

function prefetchOf(at: Fields | undefined): PrefetchConfig | undefined {
  if (at === undefined) return undefined;
  const config = {
    amount: at.number('amount', 1_000_000) ?? 2,
    pauseMs: (at.number('pauseSeconds', 86_400) ?? 60) * 1000,
    percent: at.number('percent', 90) ?? 10,
  };
  at.end();
  return config;
}

function cacheOf(at: Fields) {
  const max = at.number('maxTtlSeconds', 86_400);
  const out = {
    ...CACHE_DEFAULTS,
    ...given<typeof CACHE_DEFAULTS>({
      maxTtlSeconds: max,
      zones: at.zones('zones'),
      keepTtl: at.boolean('keepTtl'),
      staleMode: at.oneOf('staleMode', ['verify', 'immediate']),
      prefetch: prefetchOf(at.fields('prefetch')),
      maxNegativeTtlSeconds: at.number('maxNegativeTtlSeconds', 86_400) ?? max,
      minTtlSeconds: at.number('minTtlSeconds', 86_400),
      capacity: at.number('capacity', 10_000_000),
      negativeCapacity: at.number('negativeCapacity', 10_000_000),
      serveStaleSeconds: at.number('serveStaleSeconds', 604_800),
      servfailTtlSeconds: at.number('servfailTtlSeconds', 300),
      disableSuccess: at.zones('disableSuccess'),
      disableDenial: at.zones('disableDenial'),
    }),
  };
  at.end();
  return out;
}

function hostsOf(at: Fields): HostsConfig {
  const entries = at.fields('entries');
  const inline = (entries?.entries() ?? []).flatMap(([name, addresses]) => {
    const list: unknown[] = Array.isArray(addresses) ? addresses : [addresses];
    return list.map((address) => {
      if (typeof address !== 'string') throw at.fail(`entries.${name}`, 'must be an address or a list of addresses');
      return `${address} ${name}`;
    });
  });
  const file = at.string('file');
  const out: HostsConfig = {
    inline,
    ttlSeconds: at.number('ttlSeconds', 86_400) ?? 60,
    reverse: at.boolean('reverse') ?? true,
    fallthrough: at.zones('fallthrough') ?? [ROOT],
    ...(file === undefined ? {} : { file }),
  };
  at.end();
  return out;
}

function rewriteOf(at: Fields): RewriteRule {
  const from = at.string('from');
  const to = at.string('to');
  if (from === undefined || to === undefined) throw at.fail('from', 'and "to" are both needed');
  const match = at.oneOf('match', ['exact', 'prefix', 'suffix', 'substring', 'regex']) ?? 'exact';
  const out: RewriteRule = {
    field: at.oneOf('field', ['name', 'type', 'class', 'ttl', 'rcode']) ?? 'name',
    match,
    from,
    to,
    answerAuto: at.boolean('restoreName') ?? true,
    answers: (at.list('answers') ?? []).map((answer) => {
      const change = {
        part: answer.oneOf('part', ['name', 'value']) ?? ('name' as const),
        from: answer.string('from') ?? '',
        to: answer.string('to') ?? '',
      };
      answer.end();
      return change;
    }),
    next: at.boolean('continue') ?? false,
  };
  at.end();
  return out;
}
