// Follows etcd: one watch over all our keys, taken up where it ended whenever a member or its leader goes away.
import { GrpcError, grpcCode, type GrpcStream } from '../../grpc/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Revision } from '../contract.ts';
import type { Connection, EtcdClient } from './etcd-client.ts';
import { watch, type EtcdEvent, type WatchResponse } from './messages.ts';
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

type Asks = Parameters<typeof watch.request.encode>[0];

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

export class WatchFeed {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #handler: FeedHandler;
  readonly #log: Logger | undefined;
  #stream: GrpcStream<Asks> | undefined;
  #progressIsTrue = false;
  #stopped = false;
  #stop: () => void = () => undefined;

  constructor(client: EtcdClient, prefix: string, handler: FeedHandler, log?: Logger) {
    this.#client = client;
    this.#prefix = prefix;
    this.#handler = handler;
    this.#log = log;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    while (!this.#stopped) {
      const startedAt = performance.now();
      try {
        const connection = await this.#client.connect();
        const end = await this.#follow(connection);
        if (this.#stopped) return;
        if (end === 'compacted') await this.#handler.onCompacted();
        else if (end !== undefined) {
          this.#log?.debug('the watch of etcd ended; taking it up again', { why: end.message });
          this.#client.abandon(connection, end);
        }
      } catch (error) {
        if (this.#stopped) return;
        this.#log?.warn('cannot watch etcd; it will be tried again', { error });
      }
      pause = performance.now() - startedAt > 5000 ? FIRST_PAUSE_MS : Math.min(pause * 2, LONGEST_PAUSE_MS);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        this.#stop = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Asks the member to say how far it has come; false when its word is not to be trusted. */
  askProgress(): boolean {
    if (!this.#progressIsTrue) return false;
    this.#stream?.send({ progress: {} });
    return true;
  }

  stop(): void {
    this.#stopped = true;
    this.#stream?.cancel();
    this.#stop();
  }

  /** Resolves at the end of the watch: with 'compacted', the failure, or undefined when it was stopped. */
  #follow(connection: Connection): Promise<GrpcError | 'compacted' | undefined> {
    return new Promise((resolve) => {
      let pieces: EtcdEvent[] = [];
      const finish = (end: GrpcError | 'compacted' | undefined) => {
        this.#stream = undefined;
        this.#progressIsTrue = false;
        stream.cancel();
        resolve(end);
      };
      this.#stop = () => finish(undefined);
      const onMessage = (answer: WatchResponse) => {
        if (answer.canceled) {
          const text = `the watch was cancelled: ${answer.cancelReason}`;
          finish(answer.compactRevision > 0 ? 'compacted' : new GrpcError(grpcCode.unavailable, text));
        } else if (answer.created) {
          this.#stream = stream;
          this.#progressIsTrue = connection.progressIsTrue;
        } else if (answer.events.length > 0 || pieces.length > 0) {
          // One response too large for a message comes in pieces, and a revision may be cut by that.
          pieces = pieces.length === 0 ? answer.events : [...pieces, ...answer.events];
          if (answer.fragment) return;
          const whole = pieces;
          pieces = [];
          this.#handler.onEvents(whole);
        } else this.#handler.onProgress(answer.header?.revision ?? 0);
      };
      const stream: GrpcStream<Asks> = connection.channel.stream(
        watch,
        {
          onMessage,
          onEnd: (error) => finish(error ?? new GrpcError(grpcCode.unavailable, 'the watch was ended by the server')),
        },
        // A member that lost its leader ends the watch instead of keeping silent.
        { headers: { ...connection.headers, hasleader: 'true' } },
      );
      stream.send({
        create: {
          key: this.#prefix,
          rangeEnd: prefixEnd(this.#prefix),
          startRevision: this.#handler.after() + 1,
          progressNotify: true,
          fragment: true,
        },
      });
    });
  }
}
