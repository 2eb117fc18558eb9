// Reads a named pipe through the event loop. The pipe ends when its last writer has closed it.
import { closeSync, constants, openSync, readSync } from 'node:fs';
import net from 'node:net';

/** Opens for reading without waiting for a writer. */
export function openPipe(file: string): number {
  return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
}

export interface PipeReader {
  /** Resolves when the pipe has ended and all of it was handed on. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Takes over the descriptor. */
export function readPipe(fd: number, onData: (chunk: Buffer) => void): PipeReader {
  const socket = new net.Socket({ fd, readable: true, writable: false });
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', onData);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => resolve());
  socket.unref();
  return { ended: promise, close: () => socket.destroy() };
}

/** What lies in a pipe that has no writers any more. */
export function drainPipe(fd: number, onData: (chunk: Buffer) => void): void {
  const buffer = Buffer.alloc(64 * 1024);
  try {
    for (;;) {
      const length = readSync(fd, buffer);
      if (length === 0) return;
      onData(buffer.subarray(0, length));
    }
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'EAGAIN') throw e;
  } finally {
    closeSync(fd);
  }
}
