// A small disk of a host: an ext4 file system in a file, which can be filled, and which the kernel can be told to
// freeze: whoever writes then waits, as for a disk that does not answer.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, truncateSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HostDisk {
  readonly dir: string;
  /** Takes all the space that is left. */
  fill(): void;
  /** Gives it back. */
  empty(): void;
  /** For so long every write waits for a moment, again and again. */
  slowFor(ms: number): Promise<void>;
}

/** How long the disk does not answer, and how long it does, in turn. */
const STALL_MS = 200;
const BETWEEN_MS = 20;

const must = (command: string, ...args: string[]) => void execFileSync(command, args, { stdio: 'pipe' });

/** `dir` becomes the disk; the file behind it has its name and `.img`. It goes with the mounts below the test's folder. */
export function makeDisk(dir: string, megabytes: number): HostDisk {
  const image = `${dir}.img`;
  const ballast = `${dir}/ballast`;
  closeSync(openSync(image, 'wx', 0o600));
  truncateSync(image, megabytes * 1024 * 1024);
  must('mkfs.ext4', '-q', '-m', '0', image);
  mkdirSync(dir, { mode: 0o700 });
  must('mount', '-o', 'loop', image, dir);
  return {
    dir,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      try {
        must('fallocate', '-l', String(bavail * bsize), ballast);
      } catch {
        // It takes what there is and then says that it was not enough.
      }
    },
    empty: () => rmSync(ballast, { force: true }),
    async slowFor(ms) {
      const end = performance.now() + ms;
      while (performance.now() < end) {
        must('fsfreeze', '-f', dir);
        try {
          await sleep(STALL_MS);
        } finally {
          must('fsfreeze', '-u', dir);
        }
        await sleep(BETWEEN_MS);
      }
    },
  };
}
