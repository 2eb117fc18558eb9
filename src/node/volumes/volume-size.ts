// How much a pod's emptyDir volumes hold, and which of them holds more than its sizeLimit.
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { quantityValue, type Pod } from '../../api/objects.ts';
import { specOf } from '../pod/pod-spec.ts';

export const hasSizeLimits = (pod: Pod): boolean =>
  (specOf(pod).volumes ?? []).some((v) => v.emptyDir?.sizeLimit !== undefined);

/** Kubelet's words about the first volume that is too large; undefined: none is. */
export async function excessOf(pod: Pod, folders: ReadonlyMap<string, string>): Promise<string | undefined> {
  for (const { name, emptyDir } of specOf(pod).volumes ?? []) {
    const folder = folders.get(name);
    const limit = emptyDir?.sizeLimit;
    if (limit === undefined || folder === undefined || quantityValue(limit) === 0) continue;
    if ((await usedBytes(folder)) > quantityValue(limit)) {
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
    }
  }
  return undefined;
}

/** Blocks in use, as du counts them. What goes away meanwhile counts nothing. */
async function usedBytes(folder: string): Promise<number> {
  let sum = 0;
  const seen = new Set<number>();
  const folders = [folder];
  for (let dir = folders.pop(); dir !== undefined; dir = folders.pop()) {
    for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) folders.push(file);
      const stat = await lstat(file).catch(() => undefined);
      if (stat === undefined || (stat.nlink > 1 && seen.has(stat.ino))) continue;
      seen.add(stat.ino);
      sum += stat.blocks * 512;
    }
  }
  return sum;
}
