// Follows etcd: one watch over all our keys, taken up where it ended whenever a member or its leader goes away.
import { GrpcError, type GrpcStream } from '../../grpc/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Revision } from '../contract.ts';
import type { EtcdClient, Member } from './etcd-client.ts';
import { watch, type EtcdEvent, type WatchRequest } from './messages.ts';
import { prefixEnd } from './rows.ts';

export interface FeedHandler {
  /** The watch goes on after this revision. */
  readonly after: () => Revision;
  /** Whole revisions, in order. */
  onEvents(events: readonly EtcdEvent[]): void;
  /** Everything up to here was handed over. */
  onProgress(revision: Revision): void;
  /** The history after `after()` is gone: the state has to be read anew, and the feed begun again. */
  onCompacted(): Promise<void>;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** A watch that lasted so long was a good one. */
const HEALTHY_MS = 5000;

export class WatchFeed {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #handler: FeedHandler;
  readonly #log: Logger | undefined;
  readonly #stopped = new AbortController();
  #open: { readonly call: GrpcStream<WatchRequest, unknown>; readonly member: Member } | undefined;

  constructor(client: EtcdClient, prefix: string, handler: FeedHandler, log?: Logger) {
    this.#client = client;
    this.#prefix = prefix;
    this.#handler = handler;
    this.#log = log;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { signal } = this.#stopped;
    let pause = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      const startedAt = performance.now();
      let member: Member | undefined;
      try {
        member = await this.#client.connect();
        await this.#follow(member);
        await this.#handler.onCompacted();
      } catch (error) {
        if (signal.aborted) return;
        if (member !== undefined && error instanceof GrpcError) this.#client.abandon(member, error);
        else this.#log?.warn('cannot watch etcd; it will be tried again', { error });
      }
      this.#open = undefined;
      pause = performance.now() - startedAt > HEALTHY_MS ? FIRST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
      await delay(pause, signal);
    }
  }

  /** Asks the member to say how far it has come, where its word can be trusted. */
  askProgress(): void {
    if (this.#open?.member.progressIsTrue === true) this.#open.call.send({ progress: {} });
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Returns when what should come next is gone. @throws GrpcError when the watch ended otherwise. */
  async #follow(member: Member): Promise<void> {
    const call = member.grpc.stream(watch, {
      // A member that lost its leader ends the watch instead of keeping silent.
      metadata: { ...member.metadata, hasleader: 'true' },
      signal: this.#stopped.signal,
    });
    call.send({
      create: {
        key: this.#prefix,
        rangeEnd: prefixEnd(this.#prefix),
        startRevision: this.#handler.after() + 1,
        progressNotify: true,
        fragment: true,
      },
    });
    let pieces: EtcdEvent[] = [];
    for await (const answer of call) {
      if (answer.canceled) {
        if (answer.compactRevision > 0) return;
        throw new GrpcError('UNAVAILABLE', `the watch was cancelled: ${answer.cancelReason}`, member.name);
      }
      if (answer.created) this.#open = { call, member };
      else if (answer.events.length > 0 || pieces.length > 0) {
        // One response too large for a message comes in pieces, and a revision may be cut by that.
        pieces = [...pieces, ...answer.events];
        if (answer.fragment) continue;
        this.#handler.onEvents(pieces);
        pieces = [];
      } else this.#handler.onProgress(answer.header?.revision ?? 0);
    }
    throw new GrpcError('UNAVAILABLE', 'the member ended the watch', member.name);
  }
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
