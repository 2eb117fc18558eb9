// What the server can be told, as one value, and its defaults: those of a kubeadm cluster.
import { parseName, Rcode, ROOT } from '../../dnswire/index.ts';
import type { ResourceRecord, WireName } from '../../dnswire/index.ts';
import { CACHE_DEFAULTS } from '../plugins/cache.ts';
import type { CacheConfig } from '../plugins/cache.ts';
import type { AclRule } from '../plugins/acl.ts';
import type { Dns64Config } from '../plugins/dns64.ts';
import type { TemplateRule } from '../plugins/template/template.ts';
import type { PodMode } from '../plugins/kubernetes/cluster-zone.ts';
import type { ViewConfig } from '../view/view.ts';
import type { ExternalConfig } from '../plugins/external/external-zone.ts';
import type { HeaderConfig } from '../plugins/header.ts';
import type { FileZoneConfig } from '../plugins/file/file.ts';
import type { TransferRule } from '../plugins/transfer/transfer.ts';
import type { UpstreamAddress } from '../plugins/forward/exchange.ts';

/** A configuration that cannot be used. The message says where and what to do. */
export class DnsConfigError extends Error {
  override readonly name = 'DnsConfigError';
}

export interface KubernetesConfig {
  /** Lower case; PTR records point into the first. */
  readonly zones: readonly WireName[];
  readonly reverseZones: readonly WireName[];
  readonly fallthrough: readonly WireName[];
  readonly ttlSeconds: number;
  readonly pods: PodMode;
  readonly endpointPodNames: boolean;
  readonly ignoreEmptyService: boolean;
  readonly withEndpoints: boolean;
  readonly namespaces?: readonly string[];
  readonly labelSelector?: string;
  readonly namespaceLabelSelector?: string;
  /** `zone.pin._zone.SERVICE` and `zone.prefer._zone.SERVICE` for headless services. */
  readonly zonal: boolean;
}

export interface ForwardBlockConfig {
  readonly zone: WireName;
  readonly except: readonly WireName[];
  /** Addresses, or files in resolv.conf format. */
  readonly to: readonly (UpstreamAddress | { readonly file: string })[];
  readonly policy: 'random' | 'round_robin' | 'sequential';
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly maxConcurrent: number;
  readonly maxFails: number;
  readonly healthCheckMs: number;
  readonly failfast: boolean;
  /** Reply codes after which the next forwarder is asked. */
  readonly nextOn: readonly number[];
  /** Reply codes after which another upstream is asked. */
  readonly failoverOn: readonly number[];
}

export interface HostsConfig {
  /** A file in /etc/hosts format, read again when it changes. */
  readonly file?: string;
  readonly inline: readonly string[];
  readonly ttlSeconds: number;
  readonly reverse: boolean;
  /** Undefined: names that are not there do not exist. Empty: all go on. */
  readonly fallthrough?: readonly WireName[];
}

export interface RewriteRule {
  readonly field: 'name' | 'type' | 'class' | 'ttl' | 'rcode';
  readonly match: 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex';
  readonly from: string;
  /** The new name, type or class; a TTL or a range of them; two reply codes, the old and the new. */
  readonly to: string;
  /** Put the asked name back into the owners of the answer. */
  readonly answerAuto: boolean;
  /** Owners, or names inside of record data, of the answer that match a regular expression. */
  readonly answers: readonly { readonly part: 'name' | 'value'; readonly from: string; readonly to: string }[];
  /** Go on with the next rule after this one matched. */
  readonly next: boolean;
}

export interface AutopathConfig {
  /** Search domains of the node that come behind the cluster's own. */
  readonly nodeSearch: readonly WireName[];
}

export interface BlockConfig {
  /** Only questions that it takes; blocks of one zone are tried in their order. */
  readonly view?: ViewConfig;
  readonly zones: readonly WireName[];
  readonly kubernetes?: KubernetesConfig;
  readonly forward: readonly ForwardBlockConfig[];
  readonly cache?: CacheConfig;
  readonly hosts?: HostsConfig;
  readonly rewrite: readonly RewriteRule[];
  readonly records: readonly ResourceRecord[];
  readonly templates: readonly TemplateRule[];
  readonly autopath?: AutopathConfig;
  readonly acl: readonly AclRule[];
  readonly dns64?: Dns64Config;
  readonly header?: HeaderConfig;
  readonly external?: ExternalConfig;
  readonly files: readonly FileZoneConfig[];
  /** Who may transfer which zones; empty: nobody. */
  readonly transfer: readonly TransferRule[];
  readonly loop: boolean;
}

export interface DnsConfig {
  readonly port: number;
  readonly blocks: readonly BlockConfig[];
  /** Ports of the HTTP pages; undefined: off. */
  readonly health?: { readonly address: string; readonly port: number; readonly lameduckMs: number };
  readonly ready?: { readonly address: string; readonly port: number };
  readonly metrics?: { readonly address: string; readonly port: number };
  /** Where to listen when the command does not say; undefined: every address. */
  readonly addresses?: readonly string[];
  /** Sockets on the port, each with a thread, when the command does not say; undefined: one. */
  readonly sockets?: number;
  readonly maxUdpSize: number;
  readonly queryLog: 'off' | 'all' | 'error' | 'denial';
  /** How often the file is looked at; 0: never. */
  readonly reloadMs: number;
  /** What was read and could not be used: shown in the log. */
  readonly warnings: readonly string[];
}

export const REVERSE_ZONES: readonly WireName[] = [parseName('in-addr.arpa'), parseName('ip6.arpa')];
export const MAX_UDP_SIZE = 1232;

export function defaultKubernetes(over: Partial<KubernetesConfig> = {}): KubernetesConfig {
  return {
    zones: [parseName('cluster.local')],
    reverseZones: REVERSE_ZONES,
    fallthrough: REVERSE_ZONES,
    ttlSeconds: 30,
    pods: 'insecure',
    endpointPodNames: false,
    ignoreEmptyService: false,
    withEndpoints: true,
    zonal: false,
    ...over,
  };
}

export function defaultForward(over: Partial<ForwardBlockConfig> = {}): ForwardBlockConfig {
  return {
    zone: ROOT,
    except: [],
    to: [{ file: '/etc/resolv.conf' }],
    policy: 'random',
    forceTcp: false,
    preferUdp: true,
    maxConcurrent: 1000,
    maxFails: 2,
    healthCheckMs: 500,
    failfast: false,
    nextOn: [],
    failoverOn: [Rcode.SERVFAIL, Rcode.REFUSED],
    ...over,
  };
}

export function defaultBlock(over: Partial<BlockConfig> = {}): BlockConfig {
  return {
    zones: [ROOT],
    kubernetes: defaultKubernetes(),
    forward: [defaultForward()],
    cache: CACHE_DEFAULTS,
    rewrite: [],
    records: [],
    templates: [],
    acl: [],
    files: [],
    transfer: [],
    loop: true,
    ...over,
  };
}

/** The configuration of a kubeadm cluster. */
export function defaultDnsConfig(over: Partial<DnsConfig> = {}): DnsConfig {
  return {
    port: 53,
    blocks: [defaultBlock()],
    health: { address: '::', port: 8080, lameduckMs: 5000 },
    ready: { address: '::', port: 8181 },
    metrics: { address: '::', port: 9153 },
    maxUdpSize: MAX_UDP_SIZE,
    queryLog: 'off',
    reloadMs: 30_000,
    warnings: [],
    ...over,
  };
}
