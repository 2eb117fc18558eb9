// What a mode (iptables, nftables) needs and gives. Types only.
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import type { Registry } from '../metrics/index.ts';
import type { ProxyConfig } from './config.ts';
import type { Family, LocalDetector, StateChanges } from './contract.ts';
import type { ProxyMetrics } from './metrics.ts';
import type { RuleSync } from './rule-sync.ts';

export interface ModeOptions {
  readonly config: ProxyConfig;
  readonly netns: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: ProxyMetrics;
  readonly registry: Registry;
  /** Addresses of the Node object, primary first. */
  readonly nodeIps: () => readonly string[];
  /** Addresses that the node's devices have now. */
  readonly localAddresses: () => readonly string[];
  readonly detector: (family: Family) => LocalDetector;
  /** Prefixes that cluster IPs come from, as the API tells. */
  readonly serviceCidrs: () => readonly string[];
  /** To be called when somebody else changed our rules. */
  readonly repair: (family: Family, why: string) => void;
}

export interface ModeParts {
  sync(family: Family): RuleSync;
  /** Addresses that take node ports; undefined: every one of the node. */
  nodePortAddresses(family: Family): readonly string[] | undefined;
  failed(family: Family, kind: 'full' | 'partial'): void;
  /** After a sync of these changes, for what a mode does besides rules. */
  synced(family: Family, changes: StateChanges): void;
  /** Sets the gauges that are worked out only when somebody reads the metrics. */
  collect(family: Family): void;
  stop(): void;
}
