// What processes may leave behind when they are killed: mounts below the state directory, and cgroups.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
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

/** Removes a cgroup tree whose processes have ended, in version 2 and in every hierarchy of version 1. */
export function removeCgroupTree(name: string): void {
  for (const hierarchy of [CGROUP_MOUNT, ...subdirectories(CGROUP_MOUNT)]) removeTree(path.join(hierarchy, name));
}
