// A command line that starts kube-proxy starts `portico proxy`.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DEFAULT_PROXY_CONFIG, proxyConfigOf } from '../proxy/index.ts';
import { parseCommand } from './command.ts';
import { command } from './proxy.ts';
import { proxyFlagsDocument } from './proxy-flags.ts';

const configOf = (...argv: string[]) => proxyConfigOf(proxyFlagsDocument(parseCommand('proxy', command, argv)));

/** `kube-proxy --help` of 1.36 on Linux, without `--help` and `--version`: a value each, as people write it. */
const KUBE_PROXY = [
  '--bind-address=192.0.2.7',
  '--bind-address-hard-fail',
  '--cleanup=false',
  '--cluster-cidr=10.244.0.0/16,fd00:10:244::/56',
  '--config-sync-period=15m0s',
  '--conntrack-max-per-core=1024',
  '--conntrack-min=2048',
  '--conntrack-tcp-be-liberal',
  '--conntrack-tcp-timeout-close-wait=1h0m0s',
  '--conntrack-tcp-timeout-established=0s',
  '--conntrack-udp-timeout=30s',
  '--conntrack-udp-timeout-stream=2m0s',
  '--detect-local-mode=BridgeInterface',
  '--feature-gates=A=true,B=false',
  '--healthz-bind-address=0.0.0.0:1',
  '--healthz-port=10256',
  '--hostname-override=Node-1',
  '--init-only=false',
  '--iptables-localhost-nodeports=false',
  '--iptables-masquerade-bit=13',
  '--iptables-min-sync-period=250ms',
  '--iptables-sync-period=1m0s',
  '--ipvs-exclude-cidrs=10.0.0.0/8',
  '--ipvs-min-sync-period=1s',
  '--ipvs-scheduler=rr',
  '--ipvs-strict-arp',
  '--ipvs-sync-period=30s',
  '--ipvs-tcp-timeout=1s',
  '--ipvs-tcpfin-timeout=1s',
  '--ipvs-udp-timeout=1s',
  '--kube-api-burst=10',
  '--kube-api-content-type=application/json',
  '--kube-api-qps=5',
  '--kubeconfig=/etc/kubeconfig',
  '--log-flush-frequency=5s',
  '--logging-format=text',
  '--masquerade-all',
  '--master=https://192.0.2.1',
  '--metrics-bind-address=127.0.0.1:2',
  '--metrics-port=10249',
  '--nodeport-addresses=192.0.2.0/24,198.51.100.0/24',
  '--oom-score-adj=-998',
  '--pod-bridge-interface=br0',
  '--pod-interface-name-prefix=veth',
  '--profiling=false',
  '--proxy-mode=nftables',
  '--show-hidden-metrics-for-version=1.35',
  '--v=2',
  '--vmodule=a=1',
];

test('every flag of kube-proxy is known, and means what it says', () => {
  const minimum = { minSyncPeriodMs: 250, syncPeriodMs: 60_000, pacing: 'fixed' } as const;
  const { conntrack, iptables } = DEFAULT_PROXY_CONFIG;
  assert.deepEqual(configOf(...KUBE_PROXY), {
    ...DEFAULT_PROXY_CONFIG,
    mode: 'nftables',
    clusterCidrs: ['10.244.0.0/16', 'fd00:10:244::/56'],
    detectLocalMode: 'BridgeInterface',
    bridgeInterface: 'br0',
    interfaceNamePrefix: 'veth',
    nodePortAddresses: ['192.0.2.0/24', '198.51.100.0/24'],
    iptables: { ...minimum, masqueradeBit: 13, masqueradeAll: true, localhostNodePorts: false },
    nftables: { ...minimum, masqueradeBit: iptables.masqueradeBit, masqueradeAll: true },
    conntrack: {
      ...conntrack,
      maxPerCore: 1024,
      min: 2048,
      tcpBeLiberal: true,
      tcpEstablishedTimeoutMs: 0,
      udpTimeoutMs: 30_000,
      udpStreamTimeoutMs: 120_000,
    },
    bindAddress: '192.0.2.7',
    bindAddressHardFail: true,
    healthzBindAddress: '0.0.0.0:1',
    metricsBindAddress: '127.0.0.1:2',
    hostnameOverride: 'node-1',
    oomScoreAdj: -998,
    kubeconfig: '/etc/kubeconfig',
    showHiddenMetricsForVersion: '1.35',
  });
});

test('no flags mean the defaults; the old ports still move or switch off the pages', () => {
  assert.deepEqual(configOf(), DEFAULT_PROXY_CONFIG);
  const { healthzBindAddress, metricsBindAddress } = configOf('--healthz-port=1234', '--metrics-port=0', '-v', '4');
  assert.deepEqual([healthzBindAddress, metricsBindAddress], ['0.0.0.0:1234', '']);
});

test('a wrong value is one clear error', () => {
  assert.throws(() => configOf('--oom-score-adj=low'), /--oom-score-adj low: give a whole number/);
  assert.throws(() => configOf('--iptables-masquerade-bit=40'), /iptables\.masqueradeBit is 40, but it must be/);
  assert.throws(() => configOf('--proxy-mode=ipvs'), /mode is "ipvs", but it must be one of "iptables", "nftables"/);
  assert.throws(() => configOf('--proxy-modus=iptables'), /Unknown option '--proxy-modus'/);
});
