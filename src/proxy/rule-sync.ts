// What both modes give to the family loop: a way to bring the kernel from one state to the next.
import type { ServiceKey, ServiceState, StateChanges } from './contract.ts';

export interface SyncReport {
  readonly kind: 'full' | 'partial' | 'none';
}

export interface RuleSync {
  /**
   * Brings the kernel to the wanted state. `changes` is what differs from the last success, `all` gives every service
   * for a full sync. When it rejects, the kernel is as it was and the next call is a full sync.
   */
  sync(changes: StateChanges, all: () => Iterable<[ServiceKey, ServiceState]>): Promise<SyncReport>;
  /** The next sync rewrites everything. */
  requireFull(): void;
  /** Whether the rules are still as we left them. False: the caller should require a full sync. */
  verify(): Promise<boolean>;
  /** Whether this family's kernel part exists already, ours or an earlier proxy's. */
  present(): Promise<boolean>;
}
