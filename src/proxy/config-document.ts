// The settings of the proxy as a KubeProxyConfiguration: what `--write-config-to` writes. Pure.
import type { ProxyConfig, RuleSettings } from './config.ts';

/** Go's duration text, whole and short: `1h30m`, `500ms`, `0s`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (!Number.isInteger(seconds)) return `${ms}ms`;
  const parts = [
    [Math.trunc(seconds / 3600), 'h'],
    [Math.trunc((seconds % 3600) / 60), 'm'],
    [seconds % 60, 's'],
  ] as const;
  const text = parts.flatMap(([n, unit]) => (n === 0 ? [] : [`${n}${unit}`])).join('');
  return text === '' ? '0s' : text;
}

function rules(r: RuleSettings): Record<string, unknown> {
  return {
    masqueradeBit: r.masqueradeBit,
    masqueradeAll: r.masqueradeAll,
    syncPeriod: durationText(r.syncPeriodMs),
    // One that is written is kept to; the default only bounds.
    ...(r.pacing === 'fixed' ? { minSyncPeriod: durationText(r.minSyncPeriodMs) } : {}),
  };
}

/** @example proxyConfigOf(proxyConfigDocument(config)) // config */
export function proxyConfigDocument(c: ProxyConfig): Record<string, unknown> {
  const ct = c.conntrack;
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: c.mode,
    hostnameOverride: c.hostnameOverride,
    clientConnection: { kubeconfig: c.kubeconfig },
    clusterCIDR: c.clusterCidrs.join(','),
    detectLocalMode: c.detectLocalMode,
    detectLocal: { bridgeInterface: c.bridgeInterface, interfaceNamePrefix: c.interfaceNamePrefix },
    nodePortAddresses: c.nodePortAddresses,
    iptables: { ...rules(c.iptables), localhostNodePorts: c.iptables.localhostNodePorts },
    nftables: rules(c.nftables),
    conntrack: {
      maxPerCore: ct.maxPerCore,
      min: ct.min,
      tcpEstablishedTimeout: durationText(ct.tcpEstablishedTimeoutMs),
      tcpCloseWaitTimeout: durationText(ct.tcpCloseWaitTimeoutMs),
      udpTimeout: durationText(ct.udpTimeoutMs),
      udpStreamTimeout: durationText(ct.udpStreamTimeoutMs),
      tcpBeLiberal: ct.tcpBeLiberal,
    },
    bindAddress: c.bindAddress,
    healthzBindAddress: c.healthzBindAddress,
    metricsBindAddress: c.metricsBindAddress,
    bindAddressHardFail: c.bindAddressHardFail,
    configSyncPeriod: durationText(c.configSyncPeriodMs),
    oomScoreAdj: c.oomScoreAdj,
    showHiddenMetricsForVersion: c.showHiddenMetricsForVersion,
  };
}
