// The metrics of the proxy, under kube-proxy's names.
import { Counter, Gauge, Histogram, exponentialBounds, type Registry } from '../metrics/index.ts';
import { isExternallyAccessible, type ServiceState } from './contract.ts';

const SYNC_BOUNDS = exponentialBounds(0.001, 2, 15);

/** 0.25, 0.5, 1…59 by 1, 60…115 by 5, 120…300 by 30. */
const PROGRAMMING_BOUNDS: readonly number[] = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, i) => i + 1),
  ...Array.from({ length: 12 }, (_, i) => 60 + 5 * i),
  ...Array.from({ length: 7 }, (_, i) => 120 + 30 * i),
];

export interface ProxyMetrics {
  readonly syncDuration: Histogram;
  readonly fullSyncDuration: Histogram;
  readonly partialSyncDuration: Histogram;
  readonly networkProgramming: Histogram;
  readonly lastSync: Gauge;
  readonly lastQueued: Gauge;
  readonly endpointChangesPending: Gauge;
  readonly endpointChangesTotal: Counter;
  readonly serviceChangesPending: Gauge;
  readonly serviceChangesTotal: Counter;
  readonly iptablesTotal: Gauge;
  readonly iptablesLast: Gauge;
  readonly restoreFailures: Counter;
  readonly partialRestoreFailures: Counter;
  readonly nftablesFailures: Counter;
  readonly nftablesCleanupFailures: Counter;
  readonly invalidDropped: Counter;
  readonly localhostNodePortsAccepted: Counter;
  readonly noLocalEndpoints: Gauge;
  readonly repairs: Counter;
  readonly conntrackDuration: Histogram;
  readonly conntrackDeleted: Counter;
  readonly healthz: Counter;
  readonly livez: Counter;
}

/** `collect` is called when somebody reads the page. */
export function createProxyMetrics(registry: Registry, collect: () => void): ProxyMetrics {
  const rules = (name: string) => `kubeproxy_sync_proxy_rules_${name}`;
  const counter = (name: string, help: string) => registry.register(new Counter(name, help));
  const gauge = (name: string, help: string) => registry.register(new Gauge(name, help));
  const histogram = (name: string, help: string, bounds: readonly number[] = SYNC_BOUNDS) =>
    registry.register(new Histogram(name, help, bounds));
  return {
    syncDuration: histogram(rules('duration_seconds'), 'Time of one sync of the rules'),
    fullSyncDuration: histogram('kubeproxy_sync_full_proxy_rules_duration_seconds', 'Time of one full sync'),
    partialSyncDuration: histogram('kubeproxy_sync_partial_proxy_rules_duration_seconds', 'Time of one partial sync'),
    networkProgramming: histogram(
      'kubeproxy_network_programming_duration_seconds',
      'From the change that moved an EndpointSlice to the rules in the kernel',
      PROGRAMMING_BOUNDS,
    ),
    lastSync: gauge(rules('last_timestamp_seconds'), 'When the rules were last synced successfully'),
    lastQueued: gauge(rules('last_queued_timestamp_seconds'), 'When a sync was last asked for'),
    // The first of the gauges that are collected: the registry renders in this order.
    endpointChangesPending: registry.register(
      new Gauge(rules('endpoint_changes_pending'), 'EndpointSlice changes that wait for a sync', collect),
    ),
    endpointChangesTotal: counter(rules('endpoint_changes_total'), 'EndpointSlice changes seen'),
    serviceChangesPending: gauge(rules('service_changes_pending'), 'Service changes that wait for a sync'),
    serviceChangesTotal: counter(rules('service_changes_total'), 'Service changes seen'),
    iptablesTotal: gauge(rules('iptables_total'), 'Rules the proxy keeps in a table'),
    iptablesLast: gauge(rules('iptables_last'), 'Rules written by the last sync to a table'),
    restoreFailures: counter(rules('iptables_restore_failures_total'), 'Refused iptables-restore calls'),
    partialRestoreFailures: counter(
      rules('iptables_partial_restore_failures_total'),
      'Refused iptables-restore calls of partial syncs',
    ),
    nftablesFailures: counter(rules('nftables_sync_failures_total'), 'Refused nftables transactions'),
    nftablesCleanupFailures: counter(rules('nftables_cleanup_failures_total'), 'Refused clean-up transactions'),
    // After the gauges whose reading brings them up to date.
    invalidDropped: counter(
      'kubeproxy_iptables_ct_state_invalid_dropped_packets_total',
      'Packets that iptables dropped because they belong to no connection that is known',
    ),
    localhostNodePortsAccepted: counter(
      'kubeproxy_iptables_localhost_nodeports_accepted_packets_total',
      'Packets to node ports that came by way of loopback',
    ),
    noLocalEndpoints: gauge(rules('no_local_endpoints_total'), 'Services with policy Local and no local endpoint'),
    repairs: counter('kubeproxy_rules_repaired_total', 'Times that rules changed by others were put right'),
    conntrackDuration: histogram(
      'kubeproxy_conntrack_reconciler_sync_duration_seconds',
      'Time of one conntrack clean-up',
    ),
    conntrackDeleted: counter(
      'kubeproxy_conntrack_reconciler_deleted_entries_total',
      'Conntrack entries removed because their endpoint or service is gone',
    ),
    healthz: counter('kubeproxy_proxy_healthz_total', 'Answers of /healthz'),
    livez: counter('kubeproxy_proxy_livez_total', 'Answers of /livez'),
  };
}

/**
 * Ports whose policy is Local, that have endpoints, and none on this node: what comes to them is dropped. By the policy:
 * of traffic from inside the cluster, and from outside. Pure.
 */
export function withoutLocalEndpoints(states: Iterable<ServiceState>): { internal: number; external: number } {
  let internal = 0;
  let external = 0;
  for (const { ports } of states) {
    for (const p of ports) {
      if (!p.hasEndpoints || p.local.length > 0) continue;
      if (p.internalLocal) internal++;
      if (p.externalLocal && isExternallyAccessible(p)) external++;
    }
  }
  return { internal, external };
}
