// Pseudo-terminals: the master end for us, the slave end as the standard streams of a child. The slave belongs to the
// devpts that its ptmx is opened in, so a container gets a terminal of its own by the path of its own ptmx.

import { closeSync, constants, openSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { ReadStream } from 'node:tty';
import { KernelError } from '../sys/kernel-error.ts';
import { ioctl, ioctlNumber } from '../sys/libc.ts';

const TIOCSPTLCK = 0x40045431;
const TIOCGPTN = 0x80045430;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;

export interface Pty {
  /** Reads what the terminal shows and takes what is typed; ends when the last holder of the slave is gone. */
  readonly stream: Duplex;
  /** For the child's stdio; close it here with `closeSlave` once the child has it. */
  readonly slaveFd: number;
  /** N of `/dev/pts/N` in the devpts of the ptmx. */
  readonly number: number;
  resize(size: { readonly columns: number; readonly rows: number }): void;
  closeSlave(): void;
  close(): void;
}

/** Opens a terminal in the devpts that `ptmx` belongs to, such as `/proc/PID/root/dev/pts/ptmx`. */
export function openPty(options: { readonly ptmx?: string } = {}): Pty {
  const path = options.ptmx ?? '/dev/ptmx';
  let master: number;
  try {
    master = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  } catch (cause) {
    const errno = cause instanceof Error && 'errno' in cause && typeof cause.errno === 'number' ? -cause.errno : 5;
    throw new KernelError(errno, `open a terminal at ${path}`, { cause });
  }
  try {
    const value = Buffer.alloc(4);
    ioctl(master, TIOCSPTLCK, value, `unlock the terminal at ${path}`);
    ioctl(master, TIOCGPTN, value, `read the number of the terminal at ${path}`);
    // By the master rather than by path: the devpts of another mount namespace has no path here.
    const flags = constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC;
    const slaveFd = ioctlNumber(master, TIOCGPTPEER, flags, `open the other end of the terminal at ${path}`);
    return new OpenPty(master, slaveFd, value.readUInt32LE());
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

const O_CLOEXEC = 0o2000000;

/** The master end, with the error by which a terminal says that nobody holds its slave any more turned into an end. */
function masterStream(master: number): { stream: Duplex; isOpen: () => boolean } {
  const tty = new ReadStream(master);
  const stream = new Duplex({
    read: () => void tty.resume(),
    write: (chunk: Buffer, _encoding, done) => void tty.write(chunk, done),
    destroy: (error, done) => {
      tty.destroy();
      done(error);
    },
  });
  tty.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) tty.pause();
  });
  tty.on('end', () => void stream.push(null));
  tty.on('error', (error: Error & { readonly code?: string }) => {
    if (error.code === 'EIO') stream.push(null);
    else stream.destroy(error);
  });
  // The end of the terminal closes the descriptor, also while what it showed is still being read.
  return { stream, isOpen: () => !tty.destroyed };
}

class OpenPty implements Pty {
  readonly stream: Duplex;
  readonly slaveFd: number;
  readonly number: number;
  readonly #master: number;
  readonly #isOpen: () => boolean;
  #slaveOpen = true;

  constructor(master: number, slaveFd: number, number: number) {
    this.#master = master;
    this.slaveFd = slaveFd;
    this.number = number;
    ({ stream: this.stream, isOpen: this.#isOpen } = masterStream(master));
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    // A descriptor that is closed may be somebody else's by now.
    if (!this.#isOpen()) return;
    const value = Buffer.alloc(8); // struct winsize
    value.writeUInt16LE(size.rows, 0);
    value.writeUInt16LE(size.columns, 2);
    ioctl(this.#master, TIOCSWINSZ, value, 'resize a terminal');
  }

  closeSlave(): void {
    if (!this.#slaveOpen) return;
    this.#slaveOpen = false;
    closeSync(this.slaveFd);
  }

  close(): void {
    this.closeSlave();
    this.stream.destroy();
  }
}
