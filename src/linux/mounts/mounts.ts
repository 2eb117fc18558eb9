// Mounts of this process's mount namespace: list them, and take a tree of them down.

import { readFileSync } from 'node:fs';
import { isErrno } from '../sys/kernel-error.ts';
import { MNT_DETACH, umount } from '../sys/libc.ts';

export interface MountEntry {
  readonly path: string;
  /** `tmpfs`, `ext4`, `overlay`, `nsfs`… */
  readonly type: string;
  readonly source: string;
  /** What of the file system is mounted: `/`, or the bound directory. */
  readonly root: string;
  readonly options: readonly string[];
}

/** Blanks and backslashes are octal in the kernel's table. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** Reads the text of /proc/<pid>/mountinfo. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split('\n').flatMap((line): MountEntry[] => {
    const words = line.split(' ');
    const dash = words.indexOf('-');
    const [root, path, options] = words.slice(3, 6);
    if (dash < 0 || root === undefined || path === undefined || options === undefined) return [];
    const [type = '', source = ''] = words.slice(dash + 1);
    return [
      { path: unescape(path), type, source: unescape(source), root: unescape(root), options: options.split(',') },
    ];
  });
}

/** Mounts in the order they were made; with `under`, only that path and what lies beneath it. */
export function listMounts(under?: string): MountEntry[] {
  const all = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (under === undefined) return all;
  const prefix = under.endsWith('/') ? under : `${under}/`;
  return all.filter((mount) => mount.path === under || mount.path.startsWith(prefix));
}

/**
 * Detaches every mount at or beneath a path, the last made first; busy ones vanish when their last user goes. Number of
 * mounts detached.
 */
export function unmountTree(path: string): number {
  let count = 0;
  for (const mount of listMounts(path).reverse()) {
    try {
      umount(mount.path, MNT_DETACH);
      count++;
    } catch (error) {
      // Went with a mount above it.
      if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
    }
  }
  return count;
}
