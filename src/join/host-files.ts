// What a joined host keeps: the authority, its certificates with their keys (0600, written as a whole or not at all),
// and what it needs to find its cluster again without a token.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import type { CertificateAndKey } from '../pki/index.ts';
import type { ClusterSettings } from './settings.ts';

export interface JoinRecord {
  readonly server: string;
  /** Further servers of the cluster, as last learned: any of them may be the one that is left at the next start. */
  readonly others?: readonly string[];
  readonly nodeName: string;
  readonly caPem: string;
  /** Addresses of the node when it joined, for a start without a way to the server. */
  readonly nodeIps: readonly string[];
  /** As they were when last read: an agent starts with them while no server answers. */
  readonly settings: ClusterSettings;
}

export type Purpose = 'client' | 'serving';

export function hostFiles(dir: string) {
  const at = (name: string) => path.join(dir, name);
  const write = (file: string, text: string) => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  };
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
  return {
    dir,
    record(): JoinRecord | undefined {
      const text = read(at('join.json'));
      return text === undefined ? undefined : (JSON.parse(text) as JoinRecord);
    },
    keepRecord: (record: JoinRecord) => write(at('join.json'), `${JSON.stringify(record, null, 2)}\n`),
    /** Certificate and key in one file, so that they can never be of two different renewals. */
    pair(purpose: Purpose): CertificateAndKey | undefined {
      const text = read(at(`${purpose}.pem`));
      const key = text?.indexOf('-----BEGIN PRIVATE KEY-----') ?? -1;
      return text === undefined || key < 0 ? undefined : { certPem: text.slice(0, key), keyPem: text.slice(key) };
    },
    keepPair(purpose: Purpose, { certPem, keyPem }: CertificateAndKey) {
      write(at(`${purpose}.pem`), `${certPem.trimEnd()}\n${keyPem}`);
      rmSync(at(`${purpose}-pending.key`), { force: true });
    },
    /** The key of a request that is under way: a host that dies in between asks with the same key again. */
    pendingKey(purpose: Purpose, make: () => string): string {
      const known = read(at(`${purpose}-pending.key`));
      if (known !== undefined) return known;
      const key = make();
      write(at(`${purpose}-pending.key`), key);
      return key;
    },
    dropPendingKey: (purpose: Purpose) => rmSync(at(`${purpose}-pending.key`), { force: true }),
    forget: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export type HostFiles = ReturnType<typeof hostFiles>;
