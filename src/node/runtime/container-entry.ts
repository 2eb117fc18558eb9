// What the runtime holds of one container in memory; all that must outlive the agent is in its folder.
import { closeSync } from 'node:fs';
import type { ContainerDir, ContainerProgress, ContainerRecord } from './container-dir.ts';
import type { Container } from './contract.ts';
import type { LogFile } from './log-file.ts';
import type { LogStream } from './log-format.ts';
import type { PipeReader } from './pipe-reader.ts';

export interface ContainerEntry {
  container: Container;
  readonly record: ContainerRecord;
  readonly dir: ContainerDir;
  progress: ContainerProgress;
  readers: PipeReader[];
  log: LogFile | undefined;
  /** Keeps a container's input open until its one client has ended it. */
  stdinKeeper?: number | undefined;
  readonly logHandlers: Set<() => void>;
  readonly outputHandlers: Set<(stream: LogStream, chunk: Buffer) => void>;
}

export function createEntry(
  record: ContainerRecord,
  dir: ContainerDir,
  state: Container['state'],
  progress: ContainerProgress,
): ContainerEntry {
  return {
    record,
    dir,
    progress,
    readers: [],
    log: undefined,
    logHandlers: new Set(),
    outputHandlers: new Set(),
    container: containerOf(record, state, progress, undefined),
  };
}

export function containerOf(
  record: ContainerRecord,
  state: Container['state'],
  progress: ContainerProgress,
  pid: number | undefined,
): Container {
  const { id, pod, name, attempt, imageRef, specHash, createdAtMs, logFile, stdin, tty } = record;
  const fixed = { id, pod, name, attempt, imageRef, specHash, createdAtMs, logFile, stdin, tty };
  return { ...fixed, state, ...progress, ...(pid === undefined ? {} : { pid }) };
}

/** What happened is in the container's folder from here on: the next agent reads it there. */
export function setProgress(entry: ContainerEntry, progress: ContainerProgress): void {
  entry.progress = progress;
  entry.dir.writeProgress(progress);
}

export function closeStdin(entry: ContainerEntry): void {
  if (entry.stdinKeeper !== undefined) closeSync(entry.stdinKeeper);
  entry.stdinKeeper = undefined;
}

/** Lets go of a container's pipes and log. */
export function closeEntry(entry: ContainerEntry): void {
  for (const reader of entry.readers) reader.close();
  entry.readers = [];
  entry.log?.close();
  entry.log = undefined;
  closeStdin(entry);
}
