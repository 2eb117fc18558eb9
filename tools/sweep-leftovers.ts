// Removes what tests left that were killed before they could clean up: namespaces, and the processes in them, whose
// name carries the pid of a test process that is gone (`test-<pid>-…`), and state directories of the same kind.
import { readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { tmpdir } from 'node:os';

const NAME = /^(?:portico-)?test-(\d+)-/;

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
    // A pid that was given to something else since is no test process of ours.
    return !readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('test');
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

/** Returns the names of the namespaces that it removed. */
export function sweepLeftovers(): string[] {
  const swept = names('/run/netns').filter(ownerIsGone);
  for (const netns of swept) {
    killProcessesIn(netns);
    spawnSync('ip', ['netns', 'delete', netns]);
  }
  for (const dir of names(tmpdir()).filter(ownerIsGone)) {
    rmSync(path.join(tmpdir(), dir), { recursive: true, force: true });
  }
  if (swept.length > 0) console.log(`removed leftovers of killed tests: ${swept.join(', ')}`);
  return swept;
}
