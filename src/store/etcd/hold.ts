// A key on a lease of etcd: gone when this process no longer renews it.
import { randomInt } from 'node:crypto';
import type { Logger } from '../../log/index.ts';
import type { Held } from '../contract.ts';
import type { EtcdClient } from './etcd-client.ts';
import { leaseGrant, leaseKeepAlive, leaseRevoke, txn } from './messages.ts';

/** Renewed so often in its lifetime. */
const RENEWALS = 3;

export async function hold(
  client: EtcdClient,
  key: string,
  value: string,
  seconds: number,
  log?: Logger,
): Promise<Held> {
  let id = await put(client, key, value, seconds);
  let renewing = Promise.resolve();
  const renew = async () => {
    try {
      // A lease that ran out while etcd was away is answered with a time to live of 0.
      const { ttl } = await client.exchange(leaseKeepAlive, { id });
      if (ttl <= 0) id = await put(client, key, value, seconds);
    } catch (error) {
      log?.warn('the lease of a key could not be renewed; it will be tried again', { key, error });
    }
  };
  const timer = setInterval(
    () => {
      renewing = renewing.then(renew);
    },
    (seconds * 1000) / RENEWALS,
  );
  timer.unref();
  return {
    release: async () => {
      clearInterval(timer);
      await renewing;
      await client.write(leaseRevoke, { id });
    },
  };
}

async function put(client: EtcdClient, key: string, value: string, seconds: number): Promise<number> {
  // A number of our own: etcd's are larger than JavaScript's numbers are exact.
  const id = randomInt(1, 2 ** 47);
  await client.write(leaseGrant, { ttl: seconds, id });
  await client.write(txn, { compare: [], success: [{ put: { key, value, lease: id } }], failure: [] });
  return id;
}
