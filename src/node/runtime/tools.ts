// Finds the programs of the host that start containers.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { UserError } from '../../errors/index.ts';
import type { Tools } from './start-script.ts';

const SEARCH = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/run/current-system/sw/bin',
];

/** Absolute path of a program on the host. */
export function findProgram(name: string): string | undefined {
  for (const dir of SEARCH) {
    const file = path.join(dir, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

const PACKAGE: Readonly<Record<string, string>> = {
  env: 'coreutils',
  mknod: 'coreutils',
  mkfifo: 'coreutils',
  sh: 'dash',
  mount: 'mount',
  umount: 'mount',
};

/** @throws UserError naming the missing program and the package that brings it */
export function findTools(): Tools {
  const need = (name: string): string => {
    const found = findProgram(name);
    if (found !== undefined) return found;
    const pkg = PACKAGE[name] ?? 'util-linux';
    throw new UserError(`the program '${name}' is missing, containers cannot be started: install the package ${pkg}`);
  };
  return {
    sh: need('sh'),
    nsenter: need('nsenter'),
    unshare: need('unshare'),
    mount: need('mount'),
    umount: need('umount'),
    pivotRoot: need('pivot_root'),
    setpriv: need('setpriv'),
    env: need('env'),
    setsid: need('setsid'),
    mknod: need('mknod'),
    mkfifo: need('mkfifo'),
  };
}
