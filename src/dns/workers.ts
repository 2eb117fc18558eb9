// More threads on the same port: the kernel spreads clients over them (SO_REUSEPORT). Each has its own index, fed by the
// one watch of the main thread, so the API server sees one client however many threads there are.
import { Worker } from 'node:worker_threads';
import type { Logger } from '../log/index.ts';
import type { DnsConfig, KubernetesConfig } from './config/config.ts';
import type { DnsNamespace, DnsPod, DnsService, DnsSlice } from './plugins/kubernetes/dns-objects.ts';
import type { ObjectSink } from './plugins/kubernetes/watch-objects.ts';
import type { CloseLimits } from './server/sockets.ts';

export type ObjectChange =
  | { kind: 'service'; key: string; before: DnsService | undefined; after: DnsService | undefined }
  | { kind: 'slice'; key: string; before: DnsSlice | undefined; after: DnsSlice | undefined }
  | { kind: 'namespace'; key: string; after: DnsNamespace | undefined }
  | { kind: 'pod'; key: string; before: DnsPod | undefined; after: DnsPod | undefined };

export interface WorkerStart {
  readonly config: DnsConfig;
  readonly addresses?: readonly string[];
  readonly port: number;
  readonly batch: boolean;
  readonly version: string;
}

export type ToWorker =
  | { type: 'objects'; cluster: string; config: KubernetesConfig; changes: readonly ObjectChange[] }
  | { type: 'known'; cluster: string }
  | { type: 'config'; config: DnsConfig }
  | { type: 'metrics'; id: number }
  | ({ type: 'stop' } & CloseLimits);

export type FromWorker =
  | { type: 'listening' }
  | { type: 'failed'; message: string }
  | { type: 'metrics'; id: number; text: string };

const METRICS_WAIT_MS = 2000;

export class Workers {
  readonly #log: Logger;
  readonly #threads: Worker[] = [];
  readonly #waiting = new Map<number, (text: string) => void>();
  /** What came before the threads were there. */
  readonly #early: ToWorker[] = [];
  #started = false;
  #stopping = false;
  #nextId = 1;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Passes the objects of a cluster on, a message a batch. */
  sinkOf(cluster: string, config: KubernetesConfig): ObjectSink {
    let changes: ObjectChange[] = [];
    return {
      service: (key, before, after) => changes.push({ kind: 'service', key, before, after }),
      slice: (key, before, after) => changes.push({ kind: 'slice', key, before, after }),
      namespace: (key, after) => changes.push({ kind: 'namespace', key, after }),
      pod: (key, before, after) => changes.push({ kind: 'pod', key, before, after }),
      commit: () => {
        if (changes.length > 0) this.#send({ type: 'objects', cluster, config, changes });
        changes = [];
      },
    };
  }

  /** The cluster's objects are complete: what is not there does not exist. */
  known(cluster: string): void {
    this.#send({ type: 'known', cluster });
  }

  reconfigure(config: DnsConfig): void {
    this.#send({ type: 'config', config });
  }

  async start(count: number, start: WorkerStart): Promise<void> {
    const file = import.meta.url.endsWith('.ts') ? './worker-thread.ts' : './worker-thread.js';
    const listening = Array.from({ length: count }, () => {
      const thread = new Worker(new URL(file, import.meta.url), {
        workerData: start,
        // Batch sockets are opened past the runtime; they end with the process or when they are closed.
        trackUnmanagedFds: false,
        // Queries leave little garbage; a large young generation would only cost memory, per thread.
        resourceLimits: { maxYoungGenerationSizeMb: 6 },
      });
      this.#threads.push(thread);
      for (const message of this.#early) thread.postMessage(message);
      return this.#listening(thread);
    });
    this.#started = true;
    this.#early.length = 0;
    await Promise.all(listening);
  }

  #listening(thread: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      thread.on('message', (message: FromWorker) => {
        if (message.type === 'listening') resolve();
        else if (message.type === 'failed') reject(new Error(message.message));
        else this.#waiting.get(message.id)?.(message.text);
      });
      thread.on('error', (error) => {
        this.#log.error('a DNS thread failed; the others go on', { error });
        reject(error);
      });
      thread.on('exit', () => {
        this.#threads.splice(this.#threads.indexOf(thread), 1);
        if (!this.#stopping) this.#log.error('a DNS thread has ended; its clients are with the others now');
      });
    });
  }

  #send(message: ToWorker): void {
    if (this.#started) for (const thread of this.#threads) thread.postMessage(message);
    else this.#early.push(message);
  }

  /** Metrics pages of the threads; one that does not answer is left out. */
  metrics(): Promise<string[]> {
    return Promise.all(
      this.#threads.map((thread) => {
        const id = this.#nextId++;
        const answer = new Promise<string>((resolve) => {
          this.#waiting.set(id, resolve);
          setTimeout(() => resolve(''), METRICS_WAIT_MS).unref();
        });
        thread.postMessage({ type: 'metrics', id } satisfies ToWorker);
        return answer.finally(() => this.#waiting.delete(id));
      }),
    );
  }

  async stop(limits: CloseLimits): Promise<void> {
    this.#stopping = true;
    const ended = this.#threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
    this.#send({ type: 'stop', ...limits });
    await Promise.all(ended);
  }
}
