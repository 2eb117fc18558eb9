// Makes a host what it was before it joined, without asking any server: for a cluster that is gone, or a host that was
// removed while it could not be reached.
import { existsSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { hostFiles } from '../join/index.ts';
import { leaveHost } from '../node/index.ts';
import { recordedNamespaces, removePodNetwork } from '../podnet/index.ts';
import { cleanupProxyRules } from '../proxy/index.ts';

export interface ResetOptions {
  readonly stateDir: string;
  /** The runtime that ran the pods, if one did. */
  readonly criEndpoint?: string | undefined;
  /** Ends what runs in these namespaces and control groups, and unmounts what is below a folder. */
  readonly removeRemains: (o: { namespaces: readonly string[]; dir: string; cgroup: string }) => Promise<void>;
}

const AGENT_PORT = 10250;

/** What was found and removed: the node's name; undefined when there was nothing. @throws UserError */
export async function resetHost(o: ResetOptions): Promise<string | undefined> {
  const { stateDir, criEndpoint } = o;
  if (process.getuid?.() !== 0) throw new UserError('root is needed to take pods and network away: run with sudo');
  if (!existsSync(stateDir)) return undefined;
  const record = hostFiles(path.join(stateDir, 'identity')).record();
  if (record === undefined) {
    throw new UserError(`${stateDir} is no folder of an agent that joined: name the right one with --state-dir`);
  }
  if (await somebodyListens()) {
    throw new UserError(`an agent still runs on this host (port ${AGENT_PORT}): end it first, then reset`);
  }
  const { nodeName, settings } = record;
  const node = `${settings.clusterName}/${nodeName}`;
  await leaveHost(criEndpoint === undefined ? {} : { cri: { endpoint: criEndpoint, node } });
  const network = path.join(stateDir, 'network');
  await o.removeRemains({ namespaces: recordedNamespaces(network), dir: stateDir, cgroup: `portico-${node}` });
  await cleanupProxyRules();
  await removePodNetwork({ stateDir: network });
  // The identity last: until then the command can be given again.
  rmSync(stateDir, { recursive: true, force: true });
  return nodeName;
}

function somebodyListens(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port: AGENT_PORT });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
