// From a Corefile to the configuration: the plugins of the default kubeadm file and those people add to it. What would
// change answers and is not known here is an error; what only tunes CoreDNS itself is a warning.
import { parseName, ROOT } from '../../dnswire/index.ts';
import type { WireName } from '../../dnswire/index.ts';
import { CACHE_DEFAULTS } from '../plugins/cache.ts';
import type { CacheConfig } from '../plugins/cache.ts';
import type { UpstreamAddress } from '../plugins/forward/exchange.ts';
import { defaultDnsConfig, defaultForward, defaultKubernetes, DnsConfigError } from './config.ts';
import type { AutopathConfig, BlockConfig, DnsConfig, ForwardBlockConfig, HostsConfig } from './config.ts';
import type { KubernetesConfig, RewriteRule } from './config.ts';
import { parseCorefileSyntax } from './corefile-syntax.ts';
import type { CoreBlock, Directive } from './corefile-syntax.ts';
import { aclRules, dns64 } from './corefile-access.ts';
import { durationMs, integerOf, isReverse, upstreamOf, zonesOf } from './values.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<BlockConfig> & { forward: ForwardBlockConfig[]; rewrite: RewriteRule[] };
type Global = Mutable<DnsConfig> & { warnings: string[] };

const at = (d: Directive): string => `Corefile line ${d.line}: ${d.name}`;
const unknown = (d: Directive, owner: string): DnsConfigError =>
  new DnsConfigError(`Corefile line ${d.line}: ${owner} has no option "${d.name}"`);

/** @throws DnsConfigError with the line and what is wrong. */
export function parseCorefile(text: string, env: Readonly<Record<string, string | undefined>> = {}): DnsConfig {
  const { health: _h, ready: _r, metrics: _m, ...off } = defaultDnsConfig();
  const global: Global = { ...off, reloadMs: 0, warnings: [] };
  const blocks = parseCorefileSyntax(text, env);
  if (blocks.length === 0) throw new DnsConfigError('the Corefile has no server block');
  const ports = new Set<number>();
  const parsed = blocks.map((block) => parseBlock(block, global, ports));
  if (ports.size > 1)
    throw new DnsConfigError(
      `the Corefile listens on ports ${[...ports].join(' and ')}: one server has one port; start another for the other`,
    );
  return { ...global, port: [...ports][0] ?? 53, blocks: parsed };
}

function parseBlock(block: CoreBlock, global: Global, ports: Set<number>): BlockConfig {
  const where = `Corefile line ${block.line}`;
  const zones = block.keys.flatMap((key) => {
    const [, scheme, name = '', port] = /^(?:([a-z0-9]+):\/\/)?(.*?)(?::(\d+))?$/.exec(key) ?? [];
    if (scheme !== undefined && scheme !== 'dns')
      throw new DnsConfigError(`${where}: ${scheme}:// is not served; only plain DNS is`);
    ports.add(port === undefined ? 53 : integerOf(port, where, 1, 65535));
    return zonesOf(name === '' ? '.' : name, where);
  });
  const draft: Draft = { zones, forward: [], rewrite: [], records: [], acl: [], transferTo: [], loop: false };
  for (const directive of block.directives) apply(directive, draft, global);
  return draft;
}

type Apply = (d: Directive, draft: Draft, global: Global) => void;

const nothing: Apply = () => undefined;
/** Tuning of CoreDNS itself that has no meaning here. */
const ignored: Apply = (d, _draft, global) => {
  global.warnings.push(`${at(d)} has no effect here`);
};

