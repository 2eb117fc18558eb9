// DNS questions at a steady rate with the sockets and retries of the C library: a socket a lookup, two attempts, five
// seconds each, a refusal (ICMP) ends an attempt at once. On a busy machine the rate sinks, as that of programs would that
// wait for their answers: it measures loss, not queues. Runs in a process of its own inside a network namespace.
import { spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import process from 'node:process';

import { decodeMessage, encodeQuery } from '../../src/dnswire/index.ts';

export interface DnsLoadResult {
  asked: number;
  answered: number;
  /** Answered, but not at the first attempt. */
  retried: number;
  refused: number;
  /** What a program would have seen as an error. */
  failures: Readonly<Record<string, number>>;
  perSecond: number;
  longestMs: number;
}

export interface DnsLoad {
  /** Ends the load, waits for what is under way, and gives the counts. */
  stop(): Promise<DnsLoadResult>;
}

const ATTEMPTS = 2;
const TIMEOUT_MS = 5_000;
const LONGEST_LOAD_MS = 60_000;
const TICK_MS = 2;
/** Questions that may wait at the same time; the kernel's buffers hold more. Those that wait for long do not count. */
const MAX_WAITING = 64;
const LONG_MS = 500;

export function startDnsLoad(o: { netns: string; server: string; name: string; perSecond: number }): DnsLoad {
  const args = ['netns', 'exec', o.netns, process.execPath, import.meta.filename];
  const child = spawn('ip', [...args, o.server, o.name, String(o.perSecond)], { stdio: ['pipe', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return {
    async stop() {
      child.stdin.end();
      await closed;
      return JSON.parse(out) as DnsLoadResult;
    },
  };
}

class Resolver {
  readonly #server: string;
  readonly #name: string;
  /** Questions asked within the last moments that have no answer yet. */
  waiting = 0;
  readonly counts = { asked: 0, answered: 0, retried: 0, refused: 0, longestMs: 0 };
  readonly failures: Record<string, number> = {};
  #id = 0;

  constructor(server: string, name: string) {
    this.#server = server;
    this.#name = name;
  }

  async lookup(): Promise<void> {
    const started = performance.now();
    this.counts.asked += 1;
    this.waiting += 1;
    let waits = true;
    const waitsNoMore = () => {
      if (waits) this.waiting -= 1;
      waits = false;
    };
    const long = setTimeout(waitsNoMore, LONG_MS);
    const why = await this.#attempts(started);
    clearTimeout(long);
    waitsNoMore();
    if (why !== '') this.failures[why] = (this.failures[why] ?? 0) + 1;
  }

  async #attempts(started: number): Promise<string> {
    let why = '';
    let socket: Socket | undefined;
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      socket ??= await this.#open();
      why = await this.#ask(socket);
      if (why === '') {
        socket.close();
        this.counts.answered += 1;
        if (attempt > 1) this.counts.retried += 1;
        this.counts.longestMs = Math.max(this.counts.longestMs, performance.now() - started);
        return '';
      }
      if (why !== 'timeout') {
        // The C library takes a new socket after an error, and keeps it after silence.
        socket.close();
        socket = undefined;
      }
      if (why === 'refused') this.counts.refused += 1;
    }
    socket?.close();
    return why;
  }

  #open(): Promise<Socket> {
    const socket = createSocket('udp4');
    return new Promise((resolve) => socket.connect(53, this.#server, () => resolve(socket)));
  }

  /** Empty when there was an answer with records. */
  #ask(socket: Socket): Promise<string> {
    this.#id = (this.#id + 1) & 0xffff;
    const query = encodeQuery({ name: this.#name, type: 'A' });
    query.writeUInt16BE(this.#id, 0);
    const id = this.#id;
    return new Promise((resolve) => {
      const done = (why: string) => {
        clearTimeout(timer);
        socket.removeAllListeners();
        resolve(why);
      };
      const timer = setTimeout(() => done('timeout'), TIMEOUT_MS);
      socket.on('error', (error) => done('code' in error && error.code === 'ECONNREFUSED' ? 'refused' : error.message));
      socket.on('message', (reply) => {
        if (reply.readUInt16BE(0) !== id) return;
        const { rcode, answers } = decodeMessage(reply);
        done(rcode === 0 && answers.length > 0 ? '' : `rcode ${rcode} with ${answers.length} records`);
      });
      socket.send(query);
    });
  }
}

if (import.meta.main) {
  const [server = '', name = '', perSecond = ''] = process.argv.slice(2);
  const rate = Number(perSecond);
  const resolver = new Resolver(server, name);
  const running = new Set<Promise<void>>();
  const started = performance.now();
  let ended = false;
  let skipped = 0;
  process.stdin.on('end', () => (ended = true)).resume();
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = performance.now() - started;
      if (ended || elapsed > LONGEST_LOAD_MS) {
        clearInterval(timer);
        resolve();
        return;
      }
      // A busy machine may make a tick late; what is due is sent then, as far as the answers keep up.
      const due = (elapsed * rate) / 1000 - skipped - resolver.counts.asked;
      const room = MAX_WAITING - resolver.waiting;
      // What was not sent in time is not made up for later.
      skipped += Math.max(0, due - room);
      for (let i = 0; i < Math.min(due, room); i++) {
        const one = resolver.lookup().finally(() => running.delete(one));
        running.add(one);
      }
    }, TICK_MS);
  });
  const seconds = (performance.now() - started) / 1000;
  await Promise.all(running);
  const { counts, failures } = resolver;
  const result: DnsLoadResult = { ...counts, failures, perSecond: Math.round(counts.asked / seconds) };
  process.stdout.write(JSON.stringify(result));
}
