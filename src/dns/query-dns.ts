// Asks one DNS server one question: for the command line and for tests. UDP with a fall back to TCP, as resolvers do.
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { decodeMessage, encodeQuery, Flag } from '../dnswire/index.ts';
import type { Edns, Message } from '../dnswire/index.ts';

export interface QueryDnsOptions {
  /** Address of the server. */
  readonly server: string;
  readonly port?: number;
  /** Presentation form; taken as complete, no search path. */
  readonly name: string;
  /** Default A. */
  readonly type?: string;
  readonly class?: number;
  /** `auto`: UDP, then TCP when the reply is cut. */
  readonly transport?: 'auto' | 'udp' | 'tcp';
  /** Default: EDNS with 1232 bytes; null: without EDNS. */
  readonly edns?: Edns | null;
  readonly recursionDesired?: boolean;
  /** For each attempt. */
  readonly timeoutMs?: number;
  readonly attempts?: number;
  /** Ask from inside this network namespace (Linux, root). */
  readonly netns?: string;
}

export interface QueryDnsResult {
  readonly message: Message;
  readonly bytes: number;
  readonly transport: 'udp' | 'tcp';
  readonly durationMs: number;
}

/** No reply in time, or the server cannot be reached. */
export class QueryDnsError extends Error {
  override readonly name = 'QueryDnsError';
}

const DEFAULT_EDNS: Edns = { udpSize: 1232, version: 0, dnssecOk: false, options: [] };

/**
 * @throws QueryDnsError when no reply comes; DnsWireError for a name or type that is none.
 * @example await queryDns({ server: '10.96.0.10', name: 'kubernetes.default.svc.cluster.local' })
 */
export async function queryDns(options: QueryDnsOptions): Promise<QueryDnsResult> {
  const edns = options.edns === null ? undefined : (options.edns ?? DEFAULT_EDNS);
  const wire = encodeQuery({
    name: options.name,
    type: options.type ?? 'A',
    ...(options.class === undefined ? {} : { class: options.class }),
    ...(options.recursionDesired === undefined ? {} : { recursionDesired: options.recursionDesired }),
    ...(edns === undefined ? {} : { edns }),
  });
  const transport = options.transport ?? 'auto';
  if (options.netns !== undefined) await elsewhere();
  const started = performance.now();
  const result = (bytes: Buffer, by: 'udp' | 'tcp'): QueryDnsResult => ({
    message: decodeMessage(bytes),
    bytes: bytes.length,
    transport: by,
    durationMs: performance.now() - started,
  });
  if (transport === 'tcp') return result(await overTcp(wire, options), 'tcp');
  let bytes: Buffer | undefined;
  const attempts = options.attempts ?? 2;
  for (let i = 1; bytes === undefined; i++) {
    try {
      bytes = await overUdp(wire, options);
    } catch (error) {
      if (i >= attempts) throw error;
    }
  }
  const cut = (bytes.readUInt16BE(2) & Flag.TC) !== 0;
  if (cut && transport === 'auto') return result(await overTcp(wire, options), 'tcp');
  return result(bytes, 'udp');
}

const where = (options: QueryDnsOptions) => `${options.server} port ${options.port ?? 53}`;

/** Loaded only for those who ask from elsewhere: it brings the system call layer. */
const elsewhere = () => import('../linux/index.ts');

async function overUdp(wire: Buffer, options: QueryDnsOptions): Promise<Buffer> {
  const v6 = isIPv6(options.server);
  const { netns } = options;
  const fd =
    netns === undefined
      ? undefined
      : (await elsewhere()).openUdpSocketIn(netns, { address: v6 ? '::' : '0.0.0.0', port: 0 });
  const socket = createSocket(v6 ? 'udp6' : 'udp4');
  if (fd !== undefined) socket.bind({ fd });
  return new Promise<Buffer>((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? 2000;
    const timer = setTimeout(() => fail(`no reply from ${where(options)} in ${timeoutMs} ms`), timeoutMs);
    const end = () => {
      clearTimeout(timer);
      socket.close();
    };
    const fail = (why: string, cause?: unknown) => {
      end();
      reject(new QueryDnsError(why, { cause }));
    };
    socket.once('error', (error) => fail(`cannot ask ${where(options)}: ${error.message}`, error));
    socket.on('message', (bytes) => {
      if (bytes.length < 12 || bytes.readUInt16BE(0) !== wire.readUInt16BE(0)) return;
      end();
      resolve(bytes);
    });
    socket.connect(options.port ?? 53, options.server, () => socket.send(wire));
  });
}

async function overTcp(wire: Buffer, options: QueryDnsOptions): Promise<Buffer> {
  const target = { host: options.server, port: options.port ?? 53 };
  const socket =
    options.netns === undefined ? connect(target) : (await elsewhere()).connectTcpIn(options.netns, target);
  return new Promise<Buffer>((resolve, reject) => {
    const timeoutMs = options.timeoutMs ?? 2000;
    let received: Buffer = Buffer.alloc(0);
    const fail = (why: string, cause?: unknown) => {
      socket.destroy();
      reject(new QueryDnsError(why, { cause }));
    };
    socket.setTimeout(timeoutMs, () => fail(`no reply from ${where(options)} by TCP in ${timeoutMs} ms`));
    socket.once('error', (error) => fail(`cannot ask ${where(options)} by TCP: ${error.message}`, error));
    socket.once('close', () => fail(`${where(options)} closed the connection without a reply`));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      resolve(received.subarray(2, 2 + received.readUInt16BE(0)));
      socket.destroy();
    });
    const head = Buffer.alloc(2);
    head.writeUInt16BE(wire.length);
    socket.write(Buffer.concat([head, wire]));
  });
}
