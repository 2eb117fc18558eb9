// The seam to C: the only importer of koffi. Each function is bound at its first call, and koffi itself is loaded then,
// because loading it costs a process some 20 ms that many commands never need.
// Rule for every user: a buffer whose address the kernel keeps after the call must stay referenced.

import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { KernelError } from './kernel-error.ts';

let loaded: { readonly koffi: typeof Koffi; readonly libc: Koffi.LibraryHandle } | undefined;

function load(): { readonly koffi: typeof Koffi; readonly libc: Koffi.LibraryHandle } {
  if (loaded === undefined) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    loaded = { koffi, libc: koffi.load(null) };
  }
  return loaded;
}

/** Binds a C function at its first call. koffi's own type is untyped; each declaration below states the real one. */
function declare<F extends (...args: never[]) => number>(prototype: string): F {
  let bound: F | undefined;
  const call = (...args: Parameters<F>): number => {
    bound ??= load().libc.func(prototype) as unknown as F;
    return bound(...args);
  };
  return call as F;
}

type Bytes = Uint8Array;

const cUnshare = declare<(flags: number) => number>('int unshare(int flags)');
const cSetns = declare<(fd: number, type: number) => number>('int setns(int fd, int type)');
const cMount = declare<(source: string, target: string, type: string, flags: number, options: string | null) => number>(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const cUmount = declare<(target: string, flags: number) => number>('int umount2(const char *target, int flags)');
const cFlock = declare<(fd: number, operation: number) => number>('int flock(int fd, int operation)');
const cSocket = declare<(domain: number, type: number, protocol: number) => number>(
  'int socket(int domain, int type, int protocol)',
);
const cBind = declare<(fd: number, address: Bytes, length: number) => number>(
  'int bind(int fd, const void *address, unsigned int length)',
);
const cConnect = declare<(fd: number, address: Bytes, length: number) => number>(
  'int connect(int fd, const void *address, unsigned int length)',
);
const cListen = declare<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)');
const cGetsockname = declare<(fd: number, address: Bytes, length: Bytes) => number>(
  'int getsockname(int fd, void *address, void *length)',
);
const cSetsockopt = declare<(fd: number, level: number, name: number, value: Bytes, length: number) => number>(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
);
const cGetsockopt = declare<(fd: number, level: number, name: number, value: Bytes, length: Bytes) => number>(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
const cSend = declare<(fd: number, data: Bytes, length: number, flags: number) => number>(
  'long send(int fd, const void *data, size_t length, int flags)',
);
const cRecv = declare<(fd: number, data: Bytes, length: number, flags: number) => number>(
  'long recv(int fd, void *data, size_t length, int flags)',
);
const cRecvmmsg = declare<(fd: number, messages: Bytes, count: number, flags: number, timeout: null) => number>(
  'int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)',
);
const cSendmmsg = declare<(fd: number, messages: Bytes, count: number, flags: number) => number>(
  'int sendmmsg(int fd, void *messages, unsigned int count, int flags)',
);
const cIoctl = declare<(fd: number, request: number, value: Bytes) => number>(
  'int ioctl(int fd, unsigned long request, void *value)',
);

const cIoctlNumber = declare<(fd: number, request: number, value: number) => number>(
  'int ioctl(int fd, unsigned long request, long value)',
);

export const EAGAIN = 11;
export const EINTR = 4;

/** errno of the call just made; meaningless after any other call. */
export function errno(): number {
  return load().koffi.errno();
}

function checked(result: number, what: string): number {
  if (result < 0) throw new KernelError(errno(), what);
  return result;
}

export const CLONE_NEWNET = 0x40000000;

export function unshare(flags: number): void {
  checked(cUnshare(flags), 'unshare namespaces');
}

export function setns(fd: number, type: number, what: string): void {
  checked(cSetns(fd, type), what);
}

export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_SHARED = 1 << 20;
export const MNT_DETACH = 2;

export function mount(
  source: string,
  target: string,
  type: string,
  options: { readonly flags?: number; readonly data?: string } = {},
): void {
  checked(
    cMount(source, target, type, options.flags ?? 0, options.data ?? null),
    `mount ${source || type} on ${target}`,
  );
}

export function umount(target: string, flags = 0): void {
  checked(cUmount(target, flags), `unmount ${target}`);
}

export const LOCK_EX = 2;

export function flock(fd: number, operation: number): void {
  checked(cFlock(fd, operation), 'lock a file');
}

export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
/** Always used: no descriptor of ours may leak into pods. */
export const SOCK_CLOEXEC = 0o2000000;

export function socket(domain: number, type: number, protocol: number): number {
  return checked(cSocket(domain, type | SOCK_CLOEXEC, protocol), `open a socket of family ${domain}`);
}

export function bind(fd: number, address: Bytes, what: string): void {
  checked(cBind(fd, address, address.length), what);
}

/** For sockets whose connect() does not wait: datagrams and raw packets. */
export function connect(fd: number, address: Bytes, what: string): void {
  checked(cConnect(fd, address, address.length), what);
}

export function listen(fd: number, backlog: number, what: string): void {
  checked(cListen(fd, backlog), what);
}

/** The bound address as the kernel's `sockaddr`. */
export function getsockname(fd: number): Buffer {
  const address = Buffer.alloc(128);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  checked(cGetsockname(fd, address, length), 'read the address of a socket');
  return address.subarray(0, length.readUInt32LE());
}

export const SOL_SOCKET = 1;

/** Sets an option; a number is written as a C int. */
export function setsockopt(fd: number, level: number, name: number, value: number | Bytes): void {
  let bytes = value;
  if (typeof bytes === 'number') {
    const int = Buffer.alloc(4);
    int.writeInt32LE(bytes);
    bytes = int;
  }
  checked(cSetsockopt(fd, level, name, bytes, bytes.length), `set socket option ${level}/${name}`);
}

/** The raw value of an option of at most `size` bytes. */
export function getsockopt(fd: number, level: number, name: number, size: number): Buffer {
  const value = Buffer.alloc(size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size);
  checked(cGetsockopt(fd, level, name, value, length), `read socket option ${level}/${name}`);
  return value.subarray(0, length.readUInt32LE());
}

export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;

export function send(fd: number, data: Bytes, what: string): void {
  let result: number;
  do result = cSend(fd, data, data.length, 0);
  while (result < 0 && errno() === EINTR);
  checked(result, what);
}

/** Bytes received (the datagram's true length with MSG_TRUNC), or `-errno`. Interrupted calls are repeated. */
export function recv(fd: number, data: Bytes, flags: number): number {
  for (;;) {
    const result = cRecv(fd, data, data.length, flags);
    if (result >= 0) return result;
    const code = errno();
    if (code !== EINTR) return -code;
  }
}

/** `messages` is an array of C mmsghdr. Number of datagrams, or `-errno`. */
export function recvmmsg(fd: number, messages: Bytes, count: number, flags: number): number {
  const result = cRecvmmsg(fd, messages, count, flags, null);
  return result >= 0 ? result : -errno();
}

/** `messages` is an array of C mmsghdr. Number of datagrams sent, or `-errno`. */
export function sendmmsg(fd: number, messages: Bytes, count: number, flags: number): number {
  const result = cSendmmsg(fd, messages, count, flags);
  return result >= 0 ? result : -errno();
}

export function ioctl(fd: number, request: number, value: Bytes, what: string): void {
  checked(cIoctl(fd, request, value), what);
}

/** An ioctl that takes a number and returns one. */
export function ioctlNumber(fd: number, request: number, value: number, what: string): number {
  return checked(cIoctlNumber(fd, request, value), what);
}

/** Address of a buffer's bytes, for C structures that point to others. The buffer must be kept referenced. */
export function addressOf(buffer: Bytes): bigint {
  // Small typed arrays may live on the moving heap; their address is worth nothing.
  if (buffer.byteLength <= 64) throw new RangeError('a buffer whose address is taken must be larger than 64 bytes');
  return load().koffi.address(buffer);
}

export interface FdPoll {
  /** Stops watching; does not close the descriptor. Must come before the descriptor is closed. */
  close(): void;
  ref(): void;
  unref(): void;
}

// A collected PollHandle stops silently, so every live one is held here.
const polls = new Set<Koffi.node.PollHandle>();

/** Calls back from the event loop while the descriptor is readable (level-triggered). */
export function pollReadable(fd: number, callback: () => void): FdPoll {
  const handle = load().koffi.node.poll(fd, { readable: true }, callback);
  polls.add(handle);
  return {
    close: () => {
      if (polls.delete(handle)) handle.close();
    },
    ref: () => handle.ref(),
    unref: () => handle.unref(),
  };
}
