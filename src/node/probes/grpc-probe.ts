// The gRPC health check, grpc.health.v1.Health/Check, over node:http2: one small request and one number back.
import http2 from 'node:http2';
import type { ProbeOutcome } from './contract.ts';

const SERVING = 1;
const STATUS: Readonly<Record<number, string>> = { 0: 'UNKNOWN', 1: 'SERVING', 2: 'NOT_SERVING', 3: 'SERVICE_UNKNOWN' };

/** HealthCheckRequest{1 service}, in gRPC's frame: a zero byte and the length. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function varint(n: number): number[] {
  return n < 0x80 ? [n] : [(n & 0x7f) | 0x80, ...varint(n >>> 7)];
}

/** HealthCheckResponse{1 status}; an absent status is 0. */
export function decodeHealthResponse(frame: Buffer): number | undefined {
  if (frame.length < 5) return undefined;
  const message = frame.subarray(5);
  if (message.length === 0) return 0;
  return message[0] === 0x08 ? message[1] : undefined;
}

export function probeGrpc(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeOutcome> {
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve) => {
    const session = http2.connect(`http://${authority}`);
    // Kubelet goes on dialling until its time is over, and says so of a refusal too.
    const unreachable = `timeout: failed to connect service "${authority}" within ${timeoutMs / 1000}s: context deadline exceeded`;
    let connected = false;
    session.once('connect', () => (connected = true));
    const timer = setTimeout(() => finish(false, unreachable), timeoutMs);
    const finish = (ok: boolean, output: string) => {
      clearTimeout(timer);
      session.destroy();
      resolve({ ok, output });
    };
    session.on('error', (e) =>
      finish(
        false,
        connected ? `error: this server does not implement the grpc health protocol: ${e.message}` : unreachable,
      ),
    );
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'kube-probe/1.33',
    });
    const chunks: Buffer[] = [];
    let grpcStatus = '';
    const readStatus = (headers: http2.IncomingHttpHeaders) => {
      grpcStatus = String(headers['grpc-status'] ?? grpcStatus);
    };
    stream.on('response', readStatus);
    stream.on('trailers', readStatus);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (e) => finish(false, connected ? e.message : unreachable));
    stream.on('end', () => {
      if (grpcStatus === '12')
        return finish(false, 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health)');
      if (grpcStatus !== '0') return finish(false, `error: health rpc probe failed with status ${grpcStatus}`);
      const status = decodeHealthResponse(Buffer.concat(chunks));
      if (status === SERVING) return finish(true, '');
      return finish(false, `service unhealthy (responded with "${STATUS[status ?? 0] ?? 'UNKNOWN'}")`);
    });
    stream.end(encodeHealthRequest(service));
  });
}
