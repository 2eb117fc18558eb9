// Removes what tests left that were killed before they could clean up: namespaces and control groups, with the
// processes in them, whose name carries the pid of a test process that is gone (`test-<pid>-…`), and state directories
// of the same kind.
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { tmpdir } from 'node:os';

const NAME = /^(?:portico-)?test-(\d+)(?:-|$)/;
const CGROUP_MOUNT = '/sys/fs/cgroup';
const CGROUP_BUSY_TRIES = 40;

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function ownerIsGone(name: string): boolean {
  const pid = NAME.exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    // A pid that was given to something else since is no process of ours: tests, and benches in the same worlds.
    return !/test|bench/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    return true;
  }
}

function killProcessesIn(netns: string): void {
  let inode: number;
  try {
    inode = statSync(`/run/netns/${netns}`).ino;
  } catch {
    return;
  }
  for (const pid of names('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      if (readlinkSync(`/proc/${pid}/ns/net`) === `net:[${inode}]`) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone already, or a kernel thread.
    }
  }
}

/** Ends what was started with a path below the directory (a container runtime, its shims) and the children of those. */
function killProcessesOf(dir: string): void {
  const parents = new Map<string, string>();
  const doomed = new Set<string>();
  for (const pid of names('/proc').filter((n) => /^\d+$/.test(n))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${dir}/`)) doomed.add(pid);
      parents.set(pid, /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '');
    } catch {
      // It ended meanwhile.
    }
  }
  for (const [pid, parent] of parents) if (doomed.has(parent)) doomed.add(pid);
  for (const pid of doomed) {
    try {
      if (Number(pid) !== process.pid) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
}

/** The groups below a group, the deepest first, and itself. */
function withSubgroups(dir: string): string[] {
  const below = readdirSync(dir, { withFileTypes: true }).filter((e) => e.isDirectory());
  return [...below.flatMap((e) => withSubgroups(path.join(dir, e.name))), dir];
}

/** Ends what still runs in a group, which holds it busy until the kernel has reaped the last process. */
function removeCgroup(dir: string): void {
  for (let tries = CGROUP_BUSY_TRIES; existsSync(dir) && tries > 0; tries--) {
    for (const group of withSubgroups(dir)) {
      for (const pid of readFileSync(path.join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It ended meanwhile.
        }
      }
      try {
        rmdirSync(group);
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
      }
    }
  }
}

/** Stale groups in every hierarchy: version 2 has one, at the top; version 1 one a controller. */
function staleCgroups(): string[] {
  const hierarchies = [CGROUP_MOUNT, ...names(CGROUP_MOUNT).map((name) => path.join(CGROUP_MOUNT, name))];
  return hierarchies.flatMap((h) =>
    names(h)
      .filter((name) => ownerIsGone(name))
      .map((name) => path.join(h, name)),
  );
}

/** A cluster that a killed scenario left is removed as its users would remove it. */
function removeCluster(stateDir: string): void {
  const spec = path.join(stateDir, 'cluster.json');
  if (!existsSync(spec)) return;
  const { name } = JSON.parse(readFileSync(spec, 'utf8')) as { name: string };
  const portico = path.join(import.meta.dirname, '..', 'bin', 'portico');
  spawnSync(portico, ['down', '--name', name, '--state-dir', stateDir], { stdio: 'inherit', timeout: 60_000 });
}

/** Mounts that a test made below its directory, the deepest first. */
function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((at) => at.startsWith(`${dir}/`))
    .toReversed();
}

/** Disks that were frozen when their test was killed: nobody who writes to one can even be killed. */
function thawBelow(dir: string): void {
  for (const at of mountsBelow(dir).filter((m) => m.endsWith('-disk'))) spawnSync('fsfreeze', ['--unfreeze', at]);
}

function unmountBelow(dir: string): void {
  for (const at of mountsBelow(dir)) spawnSync('umount', ['--lazy', at]);
}

/** Returns the names of the namespaces, groups and directories that it removed. */
export function sweepLeftovers(): string[] {
  const dirs = names(tmpdir()).filter(ownerIsGone);
  for (const dir of dirs) thawBelow(path.join(tmpdir(), dir));
  for (const dir of dirs) removeCluster(path.join(tmpdir(), dir));
  const namespaces = names('/run/netns').filter(ownerIsGone);
  for (const netns of namespaces) {
    killProcessesIn(netns);
    spawnSync('ip', ['netns', 'delete', netns]);
  }
  const cgroups = staleCgroups();
  for (const dir of cgroups) removeCgroup(dir);
  for (const dir of dirs) {
    killProcessesOf(path.join(tmpdir(), dir));
    unmountBelow(path.join(tmpdir(), dir));
    rmSync(path.join(tmpdir(), dir), { recursive: true, force: true });
  }
  const swept = [...namespaces, ...cgroups, ...dirs];
  if (swept.length > 0) console.log(`removed leftovers of killed tests: ${swept.join(', ')}`);
  return swept;
}
