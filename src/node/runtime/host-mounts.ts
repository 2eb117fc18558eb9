// Mounts of the host, read from /proc/self/mountinfo.
import { readFileSync } from 'node:fs';

export interface HostMount {
  readonly target: string;
  readonly type: string;
}

const unescape = (text: string) =>
  text.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Fields of mountinfo: proc(5). */
export function parseMountInfo(text: string): HostMount[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const target = before?.split(' ')[4];
    const type = after?.split(' ')[0];
    return target === undefined || type === undefined ? [] : [{ target: unescape(target), type }];
  });
}

export function readHostMounts(): HostMount[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

const PROGRAM_DIRS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/opt', '/nix', '/gnu'];

/**
 * Mounts that hold programs, which an overlay of the root does not show by itself.
 * @example on a machine with a separate /usr: ['/usr']
 */
export function programMounts(mounts: readonly HostMount[]): string[] {
  const holdsPrograms = (m: HostMount) =>
    PROGRAM_DIRS.some((dir) => m.target === dir || m.target.startsWith(`${dir}/`)) &&
    !['tmpfs', 'autofs', 'proc', 'sysfs', 'devtmpfs', 'fuse.gvfsd-fuse'].includes(m.type);
  return [...new Set(mounts.filter(holdsPrograms).map((m) => m.target))].toSorted((a, b) => a.length - b.length);
}
