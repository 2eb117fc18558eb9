// A child process inside a namespace, without the 9 ms of `ip netns exec`: the child inherits the namespace the thread
// is in at the moment of the fork.

import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { inNetns } from './netns.ts';

/** `child_process.spawn` inside a namespace (undefined: here). Mounts are the caller's own: /sys shows the caller's. */
export function spawnIn(
  netns: string | undefined,
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return inNetns(netns, () => spawn(command, [...args], options));
}
