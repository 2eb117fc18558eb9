// Calls to an etcd cluster: one connection at a time, to the first member that answers; another member as soon as it
// does not. Checks once per connection that it is the same cluster as before and new enough.
import { UserError } from '../../errors/index.ts';
import { Channel, grpcCode, GrpcError, type GrpcStream, type Method } from '../../grpc/index.ts';
import type { Logger } from '../../log/index.ts';
import type { Credentials, Endpoint } from './endpoints.ts';
import { explain, isMembersFault, isTransient } from './errors.ts';
import { authenticate, status } from './messages.ts';

export interface EtcdClientOptions {
  readonly endpoints: readonly Endpoint[];
  readonly credentials?: Credentials;
  /** How long a call that can be sent again is tried. @default 10000 */
  readonly patienceMs?: number;
  readonly log?: Logger;
}

/** A connection that was found fit. */
export interface Connection {
  readonly channel: Channel;
  readonly endpoint: Endpoint;
  /** Metadata of every call. */
  readonly headers: Readonly<Record<string, string>>;
  /** Does an answered progress request mean that every event before it was sent? Not before 3.4.25 and 3.5.8. */
  readonly progressIsTrue: boolean;
}

/** etcd answers a proposal that finds no majority after 5 s and two election time-outs: 7 s. */
const WRITE_TIMEOUT_MS = 8000;
const READ_TIMEOUT_MS = 2500;
const PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 500;
/** etcd takes pings more often than every 5 s for an attack. */
const PING_MS = 5500;
const PING_TIMEOUT_MS = 2000;

export class EtcdClient {
  readonly #endpoints: readonly Endpoint[];
  readonly #credentials: Credentials | undefined;
  readonly #log: Logger | undefined;
  readonly #patienceMs: number;
  /** Which endpoint is asked next. */
  #turn = 0;
  #current: { readonly ready: Promise<Connection>; connection?: Connection } | undefined;
  #clusterId = 0;
  #closed = false;
  readonly #pings: NodeJS.Timeout;

  constructor(options: EtcdClientOptions) {
    this.#endpoints = options.endpoints;
    this.#credentials = options.credentials;
    this.#log = options.log;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#pings = setInterval(() => this.#ping(), PING_MS);
    this.#pings.unref();
  }

  /** All members' names, for messages. */
  get name(): string {
    return this.#endpoints.map((e) => e.name).join(',');
  }

  /** May be sent any number of times: tried on one member after the other for ten seconds. @throws UnavailableError */
  read<A, B>(method: Method<A, B>, request: A): Promise<B> {
    return this.#call(method, request, READ_TIMEOUT_MS, () => true);
  }

  /** Sent again only if it certainly was not carried out. @throws UnavailableError */
  write<A, B>(method: Method<A, B>, request: A): Promise<B> {
    return this.#call(method, request, WRITE_TIMEOUT_MS, isTransient);
  }

