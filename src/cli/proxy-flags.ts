// kube-proxy's flags, each as the field of a KubeProxyConfiguration that it sets: a manifest that starts kube-proxy starts
// `portico proxy` just so, and file and flags go through the same checks.
import { integerFlag, listFlag, stringFlag, switchFlag, type Flag, type Parsed } from './command.ts';

interface FieldFlag extends Flag {
  /** Where it belongs in the configuration; several where the modes share one flag. Absent: it has no meaning here. */
  readonly fields?: readonly string[];
  readonly as?: 'integer' | 'list';
}

const DURATION = 'DURATION';

/** Those that mean something here. A flag without `value` is a switch. */
const MEANT: Readonly<Record<string, FieldFlag>> = {
  kubeconfig: {
    value: 'FILE',
    help: 'Credentials; absent: the service account of the pod.',
    fields: ['clientConnection.kubeconfig'],
  },
  'hostname-override': {
    value: 'NAME',
    help: 'Name of the Node object (default: the hostname).',
    fields: ['hostnameOverride'],
  },
  'proxy-mode': { value: 'MODE', help: 'iptables or nftables (default iptables).', fields: ['mode'] },
  'cluster-cidr': {
    value: 'CIDR[,CIDR]',
    help: 'Pod ranges: other sources are masqueraded.',
    fields: ['clusterCIDR'],
  },
  'detect-local-mode': {
    value: 'MODE',
    help: 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix (default ClusterCIDR).',
    fields: ['detectLocalMode'],
  },
  'pod-bridge-interface': {
    value: 'NAME',
    help: 'The bridge of the pods, for BridgeInterface.',
    fields: ['detectLocal.bridgeInterface'],
  },
  'pod-interface-name-prefix': {
    value: 'PREFIX',
    help: 'Prefix of pod interfaces, for InterfaceNamePrefix.',
    fields: ['detectLocal.interfaceNamePrefix'],
  },
  'nodeport-addresses': {
    value: 'CIDR[,CIDR]',
    multiple: true,
    help: "Addresses that take node ports, or 'primary'.",
    fields: ['nodePortAddresses'],
    as: 'list',
  },
  'bind-address': {
    value: 'IP',
    help: 'The address of this node, where the Node object has another.',
    fields: ['bindAddress'],
  },
  'healthz-bind-address': {
    value: 'ADDRESS',
    help: 'Default 0.0.0.0:10256; empty: none.',
    fields: ['healthzBindAddress'],
  },
  'metrics-bind-address': {
    value: 'ADDRESS',
    help: 'Default 127.0.0.1:10249; empty: none.',
    fields: ['metricsBindAddress'],
  },
  'bind-address-hard-fail': { help: 'End when a page cannot be served.', fields: ['bindAddressHardFail'] },
  'masquerade-all': {
    help: 'Masquerade everything that goes to a virtual address.',
    fields: ['iptables.masqueradeAll', 'nftables.masqueradeAll'],
  },
  'iptables-masquerade-bit': {
    value: 'N',
    help: 'Bit of the packet mark for masquerading, mode iptables (default 14).',
    fields: ['iptables.masqueradeBit'],
    as: 'integer',
  },
  'iptables-localhost-nodeports': {
    help: 'Node ports on 127.0.0.1, mode iptables (default true).',
    fields: ['iptables.localhostNodePorts'],
  },
  'iptables-sync-period': {
    value: DURATION,
    help: 'Time between looks at the rules, both modes (default 30s).',
    fields: ['iptables.syncPeriod', 'nftables.syncPeriod'],
  },
  'iptables-min-sync-period': {
    value: DURATION,
    help: 'Time kept between syncs, both modes (default: as long as a sync takes).',
    fields: ['iptables.minSyncPeriod', 'nftables.minSyncPeriod'],
  },
  'conntrack-max-per-core': {
    value: 'N',
    help: 'Tracked connections for each core; 0: left alone.',
    fields: ['conntrack.maxPerCore'],
    as: 'integer',
  },
  'conntrack-min': {
    value: 'N',
    help: 'Tracked connections at least.',
    fields: ['conntrack.min'],
    as: 'integer',
  },
  'conntrack-tcp-timeout-established': {
    value: DURATION,
    help: 'For idle TCP connections; 0: left alone.',
    fields: ['conntrack.tcpEstablishedTimeout'],
  },
  'conntrack-tcp-timeout-close-wait': {
    value: DURATION,
    help: 'For TCP connections in CLOSE_WAIT.',
    fields: ['conntrack.tcpCloseWaitTimeout'],
  },
  'conntrack-tcp-be-liberal': {
    help: 'Track TCP packets outside of the window, too.',
    fields: ['conntrack.tcpBeLiberal'],
  },
  'conntrack-udp-timeout': {
    value: DURATION,
    help: 'For UDP flows without an answer; 0: left alone.',
    fields: ['conntrack.udpTimeout'],
  },
  'conntrack-udp-timeout-stream': {
    value: DURATION,
    help: 'For UDP flows with answers; 0: left alone.',
    fields: ['conntrack.udpStreamTimeout'],
  },
  'config-sync-period': {
    value: DURATION,
    help: 'Taken for compatibility.',
    fields: ['configSyncPeriod'],
  },
  'oom-score-adj': {
    value: 'N',
    help: 'Who dies first when memory is short (default -999).',
    fields: ['oomScoreAdj'],
    as: 'integer',
  },
  'show-hidden-metrics-for-version': {
    value: 'VERSION',
    help: 'Taken for compatibility.',
    fields: ['showHiddenMetricsForVersion'],
  },
};

