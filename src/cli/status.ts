import process from 'node:process';

import { clusterStatus } from '../cluster/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: '[flags]',
  summary: 'Shows the processes and nodes of a cluster. Exit code 1 when something is not as it should be.',
  flags: CLUSTER_FLAGS,
  async run(parsed) {
    const { name, stateDir } = clusterOf(parsed);
    const status = await clusterStatus(stateDir);
    if (status === undefined) {
      process.stdout.write(`there is no cluster ${name}; 'portico up' makes one\n`);
      return 1;
    }
    const { spec } = status;
    const lines = [
      `cluster     ${spec.name}: ${spec.nodes} nodes, network ${spec.network}, proxy ${spec.proxyMode}`,
      `kubeconfig  ${status.kubeconfig}`,
      ...status.processes.map(
        (p) => `process     ${p.name.padEnd(20)}${p.pid === undefined ? 'NOT RUNNING' : `pid ${p.pid}`}`,
      ),
      ...status.nodes.map((n) => `node        ${n.name.padEnd(16)}${n.ready ? 'Ready' : 'NOT READY'}`),
    ];
    if (status.counts !== undefined)
      lines.push(`objects     ${status.counts.pods} pods, ${status.counts.services} services`);
    if (status.problem !== undefined) lines.push(`problem     ${status.problem}`);
    process.stdout.write(`${lines.join('\n')}\n`);
    const healthy =
      status.problem === undefined &&
      status.processes.every((p) => p.pid !== undefined) &&
      status.nodes.length >= spec.nodes &&
      status.nodes.every((n) => n.ready);
    return healthy ? 0 : 1;
  },
};
