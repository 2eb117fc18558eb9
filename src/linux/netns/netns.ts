// Network namespaces, compatible with `ip netns`: a namespace called X is kept alive by a bind mount on /run/netns/X.
// Entering one is synchronous and brief; the thread is back home before any other code of the event loop runs.

import { access, closeSync, mkdirSync, openSync, readdirSync, statSync, statfsSync, unlinkSync } from 'node:fs';
import { isErrno, KernelError } from '../sys/kernel-error.ts';
import {
  CLONE_NEWNET,
  flock,
  LOCK_EX,
  MNT_DETACH,
  mount,
  MS_BIND,
  MS_REC,
  MS_SHARED,
  setns,
  umount,
  unshare,
} from '../sys/libc.ts';
import { raiseLoopback } from './loopback.ts';

const DIRECTORY = '/run/netns';
// The calling thread's own, not the process's: in a worker thread /proc/self is the main thread.
const OWN = '/proc/thread-self/ns/net';
const NSFS_MAGIC = 0x6e736673;

/** `/run/netns/NAME` for a name; a path stays a path. */
export function netnsPath(nameOrPath: string): string {
  if (nameOrPath.includes('/')) return nameOrPath;
  if (nameOrPath === '' || nameOrPath === '.' || nameOrPath === '..' || Buffer.byteLength(nameOrPath) > 255) {
    throw new RangeError(`"${nameOrPath}" cannot be the name of a network namespace`);
  }
  return `${DIRECTORY}/${nameOrPath}`;
}

let poolStarted = false;

/** libuv starts its pool threads at first use and they keep that moment's namespace for ever: start them at home. */
function startThreadPool(): void {
  if (poolStarted) return;
  poolStarted = true;
  access('/', () => {});
}

/** Runs `leave` with the thread's namespace to be restored afterwards, whatever happens in between. */
function withReturn<T>(body: () => T): T {
  startThreadPool();
  const home = openSync(OWN, 'r');
  try {
    return body();
  } finally {
    try {
      setns(home, CLONE_NEWNET, 'return to the own network namespace');
    } catch (error) {
      // Going on would program and serve the wrong namespace: nothing is safer than to stop at once.
      console.error('portico: the thread cannot return to its network namespace, so the process stops', error);
      process.abort();
    }
    closeSync(home);
  }
}

/**
 * Runs `fn` inside a namespace (undefined: here). `fn` must be synchronous: sockets opened and processes spawned in it
 * belong to the namespace, anything it leaves for later does not.
 *
 * @example
 * const fd = inNetns('portico-node-1', () => openSync('/proc/thread-self/net/tcp', 'r'));
 */
export function inNetns<T>(nameOrPath: string | undefined, fn: () => T): T {
  if (nameOrPath === undefined) return fn();
  const path = netnsPath(nameOrPath);
  let target: number;
  try {
    target = openSync(path, 'r');
  } catch (error) {
    throw notOpened(error, path);
  }
  try {
    return withReturn(() => {
      setns(target, CLONE_NEWNET, `enter network namespace ${nameOrPath}`);
      const result = fn();
      if (result instanceof Promise)
        throw new TypeError('inNetns takes a synchronous function: a promise would run outside');
      return result;
    });
  } finally {
    closeSync(target);
  }
}

function notOpened(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error;
  return new KernelError(-error.errno, `open network namespace ${path}`, { cause: error });
}

/** Like `ip netns`: /run/netns is a shared mount, so that a deletion reaches every mount namespace. */
function prepareDirectory(): number {
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o755 });
  const lock = openSync(DIRECTORY, 'r');
  flock(lock, LOCK_EX);
  try {
    mount('', DIRECTORY, 'none', { flags: MS_SHARED | MS_REC });
  } catch (error) {
    if (!isErrno(error, 'EINVAL')) {
      closeSync(lock);
      throw error;
    }
    mount(DIRECTORY, DIRECTORY, 'none', { flags: MS_BIND | MS_REC });
    mount('', DIRECTORY, 'none', { flags: MS_SHARED | MS_REC });
  }
  return lock;
}

let directoryPrepared = false;

export interface CreateNetnsOptions {
  /** Raise the loopback device, without which not even 127.0.0.1 works. @default {true} */
  readonly loopback?: boolean;
}

/** Makes a namespace; `KernelError` EEXIST when the name is taken. */
export function createNetns(name: string, options: CreateNetnsOptions = {}): void {
  const path = netnsPath(name);
  if (!directoryPrepared) {
    closeSync(prepareDirectory());
    directoryPrepared = true;
  }
  try {
    closeSync(openSync(path, 'wx', 0o000));
  } catch (error) {
    throw notOpened(error, path);
  }
  try {
    withReturn(() => {
      unshare(CLONE_NEWNET);
      mount(OWN, path, 'none', { flags: MS_BIND });
      if (options.loopback ?? true) raiseLoopback();
    });
  } catch (error) {
    deleteNetns(name);
    throw error;
  }
}

/**
 * Removes a namespace's name; the namespace itself ends with its last process and socket. False when there was none.
 * Delete the host's end of a veth pair first: the kernel tears the namespace down later, in the background.
 */
export function deleteNetns(name: string): boolean {
  const path = netnsPath(name);
  try {
    umount(path, MNT_DETACH);
  } catch (error) {
    // EINVAL: a plain file, left by a creation that was cut short.
    if (!isErrno(error, 'ENOENT', 'EINVAL')) throw error;
  }
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Whether the name stands for a live namespace (and is not just a file left behind). */
export function netnsExists(nameOrPath: string): boolean {
  const path = netnsPath(nameOrPath);
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Names under /run/netns, sorted. */
export function listNetns(): string[] {
  try {
    return readdirSync(DIRECTORY).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Two paths are the same namespace exactly when their ids are equal; without argument, the calling thread's. */
export function netnsId(nameOrPath?: string): string {
  const { dev, ino } = statSync(nameOrPath === undefined ? OWN : netnsPath(nameOrPath));
  return `${dev}:${ino}`;
}
