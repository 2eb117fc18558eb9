// Dashboards and alerts know kube-proxy's metrics by name, type and labels.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from '../metrics/index.ts';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice, type EndpointSpec, type ServiceSpec } from './fixtures/objects.ts';
import { createProxyMetrics, withoutLocalEndpoints } from './metrics.ts';

const NAMES: Readonly<Record<string, string>> = {
  conntrack_reconciler_deleted_entries_total: 'counter',
  conntrack_reconciler_sync_duration_seconds: 'histogram',
  iptables_ct_state_invalid_dropped_packets_total: 'counter',
  iptables_localhost_nodeports_accepted_packets_total: 'counter',
  network_programming_duration_seconds: 'histogram',
  proxy_healthz_total: 'counter',
  proxy_livez_total: 'counter',
  sync_full_proxy_rules_duration_seconds: 'histogram',
  sync_partial_proxy_rules_duration_seconds: 'histogram',
  sync_proxy_rules_duration_seconds: 'histogram',
  sync_proxy_rules_endpoint_changes_pending: 'gauge',
  sync_proxy_rules_endpoint_changes_total: 'counter',
  sync_proxy_rules_iptables_last: 'gauge',
  sync_proxy_rules_iptables_partial_restore_failures_total: 'counter',
  sync_proxy_rules_iptables_restore_failures_total: 'counter',
  sync_proxy_rules_iptables_total: 'gauge',
  sync_proxy_rules_last_queued_timestamp_seconds: 'gauge',
  sync_proxy_rules_last_timestamp_seconds: 'gauge',
  sync_proxy_rules_nftables_cleanup_failures_total: 'counter',
  sync_proxy_rules_nftables_sync_failures_total: 'counter',
  sync_proxy_rules_no_local_endpoints_total: 'gauge',
  sync_proxy_rules_service_changes_pending: 'gauge',
  sync_proxy_rules_service_changes_total: 'counter',
};

test('every metric of kube-proxy is there under its name and of its type', () => {
  const registry = new Registry();
  createProxyMetrics(registry, () => undefined);
  const types = [...registry.render().matchAll(/^# TYPE kubeproxy_(\S+) (\S+)$/gm)].map((m) => [m[1], m[2]] as const);
  const { rules_repaired_total: ours, ...theirs } = Object.fromEntries(types);
  assert.deepEqual(theirs, NAMES);
  assert.equal(ours, 'counter');
});

test('bounds of the histograms', () => {
  const registry = new Registry();
  const metrics = createProxyMetrics(registry, () => undefined);
  metrics.syncDuration.observe(0.5, { ip_family: 'IPv4' });
  metrics.networkProgramming.observe(0.5, { ip_family: 'IPv4' });
  const bounds = (name: string) =>
    [...registry.render().matchAll(new RegExp(`^kubeproxy_${name}_bucket\\{.*le="([^"]+)"`, 'gm'))].map((m) => m[1]);
  const sync = bounds('sync_proxy_rules_duration_seconds');
  assert.deepEqual([sync.length, sync[0], sync.at(-2), sync.at(-1)], [16, '0.001', '16.384', '+Inf']);
  const programming = bounds('network_programming_duration_seconds');
  assert.deepEqual(programming.slice(0, 4), ['0.25', '0.5', '1', '2']);
  assert.deepEqual(programming.slice(60, 63), ['59', '60', '65']);
  assert.deepEqual(programming.slice(-3), ['270', '300', '+Inf']);
});

test('ports with policy Local and endpoints elsewhere only are counted, by policy', () => {
  const ports = [{ port: 80, nodePort: 30_080 }];
  const count = (spec: ServiceSpec, ...endpoints: EndpointSpec[]) => {
    const objects = [service('ns/s', { type: 'NodePort', clusterIP: '10.96.0.1', ports, ...spec })];
    const state = new InformedTracker([...objects, slice('ns/s', endpoints)], 'IPv4', { name: 'n1' }).stateOf('ns/s');
    return Object.values(withoutLocalEndpoints(state === undefined ? [] : [state]));
  };
  const [inside, outside] = [{ internalTrafficPolicy: 'Local' }, { externalTrafficPolicy: 'Local' }];
  const far = { ip: '10.1.0.1', node: 'n2' };
  const near = { ip: '10.1.0.2', node: 'n1' };
  assert.deepEqual(count({}, far), [0, 0]);
  assert.deepEqual(count(inside, far), [1, 0]);
  assert.deepEqual(count(outside, far), [0, 1]);
  assert.deepEqual(count({ ...inside, ...outside }, far), [1, 1]);
  assert.deepEqual(count({ ...inside, ...outside }, far, near), [0, 0]);
  assert.deepEqual(count({ ...inside, ...outside }), [0, 0], 'no endpoint anywhere is another matter');
  assert.deepEqual(count({ ...outside, type: 'ClusterIP', ports: [{ port: 80 }] }, far), [0, 0]);
});
