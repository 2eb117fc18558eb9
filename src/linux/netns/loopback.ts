// Raises `lo` by ioctl: the one link change that namespaces need before rtnetlink is anywhere near.

import { closeSync } from 'node:fs';
import { AF_INET, ioctl, SOCK_DGRAM, socket } from '../sys/libc.ts';

const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;

/** In the calling thread's namespace. */
export function raiseLoopback(): void {
  const fd = socket(AF_INET, SOCK_DGRAM, 0);
  try {
    const request = Buffer.alloc(40); // struct ifreq
    request.write('lo', 0, 'latin1');
    request.writeInt16LE(IFF_UP, 16);
    ioctl(fd, SIOCSIFFLAGS, request, 'raise the loopback device');
  } finally {
    closeSync(fd);
  }
}
