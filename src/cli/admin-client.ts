// Commands that change a cluster as its administrator: a local one by its name, or any other by kubeconfig.
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { statePaths } from '../cluster/index.ts';
import { createClient, loadKubeconfig, type Client, type ClientConfig } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import { stringFlag, type Flag, type Parsed } from './command.ts';

export const ADMIN_FLAGS: Readonly<Record<string, Flag>> = {
  ...CLUSTER_FLAGS,
  kubeconfig: {
    value: 'FILE',
    help: 'Credentials of an administrator (default $KUBECONFIG, then a cluster of this host).',
  },
};

/** Of `portico server`, when nothing else was said. */
const SERVER_KUBECONFIG = '/var/lib/portico/server/admin.kubeconfig';

/** @throws UserError when there is none */
export function adminConfig(parsed: Parsed): ClientConfig {
  const named = stringFlag(parsed, 'name') !== undefined || stringFlag(parsed, 'state-dir') !== undefined;
  const given = stringFlag(parsed, 'kubeconfig') ?? (named ? undefined : process.env['KUBECONFIG']);
  if (given !== undefined && given !== '') return loadKubeconfig(given);
  const { name, stateDir } = clusterOf(parsed);
  const local = statePaths(stateDir).kubeconfig;
  const file = [local, path.join(stateDir, 'admin.kubeconfig'), ...(named ? [] : [SERVER_KUBECONFIG])].find(existsSync);
  if (file === undefined) {
    throw new UserError(
      `there is no cluster ${name} on this host: give --kubeconfig, or run this where the server runs`,
    );
  }
  return loadKubeconfig(file);
}

export async function withAdmin<T>(parsed: Parsed, use: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient(adminConfig(parsed));
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
