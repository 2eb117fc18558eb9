// Runs a program in a container and collects what it says.
import type { Readable } from 'node:stream';
import type { ContainerRuntime } from '../runtime/contract.ts';

const MAX_OUTPUT = 10 * 1024;

export async function runInContainer(
  runtime: ContainerRuntime,
  id: string,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<{ exitCode: number; output: string }> {
  const session = await runtime.exec(id, { argv, stdin: false, tty: false, signal });
  const chunks: Buffer[] = [];
  let length = 0;
  const collect = (stream: Readable | undefined) =>
    stream === undefined
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          stream.on('data', (chunk: Buffer) => {
            if (length < MAX_OUTPUT) chunks.push(chunk);
            length += chunk.length;
          });
          stream.on('error', () => resolve());
          stream.on('close', () => resolve());
        });
  const [result] = await Promise.all([session.done, collect(session.stdout), collect(session.stderr)]);
  return { exitCode: result.exitCode, output: Buffer.concat(chunks).toString().slice(0, MAX_OUTPUT) };
}
