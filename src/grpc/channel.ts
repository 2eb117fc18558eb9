// A gRPC client: unary and streaming calls on one connection.
import http2 from 'node:http2';
import { openConnection, targetName, type ConnectionOptions, type GrpcTarget } from './connection.ts';
import { createFrameReader, frame } from './frame.ts';
import type { MessageType } from './message.ts';
import { codeName, codeOfHttpStatus, decodeGrpcMessage, GrpcError } from './status.ts';
import { WireError } from './wire.ts';

const DEFAULT_MAX_MESSAGE_BYTES = 64 << 20;

/** A method of a service; `path` is `/package.Service/Method`. */
export interface GrpcMethod<Request, Response> {
  readonly path: string;
  readonly request: MessageType<unknown, Request>;
  readonly response: MessageType<Response, never>;
}

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this time; the server is told. Left out: no limit. */
  readonly timeoutMs?: number;
  /** The call fails with CANCELLED when it fires. */
  readonly signal?: AbortSignal;
  /** Sent as headers; names in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A call in progress. Iterate it once: it gives the responses, ends with OK, throws a GrpcError for anything else. */
export interface GrpcStream<Request, Response> extends AsyncIterable<Response> {
  send(request: Request): void;
  /** No more requests. */
  end(): void;
  cancel(): void;
}

export interface GrpcClient {
  /** One request, one response. Throws GrpcError. */
  unary<Request, Response>(
    method: GrpcMethod<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  /** Any number of requests and responses. */
  stream<Request, Response>(
    method: GrpcMethod<Request, Response>,
    options?: CallOptions,
  ): GrpcStream<Request, Response>;
  /** Ends the connection and every call on it. */
  close(): void;
}

export interface GrpcClientOptions extends ConnectionOptions {
  /** Longer responses are refused. @default 64 MiB */
  readonly maxMessageBytes?: number;
  /** Sent with every call. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Connects at the first call, and anew after a connection broke; a call is never sent twice. */
export function createGrpcClient(target: GrpcTarget, options: GrpcClientOptions = {}): GrpcClient {
  const connection = openConnection(target, options);
  const name = targetName(target);
  const maxBytes = options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;

  const stream = <Request, Response>(
    method: GrpcMethod<Request, Response>,
    call: CallOptions = {},
  ): GrpcStream<Request, Response> => {
    const where = `${name}${method.path}`;
    let session: http2.ClientHttp2Session | undefined;
    const broken = (cause: unknown) => {
      const told = (session === undefined ? undefined : connection.errorOf(session)) ?? cause;
      const why =
        told instanceof Error ? told.message || ('code' in told ? String(told.code) : told.name) : String(told);
      const refused = http?.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
      const unsent = http === undefined || session === undefined || !connection.wasConnected(session) || refused;
      return new GrpcError('UNAVAILABLE', why, where, { cause, unsent });
    };
    let http: http2.ClientHttp2Stream | undefined;
    try {
      call.signal?.throwIfAborted();
      session = connection.session();
      http = session.request({
        ':method': 'POST',
        ':path': method.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'portico',
        ...(call.timeoutMs === undefined ? {} : { 'grpc-timeout': `${Math.max(1, Math.ceil(call.timeoutMs))}m` }),
        ...options.metadata,
        ...call.metadata,
      });
    } catch (cause) {
      const aborted = call.signal?.aborted === true;
      return failedStream(
        aborted ? new GrpcError('CANCELLED', 'the caller went away', where, { cause }) : broken(cause),
      );
    }
    // Why we ended the call, when it was us.
    let ours: GrpcError | undefined;
    const abandon = (error: GrpcError) => {
      ours ??= error;
      http.close(http2.constants.NGHTTP2_CANCEL);
    };
    const cancel = () => abandon(new GrpcError('CANCELLED', 'the caller went away', where));
    const timer =
      call.timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => abandon(new GrpcError('DEADLINE_EXCEEDED', `no answer within ${call.timeoutMs} ms`, where)),
            call.timeoutMs,
          );
    call.signal?.addEventListener('abort', cancel, { once: true });
    http.on('close', () => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', cancel);
    });
    // Errors are read by the iteration; without a listener they would end the process.
    http.on('error', () => {});
    const headers: http2.IncomingHttpHeaders = {};
    http.on('response', (received) => Object.assign(headers, received));
    http.on('trailers', (received) => Object.assign(headers, received));

    async function* responses(): AsyncGenerator<Response> {
      const frames = createFrameReader(maxBytes);
      try {
        for await (const chunk of http as AsyncIterable<Buffer>) {
          for (const bytes of frames.push(chunk)) yield method.response.decode(bytes);
        }
      } catch (cause) {
        if (ours !== undefined) throw ours;
        if (cause instanceof RangeError) throw new GrpcError('RESOURCE_EXHAUSTED', cause.message, where, { cause });
        if (cause instanceof WireError) throw new GrpcError('INTERNAL', cause.message, where, { cause });
        if (headers['grpc-status'] === undefined) throw broken(cause);
      } finally {
        clearTimeout(timer);
      }
      if (ours !== undefined) throw ours;
      const failure = readStatus(headers, where);
      if (failure !== undefined) throw failure;
      if (frames.pending > 0) throw new GrpcError('INTERNAL', 'the last message is cut off', where);
    }

    return {
      send(request) {
        if (!http.writableEnded && !http.destroyed) http.write(frame(method.request.encode(request)));
      },
      end() {
        if (!http.destroyed) http.end();
      },
      cancel,
      [Symbol.asyncIterator]: responses,
    };
  };

  return {
    stream,
    async unary(method, request, call) {
      const calling = stream(method, call);
      calling.send(request);
      calling.end();
      let answer: { message: Awaited<ReturnType<typeof method.response.decode>> } | undefined;
      for await (const message of calling) answer ??= { message };
      if (answer === undefined) {
        throw new GrpcError('INTERNAL', 'the server ended the call without an answer', `${name}${method.path}`);
      }
      return answer.message;
    },
    close: () => connection.close(),
  };
}

function failedStream<Request, Response>(error: GrpcError): GrpcStream<Request, Response> {
  return {
    send() {},
    end() {},
    cancel() {},
    // oxlint-disable-next-line require-yield -- it only fails
    async *[Symbol.asyncIterator]() {
      throw error;
    },
  };
}

/** What the headers and trailers say of the call's end; undefined for OK. */
function readStatus(headers: http2.IncomingHttpHeaders, where: string): GrpcError | undefined {
  const status = headers['grpc-status'];
  if (status === '0') return undefined;
  const message = headers['grpc-message'];
  const details = decodeGrpcMessage(typeof message === 'string' ? message : '');
  if (status !== undefined) return new GrpcError(codeName(Number(status)), details, where);
  const http = Number(headers[':status'] ?? 0);
  if (http === 0 || http === 200) return new GrpcError('UNAVAILABLE', 'the call ended without a status', where);
  return new GrpcError(codeOfHttpStatus(http), `HTTP status ${http}: is this a gRPC server?`, where);
}
