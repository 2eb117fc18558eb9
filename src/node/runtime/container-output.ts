// Carries what a container says from its pipes into its log, and tells of its end.
import type { Clock } from '../../clock/index.ts';
import type { ContainerEntry } from './container-entry.ts';
import { LogFile } from './log-file.ts';
import type { LogStream } from './log-format.ts';
import { drainPipe, openPipe, readPipe } from './pipe-reader.ts';

const DRAIN_TIMEOUT_MS = 2000;

/**
 * Reads output and waits for the end. Must come before the supervisor starts: its pipes want a reader.
 * @param onSupervisorGone The supervisor has ended, output may still come from what the container left behind.
 * @param onEnd All has been read.
 */
export function readOutput(
  entry: ContainerEntry,
  clock: Clock,
  { onSupervisorGone, onEnd }: { onSupervisorGone: () => void; onEnd: () => void },
): void {
  const { dir, record } = entry;
  const log = new LogFile(record.logFile, { now: () => clock.now() });
  entry.log = log;
  const write = (stream: LogStream) => (chunk: Buffer) => {
    log.write(stream, chunk);
    for (const handler of entry.outputHandlers) handler(stream, chunk);
    for (const handler of entry.logHandlers) handler();
  };
  const out = readPipe(openPipe(dir.stdout), write('stdout'));
  const err = readPipe(openPipe(dir.stderr), write('stderr'));
  const life = readPipe(openPipe(dir.lifeLine), () => undefined);
  entry.readers = [out, err, life];
  void life.ended.then(async () => {
    onSupervisorGone();
    // The supervisor has seen the end, so all writers are gone and both pipes end; all but those of a container in
    // the node's own process tree, which may leave processes behind.
    const patience = clock.after(DRAIN_TIMEOUT_MS, () => [out, err].forEach((reader) => reader.close()));
    await Promise.all([out.ended, err.ended]);
    clock.clear(patience);
    onEnd();
  });
}

/** Takes what is left in the pipes of a container that ended before anybody listened. */
export function drainOutput(entry: ContainerEntry): void {
  for (const reader of entry.readers) reader.close();
  entry.readers = [];
  const { log, dir } = entry;
  if (log === undefined) return;
  drainPipe(openPipe(dir.stdout), (chunk) => log.write('stdout', chunk));
  drainPipe(openPipe(dir.stderr), (chunk) => log.write('stderr', chunk));
}
