import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PROXY_CONFIG, parseProxyConfiguration, proxyConfigOf } from './config.ts';

test('parseProxyConfiguration() reads a file as people have it', () => {
  const config = parseProxyConfiguration(`
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: 10.244.0.0/16,fd00:10:244::/56
nodePortAddresses: [192.168.0.0/24]
clientConnection: { kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, contentType: "", qps: 0, burst: 0, acceptContentTypes: "" }
conntrack: { maxPerCore: null, min: 0, tcpEstablishedTimeout: 1h0m0s }
iptables: { masqueradeAll: true, localhostNodePorts: null, minSyncPeriod: 500ms, syncPeriod: 1m30s, masqueradeBit: null }
nftables: { masqueradeBit: 12 }
ipvs: { scheduler: rr }
metricsBindAddress: "::1"
healthzBindAddress: 0.0.0.0
`);
  assert.equal(config.mode, 'nftables');
  assert.deepEqual(config.clusterCidrs, ['10.244.0.0/16', 'fd00:10:244::/56']);
  assert.equal(config.kubeconfig, '/var/lib/kube-proxy/kubeconfig.conf');
  assert.equal(config.conntrack.maxPerCore, DEFAULT_PROXY_CONFIG.conntrack.maxPerCore);
  assert.equal(config.conntrack.tcpEstablishedTimeoutMs, 3_600_000);
  assert.deepEqual(
    [config.iptables.masqueradeAll, config.iptables.syncPeriodMs, config.iptables.pacing],
    [true, 90_000, 'fixed'],
  );
  assert.deepEqual([config.nftables.masqueradeBit, config.nftables.pacing], [12, 'adaptive']);
  assert.deepEqual([config.metricsBindAddress, config.healthzBindAddress], ['[::1]:10249', '0.0.0.0:10256']);
});

test('the file that kubeadm writes means the defaults', () => {
  const config = parseProxyConfiguration(`
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: { acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, qps: 0 }
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack: { maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null, udpStreamTimeout: 0s, udpTimeout: 0s }
detectLocal: { bridgeInterface: "", interfaceNamePrefix: "" }
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables: { localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s }
ipvs: { excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s }
kind: KubeProxyConfiguration
logging: { flushFrequency: 0, options: { json: { infoBufferSize: "0" }, text: { infoBufferSize: "0" } }, verbosity: 0 }
metricsBindAddress: ""
mode: ""
nftables: { masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s }
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: { enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: "" }
`);
  const kubeconfig = '/var/lib/kube-proxy/kubeconfig.conf';
  assert.deepEqual(config, { ...DEFAULT_PROXY_CONFIG, clusterCidrs: ['10.244.0.0/16'], kubeconfig });
});

test('pages stand on addresses of the family of bindAddress; empty means none only outside of files', () => {
  const { healthzBindAddress, metricsBindAddress } = parseProxyConfiguration('bindAddress: "::"');
  assert.deepEqual([healthzBindAddress, metricsBindAddress], ['[::]:10256', '[::1]:10249']);
  assert.equal(proxyConfigOf({ healthzBindAddress: '' }).healthzBindAddress, '');
  const chosen = proxyConfigOf({ healthzBindAddress: '', metricsBindAddress: '192.0.2.1:1' });
  const moved = proxyConfigOf({ bindAddress: '::' }, chosen);
  assert.deepEqual([moved.healthzBindAddress, moved.metricsBindAddress], ['', '192.0.2.1:1']);
});

test('an empty document means the defaults', () => {
  assert.deepEqual(parseProxyConfiguration(''), DEFAULT_PROXY_CONFIG);
  assert.deepEqual(parseProxyConfiguration('{"mode": ""}'), DEFAULT_PROXY_CONFIG);
});

const WRONG: readonly (readonly [unknown, RegExp])[] = [
  [{ modus: 'iptables' }, /unknown field modus; known here: /],
  [{ iptables: { masqueradeBits: 3 } }, /unknown field iptables\.masqueradeBits/],
  [{ mode: 'ipvs' }, /mode is "ipvs", but it must be one of "iptables", "nftables"/],
  [{ iptables: { masqueradeBit: 32 } }, /iptables\.masqueradeBit is 32, but it must be a whole number from 0 to 31/],
  [{ iptables: { syncPeriod: '-1s' } }, /iptables\.syncPeriod is "-1s", but it must be a duration/],
  [{ conntrack: { udpTimeout: 30 } }, /conntrack\.udpTimeout is 30, but it must be a duration/],
  [{ nftables: { minSyncPeriod: '40s' } }, /nftables\.minSyncPeriod \(40000 ms\) must not be longer/],
  [{ clusterCIDR: '10.0.0.0' }, /clusterCIDR holds "10\.0\.0\.0", which is not a CIDR/],
  [{ clusterCIDR: '10.0.0.0/8,11.0.0.0/8' }, /one CIDR for each address family/],
  [{ nodePortAddresses: ['primary', '10.0.0.0/8'] }, /"primary" must stand alone/],
  [{ nodePortAddresses: 'primary' }, /a list of strings/],
  [{ detectLocalMode: 'BridgeInterface' }, /needs detectLocal\.bridgeInterface/],
  [{ bindAddress: 'here' }, /bindAddress is "here"/],
  [{ healthzBindAddress: 'localhost' }, /healthzBindAddress is "localhost"/],
  [{ kind: 'KubeletConfiguration' }, /kind is "KubeletConfiguration"/],
  [{ conntrack: 7 }, /conntrack must be an object/],
];

test('an unknown field or a wrong value is one clear error', () => {
  for (const [document, message] of WRONG) assert.throws(() => proxyConfigOf(document), message);
  assert.throws(() => parseProxyConfiguration('a: [1'), /not valid YAML or JSON/);
});
