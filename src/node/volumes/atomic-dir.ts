// A folder of files that change together: readers see the old set or the new one, never a mixture. Laid out as
// Kubernetes does, because programs watch `..data`.
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

export interface VolumeFile {
  readonly data: Buffer;
  readonly mode: number;
}

export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

const DATA = '..data';

function readLinkOrUndefined(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}

function isCurrent(dir: string, files: VolumeFiles): boolean {
  const current = readLinkOrUndefined(path.join(dir, DATA));
  if (current === undefined) return false;
  const root = path.join(dir, current);
  const present = readdirSync(root, { recursive: true, withFileTypes: true }).filter((e) => e.isFile());
  if (present.length !== files.size) return false;
  for (const [name, file] of files) {
    try {
      const at = path.join(root, name);
      if (!readFileSync(at).equals(file.data) || (lstatSync(at).mode & 0o777) !== (file.mode & 0o777)) return false;
    } catch {
      return false;
    }
  }
  return true;
}

/** Returns whether anything changed. `gid`: the group that may read the files (fsGroup). */
export function writeAtomicDir(dir: string, files: VolumeFiles, gid?: number): boolean {
  mkdirSync(dir, { recursive: true, mode: 0o755 });
  chmodSync(dir, 0o777);
  if (isCurrent(dir, files)) return false;
  const before = readLinkOrUndefined(path.join(dir, DATA));
  const fresh = mkdtempSync(path.join(dir, `..${new Date().toISOString().replaceAll(/[-:.TZ]/g, '_')}`));
  chmodSync(fresh, 0o755);
  for (const [name, file] of files) {
    const at = path.join(fresh, name);
    mkdirSync(path.dirname(at), { recursive: true, mode: 0o755 });
    writeFileSync(at, file.data);
    if (gid !== undefined) chownSync(at, 0, gid);
    // fsGroup readers must be able to read whatever the mode says (kubelet does the same).
    chmodSync(at, gid === undefined ? file.mode : file.mode | 0o040);
  }
  symlinkSync(path.basename(fresh), path.join(dir, '..data_tmp'));
  renameSync(path.join(dir, '..data_tmp'), path.join(dir, DATA));
  linkNames(dir, files);
  if (before !== undefined) rmSync(path.join(dir, before), { recursive: true, force: true });
  return true;
}

/** The names users see are links into `..data`. */
function linkNames(dir: string, files: VolumeFiles): void {
  const wanted = new Set([...files.keys()].map((name) => name.split('/')[0] ?? name));
  for (const name of readdirSync(dir)) {
    if (!name.startsWith('..') && !wanted.has(name)) rmSync(path.join(dir, name), { force: true });
  }
  for (const name of wanted) {
    const at = path.join(dir, name);
    if (readLinkOrUndefined(at) === undefined) symlinkSync(`${DATA}/${name}`, at);
  }
}
