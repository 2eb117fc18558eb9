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
iptables: { masqueradeAll: true, localhostNodePorts: null, minSyncPeriod: 0s, syncPeriod: 1m30s, masqueradeBit: null }
nftables: { masqueradeBit: 12 }
ipvs: { scheduler: rr }
metricsBindAddress: ""
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
  assert.deepEqual([config.metricsBindAddress, config.healthzBindAddress], ['', '0.0.0.0:10256']);
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
  [{ iptables: { syncPeriod: '0s' } }, /iptables\.syncPeriod is "0s".*more than 0/],
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
