// Calls to an etcd cluster: one connection at a time, to the first member that answers; another member as soon as it
// does not. Checks once per connection that it is the same cluster as before and new enough.
import { UserError } from '../../errors/index.ts';
import { createGrpcClient, GrpcError, type GrpcClient, type GrpcMethod } from '../../grpc/index.ts';
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

/** A member that was found fit. */
export interface Member {
  readonly name: string;
  readonly grpc: GrpcClient;
  /** Metadata of every call. */
  readonly metadata: Readonly<Record<string, string>>;
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
const CONNECT_TIMEOUT_MS = 2500;

interface Attempt {
  readonly ready: Promise<Member>;
  member?: Member;
}

export class EtcdClient {
  readonly #options: EtcdClientOptions;
  readonly #patienceMs: number;
  /** Which endpoint is asked next. */
  #turn = 0;
  #current: Attempt | undefined;
  #clusterId: bigint | undefined;
  #closed = false;

  constructor(options: EtcdClientOptions) {
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
  }

  /** May be sent any number of times: tried on one member after the other. @throws UnavailableError, UserError */
  read<Asks, Answers>(method: GrpcMethod<Asks, Answers>, request: Asks): Promise<Answers> {
    return this.#call(method, request, false);
  }

  /** Sent again only if it certainly was not carried out. @throws UnavailableError, UserError */
  write<Asks, Answers>(method: GrpcMethod<Asks, Answers>, request: Asks): Promise<Answers> {
    return this.#call(method, request, true);
  }

  /** One question on a stream, and the first answer. @throws GrpcError, UserError */
  async exchange<Asks, Answers>(
    method: GrpcMethod<Asks, Answers>,
    request: Asks,
    isWanted: (answer: Answers) => boolean = () => true,
  ): Promise<Answers> {
    const { grpc, metadata, name } = await this.connect();
    const call = grpc.stream(method, { timeoutMs: READ_TIMEOUT_MS, metadata });
    call.send(request);
    for await (const answer of call) if (isWanted(answer)) return answer;
    throw new GrpcError('INTERNAL', 'the stream ended without the answer', `${name}${method.path}`);
  }

  /** The member in use, or the next one. @throws GrpcError, UserError */
  connect(): Promise<Member> {
    if (this.#closed) return Promise.reject(new Error('the store is closed'));
    this.#current ??= this.#attempt();
    return this.#current.ready;
  }

  /** This member is no use: the next call goes to another one, and what is under way fails. */
  abandon(member: Member, error: GrpcError): void {
    if (this.#current?.member !== member) return;
    this.#current = undefined;
    this.#turn += 1;
    member.grpc.close();
    if (!this.#closed) this.#options.log?.warn('left an etcd member', { member: member.name, why: error.details });
  }

  close(): void {
    this.#closed = true;
    this.#current?.ready.then(({ grpc }) => grpc.close()).catch(() => undefined);
  }

  async #call<Asks, Answers>(method: GrpcMethod<Asks, Answers>, request: Asks, write: boolean): Promise<Answers> {
    const timeoutMs = write ? WRITE_TIMEOUT_MS : READ_TIMEOUT_MS;
    const giveUpAt = performance.now() + this.#patienceMs;
    let at = this.#options.endpoints.map((e) => e.name).join(',');
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      let member: Member | undefined;
      try {
        member = await this.connect();
        at = member.name;
        return await member.grpc.unary(method, request, { timeoutMs, metadata: member.metadata });
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        // Tokens run out; the next connection gets a new one.
        const isStale = error.code === 'UNAUTHENTICATED' && this.#options.credentials !== undefined;
        if (member !== undefined && (isStale || isMembersFault(error))) this.abandon(member, error);
        const again = member === undefined || isStale || (write ? isTransient(error) : isMembersFault(error));
        if (!again || this.#closed || performance.now() + pause > giveUpAt) {
          throw explain(error, at, write && member !== undefined);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #attempt(): Attempt {
    const { endpoints } = this.#options;
    const endpoint = endpoints[this.#turn % endpoints.length];
    if (endpoint === undefined) throw new UserError('no etcd endpoint was given');
    const attempt: Attempt = { ready: this.#open(endpoint) };
    attempt.ready.then(
      (member) => {
        attempt.member = member;
      },
      () => {
        this.#turn += 1;
        if (this.#current === attempt) this.#current = undefined;
      },
    );
    return attempt;
  }

  async #open({ target, name }: Endpoint): Promise<Member> {
    const { credentials } = this.#options;
    const grpc = createGrpcClient(target, { keepaliveMs: PING_MS, connectTimeoutMs: CONNECT_TIMEOUT_MS });
    const limit = { timeoutMs: READ_TIMEOUT_MS };
    try {
      const metadata: Record<string, string> = {};
      if (credentials !== undefined) {
        metadata['token'] = (await grpc.unary(authenticate, credentials, limit)).token;
      }
      const { version, header } = await grpc.unary(status, {}, { ...limit, metadata });
      const progressIsTrue = checkVersion(version, name);
      this.#checkCluster(header?.clusterId, name);
      return { name, grpc, metadata, progressIsTrue };
    } catch (error) {
      grpc.close();
      // A wrong password does not become right by asking again.
      if (error instanceof GrpcError && !isMembersFault(error)) throw explain(error, name, false);
      throw error;
    }
  }

  #checkCluster(clusterId: bigint | undefined, name: string): void {
    this.#clusterId ??= clusterId;
    if (this.#clusterId === clusterId) return;
    throw new UserError(
      `etcd at ${name} belongs to another cluster than the members asked before: list members of one cluster, and ` +
        `restart the servers after it was made anew`,
    );
  }
}

/** @returns whether progress is true there. @throws UserError for an etcd that is too old. */
export function checkVersion(version: string, name: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (!(major > 3 || (major === 3 && minor >= 4))) {
    throw new UserError(`etcd at ${name} is version ${version}: this needs 3.4 or later`);
  }
  const fixedIn = major > 3 ? 0 : minor === 4 ? 25 : minor === 5 ? 8 : 0;
  return patch >= fixedIn;
}
