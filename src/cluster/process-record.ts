// Which process is which: a pid alone may have been given to a stranger meanwhile, pid and start time may not.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

/** `startTime` is field 22 of /proc/PID/stat: clock ticks since boot (proc(5)). */
export interface ProcessRecord {
  pid: number;
  startTime: string;
}

/** Identity of a living process; undefined when there is none of that pid, or it is a zombie. */
export function identify(pid: number): ProcessRecord | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name, in parentheses, may hold anything: count fields from its end.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = fields[19];
  return startTime === undefined || fields[0] === 'Z' ? undefined : { pid, startTime };
}

export function isAlive(record: ProcessRecord): boolean {
  return identify(record.pid)?.startTime === record.startTime;
}

export function writeRecord(file: string, record: ProcessRecord): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.tmp`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
}

export function readRecord(file: string): ProcessRecord | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<ProcessRecord>;
    return typeof value.pid === 'number' && typeof value.startTime === 'string'
      ? { pid: value.pid, startTime: value.startTime }
      : undefined;
  } catch {
    return undefined;
  }
}

/** All records of a run directory, by component name. */
export function readRecords(dir: string): Map<string, ProcessRecord> {
  const records = new Map<string, ProcessRecord>();
  let names: string[];
  try {
    names = readdirSync(dir).filter((n) => n.endsWith('.json'));
  } catch {
    return records;
  }
  for (const name of names) {
    const record = readRecord(path.join(dir, name));
    if (record !== undefined) records.set(name.slice(0, -'.json'.length), record);
  }
  return records;
}

export function removeRecord(file: string): void {
  rmSync(file, { force: true });
}

/** Sends a signal to exactly this process; does nothing when it is gone. */
export function signal(record: ProcessRecord, name: NodeJS.Signals): void {
  if (!isAlive(record)) return;
  try {
    process.kill(record.pid, name);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
  }
}

/** Asks to end, waits, then kills. Resolves when the process is gone. */
export async function endProcess(record: ProcessRecord, graceMs: number): Promise<void> {
  signal(record, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (isAlive(record) && performance.now() < deadline) await sleep(10);
  signal(record, 'SIGKILL');
  while (isAlive(record)) await sleep(5);
}
