// Forgets etcd's history once in a window, whatever the number of servers: a record in the store says who did it last,
// and only the server that could renew the record compacts. History is kept for one to two windows.
import type { Logger } from '../../log/index.ts';
import type { Revision } from '../contract.ts';
import type { EtcdClient } from './etcd-client.ts';
import { isCompacted } from './errors.ts';
import { compact, MOD, range, txn } from './messages.ts';

/** After the store's prefix. Its value is the revision up to which history is gone. */
const COMPACTION_KEY = 'portico.internal/compaction';

interface Seen {
  /** When the record was last written; 0 before the first time. */
  readonly recordAt: Revision;
  /** The newest revision at that moment. */
  readonly revision: Revision;
}

export class Compaction {
  readonly #client: EtcdClient;
  readonly #key: string;
  readonly #timer: NodeJS.Timeout;
  #seen: Seen | undefined;

  constructor(client: EtcdClient, prefix: string, windowMs: number, log?: Logger) {
    this.#client = client;
    this.#key = prefix + COMPACTION_KEY;
    this.#timer = setInterval(() => {
      this.turn().catch((error: unknown) =>
        log?.warn('etcd could not be compacted; it will be tried again', { error }),
      );
    }, windowMs);
    this.#timer.unref();
  }

  /** One turn of the clock. Resolves with the revision that was compacted to, if it was our turn. */
  async turn(): Promise<Revision | undefined> {
    const seen = this.#seen;
    const now = await this.#look();
    this.#seen = now;
    // At the first turn nothing is known to be old; after a turn of another server there is nothing to do.
    if (seen === undefined || seen.recordAt !== now.recordAt) return undefined;
    const written = await this.#client.write(txn, {
      compare: [{ target: MOD, key: this.#key, modRevision: now.recordAt }],
      success: [{ put: { key: this.#key, value: String(seen.revision) } }],
      failure: [],
    });
    if (!written.succeeded) return undefined;
    this.#seen = { recordAt: written.header?.revision ?? 0, revision: now.revision };
    await compactTo(this.#client, seen.revision);
    return seen.revision;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<Seen> {
    const { header, kvs } = await this.#client.read(range, { key: this.#key });
    return { recordAt: kvs[0]?.modRevision ?? 0, revision: header?.revision ?? 0 };
  }
}

/** What is compacted further already stays so. */
export async function compactTo(client: EtcdClient, revision: Revision): Promise<void> {
  try {
    await client.write(compact, { revision });
  } catch (error) {
    if (!isCompacted(error)) throw error;
  }
}
