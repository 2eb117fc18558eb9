// The edge that watches one network namespace: every device, both directions, with the kernel's nanosecond clock.
import type { ChildProcess } from 'node:child_process';
import { openRtnl, spawnIn } from '../linux/index.ts';
import type { CapturedFrame, Place } from './contract.ts';
import { readerIdle } from './reader-idle.ts';

export interface Capture {
  /** Ends the capture and gives what it saw. */
  finish(): Promise<CapturedFrame[]>;
  /** Ends it at once. */
  abort(): void;
}

const SNAP_LENGTH = 256;
const START_MS = 5000;

/** Starts watching; resolves when the kernel delivers packets. */
export async function startCapture(place: Place, filter: string): Promise<Capture> {
  const args = ['-i', 'any', '-y', 'LINUX_SLL2', '--time-stamp-precision=nano', '-s', String(SNAP_LENGTH)];
  const child = spawnIn(place.netns, 'tcpdump', [...args, '--immediate-mode', '-n', '-U', '-w', '-', filter], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await listening(child, place);
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    finish: async () => {
      await readerIdle(child.pid);
      child.kill('SIGTERM');
      await exited;
      return readSll2(Buffer.concat(chunks), place, deviceNames(place));
    },
    abort: () => void child.kill('SIGKILL'),
  };
}

function listening(child: ChildProcess, place: Place): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => fail('it did not start in time'), START_MS);
    const fail = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      reject(new Error(`cannot capture packets in ${place.netns}: ${why}`));
    };
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.includes('listening on')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('error', (error) => fail(`${error.message}; install tcpdump`));
    child.once('exit', () => fail(text.trim()));
  });
}

/** Names belong to the namespace: another one has other devices under the same numbers. */
function deviceNames(place: Place): Map<number, string> {
  const rtnl = openRtnl(place.netns);
  try {
    return new Map(rtnl.links().map((link) => [link.index, link.name]));
  } finally {
    rtnl.close();
  }
}

const PCAP = { header: 24, record: 16 };
/** LINUX_SLL2: protocol 0–1, ifindex 4–7, packet type 10, then the IP header at 20. */
const SLL2 = { length: 20, protocol: 0, ifindex: 4, type: 10 };
const OUTGOING = 4;

export function readSll2(file: Buffer, place: Place, names: ReadonlyMap<number, string>): CapturedFrame[] {
  const frames: CapturedFrame[] = [];
  for (let at = PCAP.header; at + PCAP.record <= file.length;) {
    const size = file.readUInt32LE(at + 8);
    const start = at + PCAP.record;
    if (start + size > file.length) break;
    const record = file.subarray(start, start + size);
    if (size > SLL2.length) {
      const index = record.readUInt32BE(SLL2.ifindex);
      frames.push({
        place,
        device: names.get(index) ?? `if${index}`,
        direction: record[SLL2.type] === OUTGOING ? 'out' : 'in',
        timeNs: BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4)),
        bytes: record.subarray(SLL2.length),
        length: file.readUInt32LE(at + 12) - SLL2.length,
      });
    }
    at = start + size;
  }
  return frames;
}
