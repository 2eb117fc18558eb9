// Kernel settings under /proc/sys. Those of `net.*` belong to a namespace: the thread that opens the file decides which.

import { readFileSync, writeFileSync } from 'node:fs';
import { inNetns } from '../netns/netns.ts';
import { isErrno, KernelError } from '../sys/kernel-error.ts';

/** As sysctl(8): dots separate, a slash stands for a dot inside a name (`net.ipv4.conf.eth0/1.rp_filter`). */
function sysctlPath(key: string): string {
  const path = key
    .split('.')
    .map((part) => part.replaceAll('/', '.'))
    .join('/');
  if (key === '' || path.split('/').some((part) => part === '' || part === '..' || part === '.')) {
    throw new RangeError(`"${key}" is not a sysctl key such as net.ipv4.ip_forward`);
  }
  return `/proc/sys/${path}`;
}

/** The value without the final newline; undefined when this kernel (or this namespace) has no such setting. */
export function readSysctl(netns: string | undefined, key: string): string | undefined {
  try {
    return inNetns(netns, () => readFileSync(sysctlPath(key), 'latin1')).trimEnd();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Sets a value; `KernelError` ENOENT when there is no such setting, EROFS or EACCES when it may not be set. */
export function writeSysctl(netns: string | undefined, key: string, value: string | number): void {
  try {
    inNetns(netns, () => writeFileSync(sysctlPath(key), String(value)));
  } catch (error) {
    if (
      error instanceof Error &&
      'errno' in error &&
      typeof error.errno === 'number' &&
      !(error instanceof KernelError)
    ) {
      const where = netns === undefined ? '' : ` in ${netns}`;
      throw new KernelError(Math.abs(error.errno), `set ${key} = ${value}${where}`, { cause: error });
    }
    throw error;
  }
}
