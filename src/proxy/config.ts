// The settings of the proxy: the fields of KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1) that mean
// something here, read strictly: an unknown field or a wrong value is one clear error.
import { parse as parseYaml } from 'yaml';
import { parseDuration } from '../api/objects.ts';
import { canonicalIp, parseCidr, splitHostPort } from '../ip/index.ts';
import { familyOf } from './views.ts';

export type ProxyMode = 'iptables' | 'nftables';
export type DetectLocalMode = 'ClusterCIDR' | 'NodeCIDR' | 'BridgeInterface' | 'InterfaceNamePrefix';

export interface RuleSettings {
  readonly masqueradeBit: number;
  readonly masqueradeAll: boolean;
  readonly syncPeriodMs: number;
  readonly minSyncPeriodMs: number;
  /**
   * Whether the pause between syncs is what was configured, or follows the cost of the last sync.
   * DIFFERS: kube-proxy always waits minSyncPeriod (1 s); a sync here costs what the change costs, so the default
   * pause is as long as the sync took and `minSyncPeriod` is its upper bound, unless it was set.
   */
  readonly pacing: 'adaptive' | 'fixed';
}

export interface ConntrackSettings {
  readonly maxPerCore: number;
  readonly min: number;
  /** 0: left alone. */
  readonly tcpEstablishedTimeoutMs: number;
  readonly tcpCloseWaitTimeoutMs: number;
  readonly udpTimeoutMs: number;
  readonly udpStreamTimeoutMs: number;
  readonly tcpBeLiberal: boolean;
}

export interface ProxyConfig {
  readonly mode: ProxyMode;
  readonly clusterCidrs: readonly string[];
  readonly detectLocalMode: DetectLocalMode;
  readonly bridgeInterface: string;
  readonly interfaceNamePrefix: string;
  /** CIDRs, or the one word `primary`; empty: all (iptables) or primary (nftables). */
  readonly nodePortAddresses: readonly string[];
  readonly iptables: RuleSettings & { readonly localhostNodePorts: boolean };
  readonly nftables: RuleSettings;
  readonly conntrack: ConntrackSettings;
  /** The node's own address, where the Node object has another; unspecified: that of the Node object. */
  readonly bindAddress: string;
  readonly healthzBindAddress: string;
  readonly metricsBindAddress: string;
  readonly bindAddressHardFail: boolean;
  readonly hostnameOverride: string;
  readonly configSyncPeriodMs: number;
  readonly oomScoreAdj: number;
  readonly kubeconfig: string;
  readonly showHiddenMetricsForVersion: string;
}

const RULES: RuleSettings = {
  masqueradeBit: 14,
  masqueradeAll: false,
  syncPeriodMs: 30_000,
  minSyncPeriodMs: 1000,
  pacing: 'adaptive',
};

/** Where the pages are served, by the family of `bindAddress`. */
const PAGES = {
  IPv4: { healthzBindAddress: '0.0.0.0:10256', metricsBindAddress: '127.0.0.1:10249' },
  IPv6: { healthzBindAddress: '[::]:10256', metricsBindAddress: '[::1]:10249' },
} as const;

export const DEFAULT_PROXY_CONFIG: ProxyConfig = {
  mode: 'iptables',
  clusterCidrs: [],
  detectLocalMode: 'ClusterCIDR',
  bridgeInterface: '',
  interfaceNamePrefix: '',
  nodePortAddresses: [],
  iptables: { ...RULES, localhostNodePorts: true },
  nftables: RULES,
  conntrack: {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeoutMs: 86_400_000,
    tcpCloseWaitTimeoutMs: 3_600_000,
    udpTimeoutMs: 0,
    udpStreamTimeoutMs: 0,
    tcpBeLiberal: false,
  },
  bindAddress: '0.0.0.0',
  ...PAGES.IPv4,
  bindAddressHardFail: false,
  hostnameOverride: '',
  configSyncPeriodMs: 900_000,
  oomScoreAdj: -999,
  kubeconfig: '',
  showHiddenMetricsForVersion: '',
};

