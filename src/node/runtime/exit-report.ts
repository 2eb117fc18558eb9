// What is told of a container's end: a reason, and a message from its own file or its log.
import { readFileSync } from 'node:fs';
import { parseLogLine } from './log-format.ts';

const MAX_MESSAGE_BYTES = 4096;

export function exitReason(status: number, oomKilled: boolean): string {
  if (oomKilled && status === 137) return 'OOMKilled';
  return status === 0 ? 'Completed' : 'Error';
}

/** The last part of a file that a container wrote; '' when there is none. */
export function readTail(file: string): string {
  try {
    const text = readFileSync(file);
    return text.subarray(Math.max(0, text.length - MAX_MESSAGE_BYTES)).toString();
  } catch {
    return '';
  }
}

/** kubelet's limits for a message from the log. */
const MAX_LOG_LINES = 80;
const MAX_LOG_BYTES = 2048;

export function logTail(file: string): string {
  try {
    const lines = readFileSync(file)
      .subarray(-8 * MAX_LOG_BYTES)
      .toString('latin1')
      .split('\n');
    const texts = lines.slice(-MAX_LOG_LINES - 1).flatMap((line) => {
      const parsed = parseLogLine(Buffer.from(line, 'latin1'));
      return parsed === undefined ? [] : [parsed.text.toString() + (parsed.partial ? '' : '\n')];
    });
    return Buffer.from(texts.join('')).subarray(-MAX_LOG_BYTES).toString();
  } catch {
    return '';
  }
}
