// `portico status`: which processes of a cluster run, and what its API says of the nodes.
import { existsSync } from 'node:fs';

import { nodes, pods, services } from '../api/objects.ts';
import { createClient, loadKubeconfig } from '../client/index.ts';
import { errorText } from '../errors/index.ts';
import { statePaths } from './paths.ts';
import { isAlive, readRecord } from './process-record.ts';
import { nodeNames, type ClusterSpec } from './spec.ts';
import { readSpec } from './supervisor.ts';

export interface ClusterStatus {
  spec: ClusterSpec;
  kubeconfig: string;
  processes: { name: string; pid?: number }[];
  nodes: { name: string; ready: boolean }[];
  counts?: { pods: number; services: number };
  /** Why the API could not be asked. */
  problem?: string;
}

/** Undefined when there is no such cluster. */
export async function clusterStatus(stateDir: string): Promise<ClusterStatus | undefined> {
  const paths = statePaths(stateDir);
  const spec = readSpec(paths);
  if (spec === undefined) return undefined;
  const names = nodeNames(spec);
  const runtimes = spec.runtime === 'cri' ? names.map((n) => `containerd-${n}`) : [];
  const components = ['supervisor', 'server', ...runtimes, ...names.map((n) => `agent-${n}`)];
  const status: ClusterStatus = {
    spec,
    kubeconfig: paths.kubeconfig,
    processes: components.map((name) => {
      const record = readRecord(paths.processRecord(name));
      return record !== undefined && isAlive(record) ? { name, pid: record.pid } : { name };
    }),
    nodes: [],
  };
  if (!existsSync(paths.kubeconfig)) return { ...status, problem: 'no kubeconfig was written yet' };
  const client = createClient(loadKubeconfig(paths.kubeconfig));
  try {
    const [n, p, s] = await Promise.all([
      client.resource(nodes).list(),
      client.resource(pods).list(),
      client.resource(services).list(),
    ]);
    status.nodes = n.items.map((node) => ({
      name: node.metadata.name,
      ready: node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false,
    }));
    status.counts = { pods: p.items.length, services: s.items.length };
  } catch (e) {
    status.problem = errorText(e);
  } finally {
    client.close();
  }
  return status;
}