/** A configuration that cannot be used; the message names the field and says what it may be. */
export class ProxyConfigError extends Error {
  constructor(message: string) {
    super(`proxy configuration: ${message}`);
    this.name = 'ProxyConfigError';
  }
}

type Dict = Readonly<Record<string, unknown>>;

function dictOf(value: unknown, path: string): Dict {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ProxyConfigError(`${path || 'the document'} must be an object`);
  }
  return Object.fromEntries(Object.entries(value));
}

const show = (v: unknown): string => JSON.stringify(v);

/** Reads the fields of one object; `done` complains about those that nobody asked for. */
class Fields {
  readonly #path: string;
  readonly #dict: Dict;
  readonly #known = new Set<string>();

  constructor(value: unknown, path: string) {
    this.#path = path;
    this.#dict = dictOf(value, path);
  }

  #take(name: string): unknown {
    this.#known.add(name);
    const value = this.#dict[name];
    return value === null ? undefined : value;
  }

  #at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #fail(name: string, value: unknown, must: string): never {
    throw new ProxyConfigError(`${this.#at(name)} is ${show(value)}, but it must be ${must}`);
  }

  #value<T>(name: string, otherwise: T, must: string, read: (v: unknown) => T | undefined): T {
    const value = this.#take(name);
    if (value === undefined) return otherwise;
    return read(value) ?? this.#fail(name, value, must);
  }

  string(name: string, otherwise: string): string {
    return this.#value(name, otherwise, 'a string', (v) => (typeof v === 'string' ? v : undefined));
  }

  boolean(name: string, otherwise: boolean): boolean {
    return this.#value(name, otherwise, 'true or false', (v) => (typeof v === 'boolean' ? v : undefined));
  }

  integer(name: string, otherwise: number, range: { min: number; max: number }): number {
    const { min, max } = range;
    return this.#value(name, otherwise, `a whole number from ${min} to ${max}`, (v) =>
      typeof v === 'number' && Number.isInteger(v) && v >= min && v <= max ? v : undefined,
    );
  }

  /** Milliseconds. `zero: 'default'` is for those where kube-proxy, too, reads 0 as not set. */
  duration(name: string, otherwise: number, zero: 'default' | 'value'): number {
    return this.#value(name, otherwise, 'a duration such as 30s or 1m30s', (v) => {
      const ms = typeof v === 'string' ? parseDuration(v) : undefined;
      if (ms === undefined || ms < 0) return undefined;
      return ms === 0 && zero === 'default' ? otherwise : ms;
    });
  }

  oneOf<T extends string>(name: string, otherwise: T, values: readonly T[]): T {
    const must = `one of ${values.map((v) => show(v)).join(', ')}`;
    return this.#value(name, otherwise, must, (v) => values.find((x) => x === v) ?? (v === '' ? otherwise : undefined));
  }

  strings(name: string, otherwise: readonly string[]): readonly string[] {
    return this.#value(name, otherwise, 'a list of strings', (v) =>
      Array.isArray(v) && v.every((x) => typeof x === 'string') ? v : undefined,
    );
  }

  bindAddress(name: string, otherwise: string, port: number): string {
    return this.#value(name, otherwise, 'an address with a port such as 0.0.0.0:10256, or "" for none', (v) => {
      if (v === '') return '';
      if (typeof v !== 'string') return undefined;
      const ip = canonicalIp(v);
      if (ip !== undefined) return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
      const parts = splitHostPort(v);
      return parts !== undefined && (parts.host === '' || canonicalIp(parts.host) !== undefined) ? v : undefined;
    });
  }

  object(name: string): Fields {
    return new Fields(this.#take(name), this.#at(name));
  }

  /** Accepted because people's files have them; they have no meaning for this proxy. */
  ignore(...names: string[]): void {
    for (const name of names) this.#known.add(name);
  }

  done(): void {
    const unknown = Object.keys(this.#dict).find((k) => !this.#known.has(k));
    if (unknown === undefined) return;
    const known = [...this.#known].toSorted().join(', ');
    throw new ProxyConfigError(`unknown field ${this.#at(unknown)}; known here: ${known}`);
  }
}

function ruleSettings(f: Fields, path: string, base: RuleSettings): RuleSettings {
  const minimum = f.duration('minSyncPeriod', 0, 'value');
  const settings: RuleSettings = {
    masqueradeBit: f.integer('masqueradeBit', base.masqueradeBit, { min: 0, max: 31 }),
    masqueradeAll: f.boolean('masqueradeAll', base.masqueradeAll),
    syncPeriodMs: f.duration('syncPeriod', base.syncPeriodMs, 'default'),
    minSyncPeriodMs: minimum === 0 ? base.minSyncPeriodMs : minimum,
    pacing: minimum === 0 ? base.pacing : 'fixed',
  };
  if (settings.minSyncPeriodMs > settings.syncPeriodMs) {
    throw new ProxyConfigError(
      `${path}.minSyncPeriod (${settings.minSyncPeriodMs} ms) must not be longer than ${path}.syncPeriod (${settings.syncPeriodMs} ms)`,
    );
  }
  return settings;
}

function cidrList(values: readonly string[], path: string): readonly string[] {
  for (const v of values) {
    if (parseCidr(v) === undefined) throw new ProxyConfigError(`${path} holds ${show(v)}, which is not a CIDR`);
  }
  const four = values.filter((v) => !v.includes(':')).length;
  if (path === 'clusterCIDR' && (four > 1 || values.length - four > 1)) {
    throw new ProxyConfigError('clusterCIDR may hold one CIDR for each address family');
  }
  return values;
}

/**
 * The settings that a configuration document means; `base` gives what it does not say.
 * @example proxyConfigOf({ kind: 'KubeProxyConfiguration', mode: 'nftables' }).mode // 'nftables'
 */
export function proxyConfigOf(document: unknown, base: ProxyConfig = DEFAULT_PROXY_CONFIG): ProxyConfig {
  const f = new Fields(document, '');
  f.oneOf('apiVersion', 'kubeproxy.config.k8s.io/v1alpha1', ['kubeproxy.config.k8s.io/v1alpha1']);
  f.oneOf('kind', 'KubeProxyConfiguration', ['KubeProxyConfiguration']);
  f.ignore('featureGates', 'logging', 'enableProfiling', 'ipvs', 'winkernel', 'windowsRunAsService');
  // Nothing reads these any more, but files that were written by a program still have them.
  f.ignore('portRange', 'udpIdleTimeout');
  const ipt = f.object('iptables');
  const nft = f.object('nftables');
  const ct = f.object('conntrack');
  const detect = f.object('detectLocal');
  const connection = f.object('clientConnection');
  const clusterCidr = f.string('clusterCIDR', base.clusterCidrs.join(','));
  const bindAddress = f.string('bindAddress', '') || base.bindAddress;
  const [from, to] = [PAGES[familyOf(base.bindAddress)], PAGES[familyOf(bindAddress)]];
  // What was chosen stays; what was not follows the family.
  const page = (name: keyof typeof from) => (base[name] === from[name] ? to[name] : base[name]);
  const config: ProxyConfig = {
    mode: f.oneOf<ProxyMode>('mode', base.mode, ['iptables', 'nftables']),
    clusterCidrs: cidrList(
      clusterCidr
        .split(',')
        .map((c) => c.trim())
        .filter((c) => c !== ''),
      'clusterCIDR',
    ),
    detectLocalMode: f.oneOf<DetectLocalMode>('detectLocalMode', base.detectLocalMode, [
      'ClusterCIDR',
      'NodeCIDR',
      'BridgeInterface',
      'InterfaceNamePrefix',
    ]),
    bridgeInterface: detect.string('bridgeInterface', base.bridgeInterface),
    interfaceNamePrefix: detect.string('interfaceNamePrefix', base.interfaceNamePrefix),
    nodePortAddresses: f.strings('nodePortAddresses', base.nodePortAddresses),
    iptables: {
      ...ruleSettings(ipt, 'iptables', base.iptables),
      localhostNodePorts: ipt.boolean('localhostNodePorts', base.iptables.localhostNodePorts),
    },
    nftables: ruleSettings(nft, 'nftables', base.nftables),
    conntrack: {
      maxPerCore: ct.integer('maxPerCore', base.conntrack.maxPerCore, { min: 0, max: 2 ** 31 - 1 }),
      min: ct.integer('min', base.conntrack.min, { min: 0, max: 2 ** 31 - 1 }),
      tcpEstablishedTimeoutMs: ct.duration('tcpEstablishedTimeout', base.conntrack.tcpEstablishedTimeoutMs, 'value'),
      tcpCloseWaitTimeoutMs: ct.duration('tcpCloseWaitTimeout', base.conntrack.tcpCloseWaitTimeoutMs, 'value'),
      udpTimeoutMs: ct.duration('udpTimeout', base.conntrack.udpTimeoutMs, 'value'),
      udpStreamTimeoutMs: ct.duration('udpStreamTimeout', base.conntrack.udpStreamTimeoutMs, 'value'),
      tcpBeLiberal: ct.boolean('tcpBeLiberal', base.conntrack.tcpBeLiberal),
    },
    bindAddress,
    healthzBindAddress: f.bindAddress('healthzBindAddress', page('healthzBindAddress'), 10256),
    metricsBindAddress: f.bindAddress('metricsBindAddress', page('metricsBindAddress'), 10249),
    bindAddressHardFail: f.boolean('bindAddressHardFail', base.bindAddressHardFail),
    hostnameOverride: f.string('hostnameOverride', base.hostnameOverride).trim().toLowerCase(),
    configSyncPeriodMs: f.duration('configSyncPeriod', base.configSyncPeriodMs, 'default'),
    oomScoreAdj: f.integer('oomScoreAdj', base.oomScoreAdj, { min: -1000, max: 1000 }),
    kubeconfig: connection.string('kubeconfig', base.kubeconfig),
    showHiddenMetricsForVersion: f.string('showHiddenMetricsForVersion', base.showHiddenMetricsForVersion),
  };
  connection.ignore('acceptContentTypes', 'contentType', 'qps', 'burst');
  for (const part of [ipt, nft, ct, detect, connection, f]) part.done();
  return validate(config);
}

function validate(config: ProxyConfig): ProxyConfig {
  if (canonicalIp(config.bindAddress) === undefined) {
    throw new ProxyConfigError(`bindAddress is ${show(config.bindAddress)}, which is not an IP address`);
  }
  const addresses = config.nodePortAddresses;
  if (addresses.includes('primary')) {
    if (addresses.length > 1) throw new ProxyConfigError('nodePortAddresses: "primary" must stand alone');
  } else cidrList(addresses, 'nodePortAddresses');
  if (config.detectLocalMode === 'BridgeInterface' && config.bridgeInterface === '') {
    throw new ProxyConfigError('detectLocalMode BridgeInterface needs detectLocal.bridgeInterface');
  }
  if (config.detectLocalMode === 'InterfaceNamePrefix' && config.interfaceNamePrefix === '') {
    throw new ProxyConfigError('detectLocalMode InterfaceNamePrefix needs detectLocal.interfaceNamePrefix');
  }
  if (config.interfaceNamePrefix.length > 15 || config.bridgeInterface.length > 15) {
    throw new ProxyConfigError('detectLocal: an interface name has 15 characters at most');
  }
  return config;
}

/**
 * A configuration file's text, YAML or JSON. As for kube-proxy, an empty address of a page means its default there: files
 * of kubeadm have it so. Only a flag switches a page off. @throws ProxyConfigError
 */
export function parseProxyConfiguration(text: string, base: ProxyConfig = DEFAULT_PROXY_CONFIG): ProxyConfig {
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (cause) {
    throw new ProxyConfigError(`not valid YAML or JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const pages = ['healthzBindAddress', 'metricsBindAddress'];
  const said = Object.entries(dictOf(document, '')).filter(([name, value]) => !(pages.includes(name) && value === ''));
  return proxyConfigOf(Object.fromEntries(said), base);
}