/** Of kube-proxy's flags those for its ipvs mode, its API client and its logs: taken, and without effect. */
const WITHOUT_EFFECT = {
  values: [
    'feature-gates',
    'ipvs-exclude-cidrs',
    'ipvs-min-sync-period',
    'ipvs-scheduler',
    'ipvs-sync-period',
    'ipvs-tcp-timeout',
    'ipvs-tcpfin-timeout',
    'ipvs-udp-timeout',
    'kube-api-burst',
    'kube-api-content-type',
    'kube-api-qps',
    'log-flush-frequency',
    'logging-format',
    'vmodule',
  ],
  switches: ['ipvs-strict-arp', 'profiling'],
} as const;

const IGNORED = 'Taken, without effect.';
const OLD_PORT = (page: string) => ({ value: 'PORT', help: `Deprecated: see --${page}-bind-address. 0: none.` });

export const PROXY_FLAGS: Readonly<Record<string, FieldFlag>> = {
  ...MEANT,
  'healthz-port': OLD_PORT('healthz'),
  'metrics-port': OLD_PORT('metrics'),
  v: { value: 'LEVEL', short: 'v', help: IGNORED },
  ...Object.fromEntries(WITHOUT_EFFECT.values.map((name) => [name, { value: 'VALUE', help: IGNORED }])),
  ...Object.fromEntries(WITHOUT_EFFECT.switches.map((name) => [name, { help: IGNORED }])),
};

function valueOf(parsed: Parsed, name: string, flag: FieldFlag): unknown {
  if (flag.value === undefined) return switchFlag(parsed, name);
  if (flag.as === 'integer') return integerFlag(parsed, name);
  if (flag.as !== 'list') return stringFlag(parsed, name);
  const list = listFlag(parsed, name);
  return list.length === 0 ? undefined : list;
}

/** Puts a value at `part.field` of a document. */
function put(document: Record<string, unknown>, field: string, value: unknown): void {
  const [part = '', name] = field.split('.');
  if (name === undefined) document[part] = value;
  else document[part] = { ...(document[part] as object | undefined), [name]: value };
}

/**
 * The flags that were given as a KubeProxyConfiguration.
 * @example proxyFlagsDocument(parse('--proxy-mode=nftables')) // { mode: 'nftables' }
 * @throws UserError for a number that is none
 */
export function proxyFlagsDocument(parsed: Parsed): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(MEANT)) {
    const value = valueOf(parsed, name, flag);
    if (value !== undefined) for (const field of flag.fields ?? []) put(document, field, value);
  }
  for (const [page, host] of [
    ['healthz', '0.0.0.0'],
    ['metrics', '127.0.0.1'],
  ] as const) {
    const port = integerFlag(parsed, `${page}-port`);
    const field = `${page}BindAddress`;
    if (port === 0) document[field] = '';
    else if (port !== undefined && document[field] === undefined) document[field] = `${host}:${port}`;
  }
  return document;
}
