import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PROXY_CONFIG, proxyConfigOf } from './config.ts';
import { durationText, proxyConfigDocument } from './config-document.ts';

test('a configuration that is written reads the same', () => {
  const set = proxyConfigOf({
    mode: 'nftables',
    clusterCIDR: '10.0.0.0/8,fd00::/48',
    detectLocalMode: 'BridgeInterface',
    detectLocal: { bridgeInterface: 'br0' },
    nodePortAddresses: ['192.0.2.0/24'],
    nftables: { minSyncPeriod: '250ms', syncPeriod: '1m30s', masqueradeAll: true },
    iptables: { localhostNodePorts: false },
    conntrack: { udpTimeout: '1h', tcpBeLiberal: true },
    healthzBindAddress: '',
    oomScoreAdj: -5,
    clientConnection: { kubeconfig: '/etc/kubeconfig' },
  });
  for (const config of [DEFAULT_PROXY_CONFIG, set]) {
    assert.deepEqual(proxyConfigOf(JSON.parse(JSON.stringify(proxyConfigDocument(config)))), config);
  }
});

test('durations as Go writes them', () => {
  const texts = [0, 250, 1000, 90_000, 3_600_000, 86_461_000].map((ms) => durationText(ms));
  assert.deepEqual(texts, ['0s', '250ms', '1s', '1m30s', '1h', '24h1m1s']);
});