  /** One question on a stream, and the first answer that is wanted. @throws GrpcError */
  async exchange<A, B>(method: Method<A, B>, request: A, isWanted: (answer: B) => boolean): Promise<B> {
    const { channel, headers } = await this.connect();
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        stream.cancel();
        settle();
      };
      const silent = new GrpcError(grpcCode.deadlineExceeded, `${method.path}: no answer in ${READ_TIMEOUT_MS} ms`);
      const timer = setTimeout(() => finish(() => reject(silent)), READ_TIMEOUT_MS);
      const ended = new GrpcError(grpcCode.unavailable, `${method.path}: ended without an answer`);
      const stream: GrpcStream<A> = channel.stream(
        method,
        {
          onMessage: (answer) => {
            if (isWanted(answer)) finish(() => resolve(answer));
          },
          onEnd: (error) => finish(() => reject(error ?? ended)),
        },
        { headers },
      );
      stream.send(request);
    });
  }

  /** The connection in use, or a new one to the next member. @throws GrpcError, UserError */
  connect(): Promise<Connection> {
    if (this.#closed) throw new Error('the store is closed');
    const usable = this.#current?.connection?.channel.failure === undefined;
    if (this.#current !== undefined && usable) return this.#current.ready;
    const endpoint = this.#endpoints[this.#turn % this.#endpoints.length];
    if (endpoint === undefined) throw new UserError('no etcd endpoint was given');
    const current: { ready: Promise<Connection>; connection?: Connection } = { ready: this.#open(endpoint) };
    this.#current = current;
    current.ready.then(
      (connection) => {
        current.connection = connection;
        void connection.channel.ended.then((error) => this.#leave(connection, error));
      },
      () => {
        this.#turn += 1;
        if (this.#current === current) this.#current = undefined;
      },
    );
    return current.ready;
  }

  /** This member is no use: the next call goes to another one, and what is under way fails. */
  abandon(connection: Connection, error: GrpcError): void {
    if (this.#current?.connection !== connection) return;
    connection.channel.end(error.message);
    this.#leave(connection, error);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#pings);
    const current = this.#current;
    current?.ready.then(({ channel }) => channel.end('the store is closed')).catch(() => undefined);
  }

  async #call<A, B>(
    method: Method<A, B>,
    request: A,
    timeoutMs: number,
    again: (error: GrpcError) => boolean,
  ): Promise<B> {
    const giveUpAt = performance.now() + this.#patienceMs;
    let pause = FIRST_PAUSE_MS;
    let at = this.name;
    for (;;) {
      let connection: Connection | undefined;
      try {
        connection = await this.connect();
        at = connection.endpoint.name;
        return await connection.channel.unary(method, request, { timeoutMs, headers: connection.headers });
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        // Tokens run out; the next connection gets a new one.
        const isStale = error.code === grpcCode.unauthenticated && this.#credentials !== undefined;
        if (connection !== undefined && (isStale || isMembersFault(error))) this.abandon(connection, error);
        const sendable = connection === undefined || isStale || (isMembersFault(error) && again(error));
        if (!sendable || this.#closed || performance.now() + pause > giveUpAt) {
          throw explain(error, at, connection !== undefined && timeoutMs === WRITE_TIMEOUT_MS);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }

  async #open(endpoint: Endpoint): Promise<Connection> {
    const channel = new Channel({ authority: endpoint.authority, open: () => endpoint.open() });
    try {
      const headers: Record<string, string> = {};
      if (this.#credentials !== undefined) {
        headers['token'] = (await channel.unary(authenticate, this.#credentials, { timeoutMs: READ_TIMEOUT_MS })).token;
      }
      const { version, header } = await channel.unary(status, {}, { timeoutMs: READ_TIMEOUT_MS, headers });
      const progressIsTrue = checkVersion(version, endpoint.name);
      this.#checkCluster(header?.clusterId ?? 0, endpoint.name);
      return { channel, endpoint, headers, progressIsTrue };
    } catch (error) {
      channel.end(`etcd at ${endpoint.name} was not fit`);
      // A wrong password does not become right by asking again.
      if (error instanceof GrpcError && !isMembersFault(error)) throw explain(error, endpoint.name, false);
      throw error;
    }
  }

  #checkCluster(clusterId: number, name: string): void {
    if (this.#clusterId === 0) this.#clusterId = clusterId;
    if (this.#clusterId === clusterId) return;
    throw new UserError(
      `etcd at ${name} belongs to another cluster than the members asked before: list members of one cluster, and ` +
        `restart the servers after it was made anew`,
    );
  }

  #leave(connection: Connection, error: GrpcError): void {
    if (this.#current?.connection !== connection) return;
    this.#current = undefined;
    this.#turn += 1;
    if (!this.#closed) this.#log?.warn('left an etcd member', { member: connection.endpoint.name, why: error.message });
  }

  #ping(): void {
    const connection = this.#current?.connection;
    connection?.channel.ping(PING_TIMEOUT_MS).catch((error: unknown) => {
      if (error instanceof GrpcError) this.abandon(connection, error);
    });
  }
}

/** @throws UserError for an etcd that is too old. */
export function checkVersion(version: string, name: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const number = major * 10_000 + minor * 100 + patch;
  if (!(number >= 30_400)) throw new UserError(`etcd at ${name} is version ${version}: this needs 3.4 or later`);
  return minor === 4 && major === 3 ? patch >= 25 : minor === 5 && major === 3 ? patch >= 8 : true;
}
