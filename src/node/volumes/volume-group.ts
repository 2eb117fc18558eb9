// Gives a volume to the pod's fsGroup, as kubelet does: group, read and write for it, and set-group-id on folders.
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

const SETGID = 0o2000;

/** `OnRootMismatch`: a volume whose top folder is right is taken for right as a whole. */
export async function giveToGroup(folder: string, gid: number, policy: string): Promise<void> {
  const top = await lstat(folder);
  const isRight = top.gid === gid && (top.mode & (SETGID | 0o070)) === (SETGID | 0o070);
  if (policy === 'OnRootMismatch' && isRight) return;
  const folders = [folder];
  const all: string[] = [];
  for (let dir = folders.pop(); dir !== undefined; dir = folders.pop()) {
    all.push(dir);
    for (const entry of await readdir(dir, { withFileTypes: true })) {
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) folders.push(file);
      else all.push(file);
    }
  }
  // The top folder last: as long as it is not right, a broken walk is made again.
  for (const file of all.toReversed()) await give(file, gid);
}

async function give(file: string, gid: number): Promise<void> {
  const stat = await lstat(file);
  await lchown(file, stat.uid, gid);
  if (stat.isSymbolicLink()) return;
  const more = stat.isDirectory() ? SETGID | 0o070 : 0o060;
  await chmod(file, (stat.mode & 0o7777) | more);
}
