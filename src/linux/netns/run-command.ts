// Runs a program to its end, input in and output out, without blocking the event loop.

import { spawnIn } from './spawn.ts';

export interface CommandResult {
  /** Exit status; 128 + signal number is not used: a killed program rejects. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly netns?: string | undefined;
  readonly input?: string | Uint8Array;
  /** The program is killed after this. @default {120000} */
  readonly timeoutMs?: number;
}

/** Rejects when the program cannot be started or is killed; any exit status is a result. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  return new Promise((resolve, reject) => {
    const child = spawnIn(options.netns, command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    // Not spawn's own option: its timer outlives a program that could not be started.
    const limit = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that fails early closes its input; its exit status says why, not the broken pipe.
    child.stdin?.on('error', () => {});
    child.on('error', (cause) => {
      clearTimeout(limit);
      reject(new Error(`cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (status, signal) => {
      clearTimeout(limit);
      if (status === null) {
        reject(new Error(`${command} ${args.join(' ')} was killed by ${signal} (limit ${timeoutMs} ms)`));
        return;
      }
      resolve({ status, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin?.end(options.input);
  });
}
