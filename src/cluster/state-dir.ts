// Whose state directory is it? `up` writes there and `down` removes it as a whole: neither may happen to a directory
// that is somebody's home, nor to another cluster's.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { UserError } from '../errors/index.ts';
import type { StatePaths } from './paths.ts';
import type { ClusterSpec } from './spec.ts';

/** What people put there before the first start. */
const BROUGHT_ALONG = new Set(['images.yaml']);

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (e) {
    const code = e instanceof Error && 'code' in e ? e.code : undefined;
    if (code === 'ENOENT') return [];
    if (code === 'ENOTDIR')
      throw new UserError(`${dir} is no directory: choose another with --state-dir`, { cause: e });
    throw e;
  }
}

/**
 * @param readSpec The specification in the directory, undefined when there is none; throws when it is broken.
 * @throws UserError when the directory is not the cluster's, or not a cluster's at all.
 */
export function refuseForeignState(
  paths: StatePaths,
  name: string,
  readSpec: (paths: StatePaths) => ClusterSpec | undefined,
): void {
  const entries = entriesOf(paths.dir);
  if (entries.includes(path.basename(paths.spec))) {
    const owner = readSpec(paths)?.name;
    if (owner === undefined || owner === name) return;
    throw new UserError(`${paths.dir} belongs to cluster ${owner}: use --name ${owner}, or another --state-dir`);
  }
  if (entries.some((e) => !BROUGHT_ALONG.has(e))) {
    throw new UserError(
      `${paths.dir} exists and is no cluster's state directory: choose another with --state-dir; nothing was touched`,
    );
  }
}

/** Removes the directory; what says whose it was goes last, so that it can be tried again at any point. */
export function removeStateDir(paths: StatePaths): void {
  for (const entry of entriesOf(paths.dir)) {
    const at = path.join(paths.dir, entry);
    if (at !== paths.spec) rmSync(at, { recursive: true, force: true });
  }
  rmSync(paths.dir, { recursive: true, force: true });
}
