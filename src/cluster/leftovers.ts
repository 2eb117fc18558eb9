// What processes may leave behind when they are killed: mounts below the state directory, and cgroups.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const CGROUP_MOUNT = '/sys/fs/cgroup';

/** Unmounts everything below a directory, the deepest first. */
export function unmountBelow(dir: string): void {
  const mountPoints = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    // Field 5 is the mount point; blanks in it are written as \040 (proc_pid_mountinfo(5)).
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((at) => at.startsWith(`${dir}/`));
  for (const at of mountPoints.toReversed()) spawnSync('umount', ['--lazy', at]);
}

function subdirectories(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((e) => e.isDirectory())
      .map((e) => path.join(dir, e.name));
  } catch {
    return [];
  }
}

function removeTree(dir: string): void {
  for (const child of subdirectories(dir)) removeTree(child);
  try {
    rmdirSync(dir);
  } catch {
    // Not there in this hierarchy.
  }
}

const SOCKET = 'unix://';

/**
 * Sockets of containerd's shims, which containerd puts into /run whatever its configuration says; the bundles of the
 * containers tell where.
 */
export function removeShimSockets(nodesDir: string): void {
  for (const node of subdirectories(nodesDir)) {
    const tasks = path.join(node, 'containerd', 'state', 'io.containerd.runtime.v2.task', 'k8s.io');
    for (const bundle of subdirectories(tasks)) {
      const file = path.join(bundle, 'address');
      const address = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
      if (address.startsWith(SOCKET)) rmSync(address.slice(SOCKET.length), { force: true });
    }
  }
}

/** The tree of a cluster's control groups. */
export const clusterCgroup = (name: string): string => `portico-${name}`;

function treeProcesses(dir: string): number[] {
  let own: string;
  try {
    own = readFileSync(path.join(dir, 'cgroup.procs'), 'utf8');
  } catch {
    return [];
  }
  return [...own.split('\n').filter(Boolean).map(Number), ...subdirectories(dir).flatMap(treeProcesses)];
}

const hierarchies = (): string[] => [CGROUP_MOUNT, ...subdirectories(CGROUP_MOUNT)];

/** Pids of whatever runs in a cgroup tree, in version 2 and in every hierarchy of version 1. */
export function cgroupProcesses(name: string): number[] {
  return [...new Set(hierarchies().flatMap((hierarchy) => treeProcesses(path.join(hierarchy, name))))];
}

/** Removes a cgroup tree whose processes have ended, in version 2 and in every hierarchy of version 1. */
export function removeCgroupTree(name: string): void {
  for (const hierarchy of hierarchies()) removeTree(path.join(hierarchy, name));
}
