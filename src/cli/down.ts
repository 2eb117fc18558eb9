import process from 'node:process';

import { downCluster } from '../cluster/index.ts';
import { UserError } from '../errors/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: '[flags]',
  summary: 'Removes a cluster: processes, namespaces, links, rules, files. Also after a crash.',
  flags: CLUSTER_FLAGS,
  async run(parsed) {
    if (process.getuid?.() !== 0) throw new UserError('root is needed to remove network namespaces: run with sudo');
    const { name, stateDir } = clusterOf(parsed);
    const removed = await downCluster(name, stateDir);
    process.stdout.write(removed ? `cluster ${name} is removed\n` : `there is no cluster ${name}\n`);
    return 0;
  },
};