const DIRECTIVES: Readonly<Record<string, Apply>> = {
  kubernetes: (d, draft) => {
    draft.kubernetes = kubernetes(d, draft.zones);
  },
  forward: (d, draft) => {
    draft.forward.push(forward(d));
  },
  cache: (d, draft) => {
    draft.cache = cache(d);
  },
  hosts: (d, draft) => {
    draft.hosts = hosts(d);
  },
  rewrite: (d, draft) => {
    draft.rewrite.push(...rewrite(d));
  },
  autopath: (d, draft) => {
    draft.autopath = autopath(d);
  },
  acl: (d, draft) => {
    draft.acl = [...draft.acl, ...aclRules(d, draft.zones)];
  },
  dns64: (d, draft) => {
    draft.dns64 = dns64(d);
  },
  transfer: (d, draft) => {
    draft.transferTo = [...draft.transferTo, ...d.block.flatMap((o) => (o.name === 'to' ? o.args : []))];
  },
  loop: (_d, draft) => {
    draft.loop = true;
  },
  health: (d, _draft, global) => {
    const lameduck = d.block.find((o) => o.name === 'lameduck');
    const lameduckMs = lameduck === undefined ? 0 : durationMs(lameduck.args[0] ?? '', at(d));
    global.health = { ...listen(d, 8080), lameduckMs };
  },
  ready: (d, _draft, global) => {
    global.ready = listen(d, 8181);
  },
  prometheus: (d, _draft, global) => {
    global.metrics = listen(d, 9153);
  },
  reload: (d, _draft, global) => {
    global.reloadMs = d.args[0] === 'off' ? 0 : durationMs(d.args[0] ?? '30s', at(d));
  },
  log: (d, _draft, global) => {
    const classes = d.block.find((o) => o.name === 'class')?.args ?? ['all'];
    global.queryLog =
      classes.includes('all') || classes.includes('success') ? 'all' : classes.includes('denial') ? 'denial' : 'error';
  },
  bufsize: (d, _draft, global) => {
    global.maxUdpSize = integerOf(d.args[0] ?? '1232', at(d), 512, 4096);
  },
  // Done always: errors are logged, addresses turn, ANY is minimised, CHAOS answers, one socket a worker.
  errors: nothing,
  loadbalance: nothing,
  any: nothing,
  chaos: nothing,
  minimal: nothing,
  nsid: nothing,
  cancel: nothing,
  metadata: nothing,
  debug: ignored,
  pprof: ignored,
  trace: ignored,
  timeouts: ignored,
  multisocket: ignored,
  bind: ignored,
};

function apply(d: Directive, draft: Draft, global: Global): void {
  const known = Object.hasOwn(DIRECTIVES, d.name) ? DIRECTIVES[d.name] : undefined;
  if (known === undefined) {
    const names = Object.keys(DIRECTIVES).toSorted().join(', ');
    throw new DnsConfigError(`Corefile line ${d.line}: plugin "${d.name}" is not known; known are ${names}`);
  }
  known(d, draft, global);
}

function listen(d: Directive, port: number): { address: string; port: number } {
  const text = d.args[0];
  if (text === undefined) return { address: '::', port };
  const [, host = '', number] = /^(?:\[?([^\]]*?)\]?):(\d+)$/.exec(text) ?? [];
  if (number === undefined) throw new DnsConfigError(`${at(d)}: "${text}" is no [address]:port`);
  return {
    address: host === '' ? '::' : host === 'localhost' ? '127.0.0.1' : host,
    port: integerOf(number, at(d), 0, 65535),
  };
}

const many = (texts: readonly string[], d: Directive): WireName[] => texts.flatMap((text) => zonesOf(text, at(d)));

