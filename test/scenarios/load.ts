// Bounded load on a Service: so many connections, each one request, each reply noted. Runs in a process of its own
// inside a network namespace, so that the kernel of that node does the choosing.
import { spawn } from 'node:child_process';
import http from 'node:http';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface LoadOptions {
  netns: string;
  host: string;
  port: number;
  connections: number;
}

const AT_ONCE = 8;
const TIMEOUT_MS = 5_000;
const PAUSE_MS = 5;
const LONGEST_LOAD_MS = 120_000;

/** Replies by pod name (path /hostname); failures are counted under `error: …`. */
export async function countReplies(options: LoadOptions): Promise<Map<string, number>> {
  const args = ['netns', 'exec', options.netns, process.execPath, import.meta.filename];
  const child = spawn('ip', [...args, options.host, String(options.port), String(options.connections)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  return new Map(Object.entries(JSON.parse(out) as Record<string, number>));
}

export interface ConstantLoad {
  /** Ends the load and gives the replies by pod name, failures under `error: …`. */
  stop(): Promise<Map<string, number>>;
}

/** One request every few milliseconds until `stop`, at most for two minutes. */
export function startConstantLoad(options: Omit<LoadOptions, 'connections'>): ConstantLoad {
  const args = ['netns', 'exec', options.netns, process.execPath, import.meta.filename];
  const child = spawn('ip', [...args, options.host, String(options.port), 'until-stdin-ends'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    async stop() {
      child.stdin.end();
      await closed;
      return new Map(Object.entries(JSON.parse(out) as Record<string, number>));
    },
  };
}

/** The failures among counted replies. */
export function failuresIn(replies: ReadonlyMap<string, number>): string[] {
  return [...replies].filter(([reply]) => reply.startsWith('error:')).map(([reply, n]) => `${n} x ${reply}`);
}

function fetchOnce(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const request = http.get({ host, port, path: '/hostname', agent: false, timeout: TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(response.statusCode === 200 ? body.trim() : `error: ${response.statusCode}`));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (e) => resolve(`error: ${e.message}`));
  });
}

if (import.meta.main) {
  const [host = '', port = '', connections = ''] = process.argv.slice(2);
  const counts: Record<string, number> = {};
  const untilEnd = connections === 'until-stdin-ends';
  let left = untilEnd ? LONGEST_LOAD_MS / PAUSE_MS : Number(connections);
  if (untilEnd) process.stdin.on('end', () => (left = 0)).resume();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const reply = await fetchOnce(host, Number(port));
      counts[reply] = (counts[reply] ?? 0) + 1;
      if (untilEnd) await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  process.stdout.write(JSON.stringify(counts));
}
