// The one error type for everything the kernel refuses. Callers test `code`, never the message.

import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';

const names = new Map<number, string>();
for (const [name, value] of Object.entries(constants.errno)) if (!names.has(value)) names.set(value, name);
// The kernel's own number for "not supported", which libc does not know; nftables and tunnels return it.
names.set(524, 'ENOTSUPP');
names.set(constants.errno.EAGAIN, 'EAGAIN');
names.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');

/** `EEXIST` for 17; `E<number>` when the number has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

function describe(errno: number): string {
  if (errno === 524) return 'operation not supported';
  return names.has(errno) ? getSystemErrorMessage(-errno) : 'unknown error';
}

/** A refused system call or netlink request. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly errno: number;
  /** Symbolic name of errno: `EEXIST`, `ENOENT`… */
  readonly code: string;
  /** What was tried, such as `add route 10.0.0.0/24`. */
  readonly what: string;

  constructor(errno: number, what: string, options: { readonly detail?: string; readonly cause?: unknown } = {}) {
    const detail = options.detail ? `; the kernel says: ${options.detail}` : '';
    super(`${what}: ${errnoName(errno)} (${describe(errno)})${detail}`, { cause: options.cause });
    this.errno = errno;
    this.code = errnoName(errno);
    this.what = what;
  }
}

/** Whether an error (ours or Node's own) carries one of these codes. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && codes.includes(code);
}