function kubernetes(d: Directive, blockZones: readonly WireName[]): KubernetesConfig {
  const all = d.args.length > 0 ? many(d.args, d) : [...blockZones];
  const zones = all.filter((zone) => !isReverse(zone));
  if (zones.length === 0 || zones.includes(ROOT))
    throw new DnsConfigError(`${at(d)}: name the cluster's zone, such as cluster.local`);
  const out: Mutable<KubernetesConfig> = {
    ...defaultKubernetes(),
    zones,
    reverseZones: all.filter(isReverse),
    fallthrough: [],
    ttlSeconds: 5,
    pods: 'disabled',
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'pods': {
        const mode = o.args[0];
        if (mode !== 'disabled' && mode !== 'insecure' && mode !== 'verified')
          throw new DnsConfigError(`${at(o)}: "${mode ?? ''}" is none of disabled, insecure, verified`);
        out.pods = mode;
        break;
      }
      case 'ttl':
        out.ttlSeconds = integerOf(o.args[0], at(o), 0, 3600);
        break;
      case 'fallthrough':
        out.fallthrough = o.args.length === 0 ? [ROOT] : many(o.args, o);
        break;
      case 'namespaces':
        out.namespaces = o.args;
        break;
      case 'labels':
        out.labelSelector = o.args.join(' ');
        break;
      case 'namespace_labels':
        out.namespaceLabelSelector = o.args.join(' ');
        break;
      case 'endpoint_pod_names':
        out.endpointPodNames = true;
        break;
      case 'noendpoints':
        out.withEndpoints = false;
        break;
      case 'zonal':
        out.zonal = true;
        break;
      case 'ignore':
        if (o.args[0] !== 'empty_service') throw new DnsConfigError(`${at(o)}: only empty_service can be ignored`);
        out.ignoreEmptyService = true;
        break;
      // How to reach the API server is a matter of flags here; upstream, startup_timeout and the rest have no effect.
      case 'endpoint':
      case 'tls':
      case 'kubeconfig':
      case 'upstream':
      case 'startup_timeout':
      case 'apiserver_qps':
      case 'apiserver_burst':
      case 'apiserver_max_inflight':
        break;
      default:
        throw unknown(o, 'kubernetes');
    }
  }
  return out;
}

function forward(d: Directive): ForwardBlockConfig {
  const [from, ...to] = d.args;
  if (from === undefined || to.length === 0) throw new DnsConfigError(`${at(d)}: write forward ZONE ADDRESS…`);
  if (to.length > 15) throw new DnsConfigError(`${at(d)}: at most 15 upstreams`);
  const name = d.block.find((o) => o.name === 'tls_servername')?.args[0] ?? '';
  const files = tlsFiles(d.block.find((o) => o.name === 'tls')?.args ?? []);
  const tls = files === undefined ? { name } : { name, files };
  const out: Mutable<ForwardBlockConfig> = {
    ...defaultForward(),
    zone: zonesOf(from, at(d))[0] ?? ROOT,
    to: to.map((text) => upstreamOf(text, at(d), tls)),
    preferUdp: false,
    // Without the option CoreDNS has no limit; a bound keeps memory bounded.
    maxConcurrent: 10_000,
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'except':
        out.except = many(o.args, o);
        break;
      case 'force_tcp':
        out.forceTcp = true;
        break;
      case 'prefer_udp':
        out.preferUdp = true;
        break;
      case 'max_concurrent':
        out.maxConcurrent = integerOf(o.args[0], at(o), 1, 1_000_000);
        break;
      case 'max_fails':
        out.maxFails = integerOf(o.args[0], at(o), 0, 1000);
        break;
      case 'health_check':
        out.healthCheckMs = durationMs(o.args[0] ?? '', at(o));
        break;
      case 'failfast_all_unhealthy_upstreams':
        out.failfast = true;
        break;
      case 'policy': {
        const policy = o.args[0];
        if (policy !== 'random' && policy !== 'round_robin' && policy !== 'sequential')
          throw new DnsConfigError(`${at(o)}: "${policy ?? ''}" is none of random, round_robin, sequential`);
        out.policy = policy;
        break;
      }
      case 'tls_servername':
      case 'tls':
      case 'expire':
      case 'max_idle_conns':
      case 'read_timeout':
      case 'next':
      case 'failover':
        break;
      default:
        throw unknown(o, 'forward');
    }
  }
  return out;
}

/** `tls`, `tls CA`, `tls CERT KEY`, `tls CERT KEY CA`. */
function tlsFiles(args: readonly string[]): UpstreamAddress['tlsFiles'] {
  const [first, key, ca] = args;
  if (first === undefined) return undefined;
  if (key === undefined) return { ca: first };
  return ca === undefined ? { cert: first, key } : { cert: first, key, ca };
}

