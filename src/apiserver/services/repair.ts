// Makes the books of addresses and node ports agree with the Services again: after somebody deleted an IPAddress by
// hand, or a store was restored from parts. In ordinary life there is nothing to do, because both are written together.
import { services, type IPAddress, type Service } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Entry, Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix, storageKey } from '../objects/storage-key.ts';
import { ADDRESS_PREFIX, ipAddressText, LOAD_BALANCER_PREFIX, NODE_PORT_PREFIX } from './service-allocation.ts';
import { claimsOf } from './service-claims.ts';

export interface Repaired {
  readonly booked: readonly string[];
  readonly released: readonly string[];
}

/** Each correction is a commit of its own that holds only if Service and booking still are what was seen. */
export async function repairBookings(store: Store, clock: Clock): Promise<Repaired> {
  const claimed = new Map<string, { entry: Entry; service: Service }>();
  for (const entry of (await store.list(keyPrefix(services))).entries) {
    const service = storedObject(entry).object as Service;
    for (const key of bookingKeys(service)) claimed.set(key, { entry, service });
  }
  const booked: string[] = [];
  for (const [key, { entry, service }] of claimed) {
    if ((await store.get(key)) !== undefined) continue;
    const { namespace = '', name } = service.metadata;
    const value = key.startsWith(ADDRESS_PREFIX)
      ? ipAddressText(clock, key.slice(ADDRESS_PREFIX.length), namespace, name)
      : JSON.stringify({ namespace, name });
    const result = await store.commit(
      [
        { key, revision: 0 },
        { key: entry.key, revision: entry.revision },
      ],
      [{ type: 'put', key, value }],
    );
    if (result.committed) booked.push(key);
  }
  const released: string[] = [];
  for (const entry of await bookings(store)) {
    if (claimed.has(entry.key)) continue;
    const owner = ownerOf(entry);
    if (owner === undefined) continue;
    const ownerKey = storageKey(services, owner.namespace, owner.name);
    const now = await store.get(ownerKey);
    // Booked since the list above was made.
    if (now !== undefined && bookingKeys(storedObject(now).object as Service).includes(entry.key)) continue;
    const result = await store.commit(
      [
        { key: entry.key, revision: entry.revision },
        { key: ownerKey, revision: now?.revision ?? 0 },
      ],
      [{ type: 'delete', key: entry.key }],
    );
    if (result.committed) released.push(entry.key);
  }
  return { booked, released };
}

function bookingKeys(service: Service): string[] {
  const { addresses, nodePorts, loadBalancerAddresses } = claimsOf(service);
  return [
    ...addresses.map((ip) => ADDRESS_PREFIX + ip),
    ...nodePorts.map((port) => `${NODE_PORT_PREFIX}${port}`),
    ...loadBalancerAddresses.map((ip) => LOAD_BALANCER_PREFIX + ip),
  ];
}

async function bookings(store: Store): Promise<Entry[]> {
  const pages = await Promise.all([ADDRESS_PREFIX, NODE_PORT_PREFIX, LOAD_BALANCER_PREFIX].map((p) => store.list(p)));
  return pages.flatMap((page) => page.entries);
}

/** The Service a booking is for; undefined for an IPAddress that belongs to something else. */
function ownerOf(entry: Entry): { namespace: string; name: string } | undefined {
  if (!entry.key.startsWith(ADDRESS_PREFIX)) return JSON.parse(entry.value) as { namespace: string; name: string };
  const ref = (storedObject(entry).object as IPAddress).spec?.parentRef;
  if (ref?.resource !== 'services' || ref.name === undefined) return undefined;
  return { namespace: ref.namespace ?? '', name: ref.name };
}
