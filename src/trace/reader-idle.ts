// When has a process that reads from the kernel read everything? When it sleeps although it was given time to run.
import { readFileSync } from 'node:fs';

const LOOK_MS = 10;
/** So many looks in a row must find it asleep. */
const LOOKS = 4;
const LONGEST_MS = 1000;

export async function readerIdle(pid: number | undefined): Promise<void> {
  const end = performance.now() + LONGEST_MS;
  for (let asleep = 0; asleep < LOOKS && performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    asleep = isAsleep(pid) ? asleep + 1 : 0;
  }
}

function isAsleep(pid: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('S');
  } catch {
    // It is gone: nothing more will come.
    return true;
  }
}
