// Spawns the shell that supervises a container.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type net from 'node:net';
import type { Clock } from '../../clock/index.ts';
import type { ContainerDir } from './container-dir.ts';

/** How long a start may take before it is given up. */
const START_TIMEOUT_MS = 30_000;

/** Spawns the supervisor; resolves with what it says: `ok`, or why the container could not be set up. */
export function startSupervisor(words: readonly string[], dir: ContainerDir, clock: Clock): Promise<string> {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_NONBLOCK, O_APPEND } = constants;
  const fds = [
    openSync(dir.exitFile, O_WRONLY | O_APPEND),
    openSync(dir.acknowledge, O_RDWR),
    openSync(dir.lifeLine, O_WRONLY),
    openSync(dir.stdout, O_RDONLY | O_NONBLOCK),
    openSync(dir.stderr, O_RDONLY | O_NONBLOCK),
    openSync(dir.pidFile, O_WRONLY | O_APPEND),
  ];
  try {
    const [command = '', ...args] = words;
    const child = spawn(command, args, {
      detached: true,
      cwd: '/',
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', ...fds],
    });
    child.unref();
    const answer = child.stdio[3] as net.Socket;
    return new Promise<string>((resolve, reject) => {
      let text = '';
      const timer = clock.after(START_TIMEOUT_MS, () => finish(`no sign of life for ${START_TIMEOUT_MS / 1000} s`));
      const finish = (result: string) => {
        clock.clear(timer);
        answer.destroy();
        resolve(result);
      };
      child.on('error', reject);
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.endsWith('ok\n')) finish(text.trim());
      });
      answer.on('end', () => finish(text.trim()));
      answer.on('error', () => finish(text.trim()));
    });
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
