// `portico down`: ends the processes of a cluster and removes its namespaces, mounts, cgroups and files. Works from
// whatever is left: after a crash, a killed supervisor, a half-made start.
import { readdirSync } from 'node:fs';

import { deleteNetns, netnsId } from '../linux/index.ts';
import { clusterNamespaces } from './fabric.ts';
import { cgroupProcesses, clusterCgroup, removeCgroupTree, removeShimSockets, unmountBelow } from './leftovers.ts';
import { statePaths, type StatePaths } from './paths.ts';
import { endProcess, identify, readRecords, signal, type ProcessRecord } from './process-record.ts';
import type { ClusterSpec } from './spec.ts';
import { refuseForeignState, removeStateDir } from './state-dir.ts';
import { readSpec } from './supervisor.ts';

/** Every process whose network namespace is one of these: pods, and agents whose record was lost. */
function processesIn(namespaces: readonly string[]): ProcessRecord[] {
  const ids = new Set(namespaces.map((n) => netnsId(n)));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const record = ids.has(netnsId(`/proc/${pid}/ns/net`)) ? identify(Number(pid)) : undefined;
        return record === undefined ? [] : [record];
      } catch {
        return [];
      }
    });
}

/** A broken specification says at least that a cluster lived here. */
function readSpecIfWhole(paths: StatePaths): ClusterSpec | undefined {
  try {
    return readSpec(paths);
  } catch {
    return undefined;
  }
}

/** Ends every process of these namespaces and removes them, the mounts below a folder, and a tree of control groups. */
export async function removeRemains(o: { namespaces: readonly string[]; dir: string; cgroup: string }): Promise<void> {
  // Pods get no grace: everything they could say goodbye to is going away. Twice, for what was being born.
  for (let round = 0; round < 2; round++) {
    // Pods of a container runtime are in namespaces of its own making: their control groups tell whose they are.
    const inGroups = cgroupProcesses(o.cgroup).flatMap((pid) => identify(pid) ?? []);
    const processes = [...processesIn(o.namespaces), ...inGroups];
    for (const p of processes) signal(p, 'SIGKILL');
    await Promise.all(processes.map((p) => endProcess(p, 0)));
  }
  for (const netns of o.namespaces) deleteNetns(netns);
  unmountBelow(o.dir);
  removeCgroupTree(o.cgroup);
}

/**
 * True when there was something to remove.
 * @throws UserError when the directory is not this cluster's: then nothing is touched.
 */
export async function downCluster(name: string, stateDir: string): Promise<boolean> {
  const paths = statePaths(stateDir);
  refuseForeignState(paths, name, readSpecIfWhole);
  const records = readRecords(paths.run);
  // The supervisor first: it would start again whatever ends.
  const supervisor = records.get('supervisor');
  if (supervisor !== undefined) await endProcess(supervisor, 5_000);
  await Promise.all([...records.values()].map((r) => endProcess(r, 2_000)));

  const namespaces = clusterNamespaces(name);
  await removeRemains({ namespaces, dir: paths.dir, cgroup: clusterCgroup(name) });
  removeShimSockets(paths.nodes);
  let hadFiles = true;
  try {
    readdirSync(paths.dir);
  } catch {
    hadFiles = false;
  }
  removeStateDir(paths);
  return hadFiles || records.size > 0 || namespaces.length > 0;
}
