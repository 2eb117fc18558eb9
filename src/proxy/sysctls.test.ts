// The kernel's connection table, as kube-proxy sizes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_PROXY_CONFIG, type ConntrackSettings } from './config.ts';
import { conntrackSettings } from './sysctls.ts';

function sizes(cores: number, more: Partial<ConntrackSettings> = {}): (number | undefined)[] {
  const settings = conntrackSettings({ ...DEFAULT_PROXY_CONFIG.conntrack, ...more }, cores);
  return ['max', 'buckets'].map((k) => settings.find((s) => s.key === `net.netfilter.nf_conntrack_${k}`)?.value);
}

test('as many entries as cores ask for, at least `min`, at most a million unless `min` says more', () => {
  assert.deepEqual(sizes(1), [131_072, 32_768]);
  assert.deepEqual(sizes(8), [262_144, 65_536]);
  assert.deepEqual(sizes(128), [1_048_576, 262_144]);
  assert.deepEqual(sizes(2, { min: 4_000_000 }), [4_000_000, 1_000_000]);
  assert.deepEqual(sizes(8, { maxPerCore: 0 }), [undefined, undefined], '0 leaves the machine as it is');
});

test('timeouts in seconds; 0 leaves one alone', () => {
  const of = (more: Partial<ConntrackSettings>) =>
    conntrackSettings({ ...DEFAULT_PROXY_CONFIG.conntrack, maxPerCore: 0, ...more }, 1).map(
      (s) => `${s.key.replace('net.netfilter.nf_conntrack_', '')}=${s.value}`,
    );
  assert.deepEqual(of({}), ['tcp_timeout_established=86400', 'tcp_timeout_close_wait=3600']);
  assert.deepEqual(
    of({ tcpEstablishedTimeoutMs: 0, tcpCloseWaitTimeoutMs: 0, udpTimeoutMs: 1500, tcpBeLiberal: true }),
    ['udp_timeout=1', 'tcp_be_liberal=1'],
  );
});
