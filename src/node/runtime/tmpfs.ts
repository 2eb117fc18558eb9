// The runtime's folder in memory: fast, never on disk (secrets), gone after a reboot together with the containers.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readHostMounts } from './host-mounts.ts';

/** Mounts a tmpfs there unless one is mounted already. */
export function ensureTmpfs(dir: string, mount: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (readHostMounts().some((m) => m.target === dir && m.type === 'tmpfs')) return;
  execFileSync(mount, ['-n', '-t', 'tmpfs', '-o', 'mode=0700', 'portico', dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
