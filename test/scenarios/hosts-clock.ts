// Wall clocks of single processes that a test sets, while they run: a preloaded library (clock-skew.c) adds what stands
// in a file to the time that libc gives.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export interface HostClock {
  /** What a process needs in its environment to live by this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds that it is ahead of the truth from now on. */
  set(aheadMs: number): void;
}

/** Makes clocks whose files lie in `dir`. */
export function hostClocks(dir: string): (host: string) => HostClock {
  const library = path.join(dir, 'clock-skew.so');
  const source = path.join(import.meta.dirname, 'clock-skew.c');
  execFileSync('gcc', ['-shared', '-fPIC', '-O2', '-Wall', '-Werror', '-o', library, source]);
  return (host) => {
    const file = path.join(dir, `${host}.clock`);
    const set = (aheadMs: number) => {
      const text = Buffer.alloc(8);
      text.writeBigInt64LE(BigInt(Math.round(aheadMs)) * 1_000_000n);
      // Written in place: the process has the file mapped.
      writeFileSync(file, text, { flag: 'r+' });
    };
    writeFileSync(file, Buffer.alloc(8));
    return { env: { LD_PRELOAD: library, CLOCK_SKEW_FILE: file }, set };
  };
}