function cache(d: Directive): CacheConfig {
  const ttl = d.args[0] !== undefined && /^\d+$/.test(d.args[0]) ? Number(d.args[0]) : 3600;
  const out: Mutable<CacheConfig> = {
    ...CACHE_DEFAULTS,
    maxTtlSeconds: ttl,
    maxNegativeTtlSeconds: Math.min(ttl, 1800),
  };
  for (const o of d.block) {
    switch (o.name) {
      case 'success':
        out.capacity = integerOf(o.args[0], at(o), 1, 10_000_000);
        if (o.args[1] !== undefined) out.maxTtlSeconds = integerOf(o.args[1], at(o), 0, 86_400);
        if (o.args[2] !== undefined) out.minTtlSeconds = integerOf(o.args[2], at(o), 0, 86_400);
        break;
      case 'denial':
        out.negativeCapacity = integerOf(o.args[0], at(o), 1, 10_000_000);
        if (o.args[1] !== undefined) out.maxNegativeTtlSeconds = integerOf(o.args[1], at(o), 0, 86_400);
        break;
      case 'serve_stale':
        out.serveStaleSeconds = o.args[0] === undefined ? 3600 : durationMs(o.args[0], at(o)) / 1000;
        break;
      case 'servfail':
        out.servfailTtlSeconds = durationMs(o.args[0] ?? '5s', at(o)) / 1000;
        break;
      case 'disable':
        if (o.args[0] === 'success') out.disableSuccess = o.args.length > 1 ? many(o.args.slice(1), o) : [ROOT];
        else if (o.args[0] === 'denial') out.disableDenial = o.args.length > 1 ? many(o.args.slice(1), o) : [ROOT];
        else throw new DnsConfigError(`${at(o)}: write disable success or disable denial`);
        break;
      case 'prefetch':
      case 'keepttl':
        break;
      default:
        throw unknown(o, 'cache');
    }
  }
  return out;
}

function hosts(d: Directive): HostsConfig {
  const [file = '/etc/hosts'] = d.args;
  const inline: string[] = [];
  const out: Mutable<HostsConfig> = { file, inline, ttlSeconds: 3600, reverse: true };
  for (const o of d.block) {
    if (o.name === 'ttl') out.ttlSeconds = integerOf(o.args[0], at(o), 0, 86_400);
    else if (o.name === 'no_reverse') out.reverse = false;
    else if (o.name === 'fallthrough') out.fallthrough = o.args.length === 0 ? [ROOT] : many(o.args, o);
    else if (o.name === 'reload') continue;
    else inline.push([o.name, ...o.args].join(' '));
  }
  // With entries of its own and no file named, the machine's file has no part in it.
  if (d.args.length === 0 && inline.length > 0) delete out.file;
  return out;
}

function rewrite(d: Directive): RewriteRule[] {
  const args = [...d.args];
  let next = false;
  if (args[0] === 'stop' || args[0] === 'continue') next = args.shift() === 'continue';
  const field = args.shift();
  if (field !== 'name' && field !== 'type' && field !== 'class')
    throw new DnsConfigError(`${at(d)}: rewriting "${field ?? ''}" is not possible; name, type and class are`);
  const kinds = ['exact', 'prefix', 'suffix', 'substring', 'regex'] as const;
  const kind = field === 'name' ? kinds.find((k) => k === args[0]) : undefined;
  if (kind !== undefined) args.shift();
  const [from, to, ...rest] = args;
  if (from === undefined || to === undefined) throw new DnsConfigError(`${at(d)}: write rewrite ${field} FROM TO`);
  const answerAuto =
    rest.join(' ') === 'answer auto' || d.block.some((o) => o.name === 'answer' && o.args[0] === 'auto');
  if (rest.length > 0 && !answerAuto)
    throw new DnsConfigError(`${at(d)}: "${rest.join(' ')}" is not known; answer auto is`);
  return [
    { field, match: kind ?? 'exact', from, to, answerAuto: answerAuto || kind === undefined || kind === 'exact', next },
  ];
}

function autopath(d: Directive): AutopathConfig {
  // `autopath @kubernetes` takes the node's own search domains from a resolv.conf; here they are arguments.
  const nodeSearch = d.args
    .filter((a) => !a.startsWith('@') && !a.startsWith('/'))
    .map((a) => parseName(a.toLowerCase()));
  return { nodeSearch };
}
