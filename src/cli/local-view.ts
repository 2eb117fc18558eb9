// How the commands that look into kernels find a cluster: one of this machine by its name, or any other by kubeconfig,
// of which only the node that the command runs on can be seen.
import { hostname } from 'node:os';
import { existsSync } from 'node:fs';
import process from 'node:process';

import { namespaceNames, readSpec, statePaths } from '../cluster/index.ts';
import { createClient, loadKubeconfig, type Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { netnsExists } from '../linux/index.ts';
import { podNetnsName } from '../podnet/index.ts';
import { findPodNetns } from '../trace/index.ts';
import type { TraceEnvironment } from '../trace/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import { stringFlag, type Flag, type Parsed } from './command.ts';

export const VIEW_FLAGS: Readonly<Record<string, Flag>> = {
  ...CLUSTER_FLAGS,
  kubeconfig: { value: 'FILE', help: 'Another cluster: only the node this runs on can be seen.' },
  'node-name': { value: 'NAME', help: 'With --kubeconfig: name of this node (default: the hostname).' },
  namespace: { value: 'NAMESPACE', short: 'n', help: 'Namespace of names that say none (default default).' },
};

export interface LocalView {
  client: Client;
  environment: TraceEnvironment;
  /** The local cluster's name; undefined with --kubeconfig. */
  cluster?: string;
  /** With --kubeconfig: the node that this runs on. */
  self?: string;
  namespace: string;
}

/** The namespace of the process that looks, for the node of a real cluster. */
const OWN_NETNS = '/proc/self/ns/net';

/** @throws UserError when there is no such cluster, or root is missing */
export function openLocalView(parsed: Parsed): LocalView {
  if (process.getuid?.() !== 0) throw new UserError('root is needed to look into network namespaces: run with sudo');
  const namespace = stringFlag(parsed, 'namespace') ?? 'default';
  const kubeconfig = stringFlag(parsed, 'kubeconfig');
  if (kubeconfig !== undefined) {
    const self = stringFlag(parsed, 'node-name') ?? hostname().toLowerCase();
    return {
      client: createClient(loadKubeconfig(kubeconfig)),
      environment: {
        nodeNetns: (node) => (node === self ? OWN_NETNS : undefined),
        podNetns: ({ node, ips }) => (node === self ? findPodNetns(OWN_NETNS, ips) : undefined),
        externalNetns: () => undefined,
        clusterDomain: 'cluster.local',
      },
      self,
      namespace,
    };
  }
  const { name, stateDir } = clusterOf(parsed);
  const paths = statePaths(stateDir);
  const spec = readSpec(paths);
  if (spec === undefined || !existsSync(paths.kubeconfig)) {
    throw new UserError(`there is no cluster ${name}: run 'portico up' first, or name one with --name`);
  }
  const names = namespaceNames(spec.name);
  const ifThere = (netns: string) => (netnsExists(netns) ? netns : undefined);
  return {
    client: createClient(loadKubeconfig(paths.kubeconfig)),
    environment: {
      nodeNetns: (node) => ifThere(names.node(node)),
      // Those of a container runtime have names of its own.
      podNetns: ({ uid, node = '', ips }) =>
        ifThere(podNetnsName(spec.name, uid)) ??
        (netnsExists(names.node(node)) ? findPodNetns(names.node(node), ips) : undefined),
      externalNetns: () => ifThere(names.fabric),
      clusterDomain: spec.clusterDomain,
      network: spec.network,
    },
    cluster: spec.name,
    namespace,
  };
}
