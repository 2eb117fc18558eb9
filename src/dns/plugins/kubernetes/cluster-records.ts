// The state behind the kubernetes plugin: index, live pod addresses, serial. It is fed objects and knows no client.
import type { Clock } from '../../../clock/index.ts';
import type { DnsNamespace, DnsPod, DnsService, DnsSlice } from './dns-objects.ts';
import { RecordIndex } from './index-records.ts';
import type { IndexOptions } from './index-records.ts';
import type { ObjectSink } from './watch-objects.ts';

export interface ClusterRecordsOptions extends IndexOptions {
  readonly clock: Clock;
  /** Called with the time from a change in the cluster to its answers, and what kind of service it was. */
  readonly onProgrammed: (seconds: number, kind: string) => void;
}

export class ClusterRecords implements ObjectSink {
  readonly index: RecordIndex;
  readonly #clock: Clock;
  readonly #onProgrammed: (seconds: number, kind: string) => void;
  /** Reference counts of pod addresses by `namespace/address`. */
  readonly #pods = new Map<string, number>();
  #changedSlices: DnsSlice[] = [];
  #serial: number;

  constructor(options: ClusterRecordsOptions) {
    this.index = new RecordIndex(options);
    this.#clock = options.clock;
    this.#onProgrammed = options.onProgrammed;
    this.#serial = this.#now();
  }

  /** Unix time of the last change of an answer. */
  get serial(): number {
    return this.#serial;
  }

  service(key: string, _before: DnsService | undefined, after: DnsService | undefined): void {
    this.index.setService(key, after);
  }

  slice(key: string, before: DnsSlice | undefined, after: DnsSlice | undefined): void {
    this.index.setSlice(key, before, after);
    if (after !== undefined && after.changedAtMs > (before?.changedAtMs ?? 0)) this.#changedSlices.push(after);
  }

  namespace(key: string, after: DnsNamespace | undefined): void {
    this.index.setNamespace(key, after);
  }

  pod(_key: string, before: DnsPod | undefined, after: DnsPod | undefined): void {
    for (const [pod, step] of [
      [after, 1],
      [before, -1],
    ] as const)
      for (const address of pod?.addresses ?? []) {
        const id = `${pod?.namespace ?? ''}/${address}`;
        const count = (this.#pods.get(id) ?? 0) + step;
        if (count > 0) this.#pods.set(id, count);
        else this.#pods.delete(id);
      }
  }

  hasPod(namespace: string, address: string): boolean {
    return this.#pods.has(`${namespace}/${address}`);
  }

  commit(): void {
    if (this.index.commit() > 0) this.#serial = Math.max(this.#serial, this.#now());
    const changed = this.#changedSlices;
    if (changed.length === 0) return;
    this.#changedSlices = [];
    for (const slice of changed) {
      const service = this.index.source(slice.namespace, slice.service)?.service;
      const kind = service?.type === 'Headless' ? 'headless_with_selector' : 'cluster_ip';
      if (service !== undefined) this.#onProgrammed((this.#clock.now() - slice.changedAtMs) / 1000, kind);
    }
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
