// The ranges that Services get addresses from (KEP-1880): what the server was started with, and every ServiceCIDR object
// added later. An object goes only when no address needs it any more.
import { deepEqual, serviceCIDRs, type meta, type ServiceCIDR } from '../../api/index.ts';
import { cidrContains, parseCidr } from '../../ip/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import type { ServerWrites } from '../bootstrap/server-writes.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import { timestamp } from '../verbs/deps.ts';
import { AddressPool } from './address-pool.ts';
import { ADDRESS_PREFIX } from './service-allocation.ts';

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
const IN_USE =
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';

export class ServiceCidrs {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #own: readonly AddressPool[];
  readonly #known = new Map<string, AddressPool>();
  #pools: readonly AddressPool[];

  /** `own`: the ranges the server was started with; they are there whatever the objects say. */
  constructor(store: Store, clock: Clock, own: readonly AddressPool[]) {
    this.#store = store;
    this.#clock = clock;
    this.#own = own;
    this.#pools = own;
  }

  get pools(): readonly AddressPool[] {
    return this.#pools;
  }

  /** Reads the objects, so that addresses come from all of them, and brings each object's state up to date. */
  async reconcile(writes: ServerWrites): Promise<void> {
    const { entries } = await this.#store.list(keyPrefix(serviceCIDRs));
    const all = entries.map((entry) => storedObject(entry).object as ServiceCIDR);
    const open = all.filter((c) => c.metadata.deletionTimestamp === undefined);
    const extra = open
      .flatMap((c) => c.spec?.cidrs ?? [])
      .filter((cidr) => parseCidr(cidr) !== undefined && !this.#own.some((p) => p.text === cidr));
    this.#pools = [...this.#own, ...[...new Set(extra)].flatMap((cidr) => this.#pool(cidr) ?? [])];
    for (const object of all) await this.#update(writes, object, open);
  }

  #pool(cidr: string): AddressPool | undefined {
    let pool = this.#known.get(cidr);
    if (pool === undefined) {
      try {
        pool = new AddressPool(cidr);
      } catch {
        // Too small to hold an address: it stays an object without effect.
        return undefined;
      }
      this.#known.set(cidr, pool);
    }
    return pool;
  }

  async #update(writes: ServerWrites, object: ServiceCIDR, open: readonly ServiceCIDR[]): Promise<void> {
    const { metadata } = object;
    const deleting = metadata.deletionTimestamp !== undefined;
    if (deleting && !(metadata.finalizers ?? []).includes(FINALIZER)) return;
    const needed = deleting && (await this.#isNeeded(object, open));
    const finalizers = [
      ...(metadata.finalizers ?? []).filter((f) => f !== FINALIZER),
      ...(deleting && !needed ? [] : [FINALIZER]),
    ];
    const condition = {
      type: 'Ready',
      status: needed ? 'False' : 'True',
      reason: needed ? 'Terminating' : '',
      message: needed ? IN_USE : 'Kubernetes Service CIDR is ready',
    };
    const had = object.status?.conditions?.find((c) => c.type === 'Ready');
    const { lastTransitionTime, ...hadRest } = had ?? ({} as Partial<meta.Condition>);
    const same = deepEqual({ reason: '', ...hadRest }, condition);
    if (same && deepEqual(metadata.finalizers ?? [], finalizers)) return;
    const changed = had?.status === condition.status ? lastTransitionTime : undefined;
    const conditions = [{ ...condition, lastTransitionTime: changed ?? timestamp(this.#clock) }];
    await writes.replace(serviceCIDRs, {
      ...object,
      metadata: { ...metadata, finalizers },
      status: { ...object.status, conditions },
    });
  }

  /** Is there an address that lies in no other range? */
  async #isNeeded(object: ServiceCIDR, open: readonly ServiceCIDR[]): Promise<boolean> {
    const ranges = object.spec?.cidrs ?? [];
    const others = [...this.#own.map((p) => p.text), ...open.flatMap((c) => c.spec?.cidrs ?? [])];
    const { entries } = await this.#store.list(ADDRESS_PREFIX);
    return entries.some(({ key }) => {
      const address = key.slice(ADDRESS_PREFIX.length);
      const inside = (cidr: string) => parseCidr(cidr) !== undefined && cidrContains(cidr, address);
      return ranges.some(inside) && !others.some(inside);
    });
  }
}
