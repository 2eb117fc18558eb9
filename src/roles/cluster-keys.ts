// The keys that all servers of a cluster share: its authority, and the key that signs service account tokens. They lie
// in the store they serve; whoever may read that holds the cluster's Secrets anyway. The first server makes them.
import { existsSync, readFileSync } from 'node:fs';
import { UserError } from '../errors/index.ts';
import { createCa, generateServiceAccountKey } from '../pki/index.ts';
import type { Store } from '../store/index.ts';
import { serverPkiFiles, writeSecret } from './server-credentials.ts';

const KEY = '/registry/portico.internal/cluster-keys';

interface ClusterKeys {
  readonly caCertPem: string;
  readonly caKeyPem: string;
  readonly serviceAccountKeyPem: string;
}

/**
 * Brings the files in `dir` and the store together: what only one of them has goes to the other.
 * @throws UserError when both have keys and they differ.
 */
export async function shareClusterKeys(store: Store, dir: string, clusterName: string): Promise<void> {
  const here = readKeys(dir);
  for (;;) {
    const entry = await store.get(KEY);
    if (entry !== undefined) {
      const theirs = JSON.parse(entry.value) as ClusterKeys;
      if (here === undefined) writeKeys(dir, theirs);
      else if (here.caCertPem !== theirs.caCertPem || here.serviceAccountKeyPem !== theirs.serviceAccountKeyPem) {
        throw new UserError(
          `the keys in ${dir} are not those of the cluster in the store: move ${dir} away to take the store's keys, ` +
            `or name another store`,
        );
      }
      return;
    }
    const keys = here ?? makeKeys(clusterName);
    const result = await store.commit(
      [{ key: KEY, revision: 0 }],
      [{ type: 'put', key: KEY, value: JSON.stringify(keys) }],
    );
    if (!result.committed) continue;
    if (here === undefined) writeKeys(dir, keys);
    return;
  }
}

function makeKeys(clusterName: string): ClusterKeys {
  const ca = createCa(`${clusterName}-ca`);
  const { privateKeyPem } = generateServiceAccountKey();
  return { caCertPem: ca.certPem, caKeyPem: ca.keyPem, serviceAccountKeyPem: privateKeyPem };
}

function readKeys(dir: string): ClusterKeys | undefined {
  const { ca, serviceAccountKey } = serverPkiFiles(dir);
  if (![ca.cert, ca.key, serviceAccountKey].every((file) => existsSync(file))) return undefined;
  return {
    caCertPem: readFileSync(ca.cert, 'utf8'),
    caKeyPem: readFileSync(ca.key, 'utf8'),
    serviceAccountKeyPem: readFileSync(serviceAccountKey, 'utf8'),
  };
}

function writeKeys(dir: string, keys: ClusterKeys): void {
  const { ca, serviceAccountKey } = serverPkiFiles(dir);
  writeSecret(serviceAccountKey, keys.serviceAccountKeyPem);
  writeSecret(ca.key, keys.caKeyPem);
  writeSecret(ca.cert, keys.caCertPem);
}
