// What a host needs before its agent can run: its identity in the cluster, its address, and that neither clashes with
// the cluster's ranges.
import path from 'node:path';
import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { hostFiles, joinCluster, type ClusterSettings } from '../join/index.ts';
import { openRtnl, type Rtnl } from '../linux/index.ts';
import { createLogger } from '../log/index.ts';
import type { AgentIdentity } from './agent.ts';
import { followHostAddress } from './host-address.ts';
import { overlapProblem } from './host-overlap.ts';

export interface JoinHostOptions {
  readonly stateDir: string;
  /** Empty: those of an earlier join. */
  readonly servers: readonly string[];
  readonly token?: string;
  readonly caHash?: string;
  readonly nodeName?: string;
  /** When neither a flag nor an earlier join says. */
  readonly defaultName: string;
  readonly nodeIps: readonly string[];
  readonly uplink?: string;
}

export interface ReadyHost {
  readonly nodeName: string;
  readonly nodeIps: () => readonly string[];
  readonly uplink: string;
  readonly settings: ClusterSettings;
  readonly identity: AgentIdentity;
}

/** @throws UserError: one sentence on what is wrong and what to do */
export async function joinHost(o: JoinHostOptions): Promise<ReadyHost> {
  if (process.getuid?.() !== 0) throw new UserError('root is needed to make this host a node: run with sudo');
  const dir = path.join(o.stateDir, 'identity');
  const { servers, token, caHash } = o;
  const joined = await joinCluster({
    dir,
    nodeName: o.nodeName ?? hostFiles(dir).record()?.nodeName ?? o.defaultName,
    nodeIps: o.nodeIps,
    servers,
    log: createLogger().with({ component: 'join' }),
    ...(token === undefined ? {} : { token }),
    ...(caHash === undefined ? {} : { caHash }),
  });
  const address = await followHostAddress({
    given: o.nodeIps,
    last: joined.nodeIps,
    server: joined.server,
    onChange: (ips) => joined.addressesChanged(ips),
  });
  const uplink = o.uplink ?? address.uplink;
  if (uplink === undefined) {
    throw new UserError(
      `no network device of this host has the address ${address.ips().join(', ')}: name the one that leads to the other nodes with --uplink`,
    );
  }
  const rtnl = openRtnl();
  try {
    refuseOverlap(rtnl, joined.settings);
  } finally {
    rtnl.close();
  }
  return {
    nodeName: joined.nodeName,
    nodeIps: () => address.ips(),
    uplink,
    settings: joined.settings,
    identity: {
      client: joined.clientConfig,
      proxy: joined.clientConfig,
      serving: joined.serving(),
      clientCaPem: joined.caPem,
      onServing: (use) => joined.onServing(use),
      forget: () => joined.forget(),
      stop() {
        joined.stop();
        address.stop();
      },
    },
  };
}

/** A host that is part of a range of the cluster would send packets of pods to its own link. @throws UserError */
function refuseOverlap(rtnl: Rtnl, settings: ClusterSettings): void {
  const names = new Map(rtnl.links().map((l) => [l.index, l.name]));
  const nameOf = (device: number | undefined) => names.get(device ?? 0) ?? '';
  const addresses = rtnl.addresses().map((a) => ({ device: nameOf(a.device), address: a.address, scope: a.scope }));
  const routes = rtnl
    .routes()
    .map((r) => ({ device: nameOf(r.device), destination: r.destination, protocol: r.protocol }));
  const problem = overlapProblem({ addresses, routes }, settings);
  if (problem !== undefined) throw new UserError(problem);
}
