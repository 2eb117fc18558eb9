// What a client does: one TCP connection or one UDP question, from a socket inside the client's namespace whose source
// port is known before the first packet leaves.
import { createSocket } from 'node:dgram';
import { Socket } from 'node:net';
import { isIpv6 } from '../ip/index.ts';
import { boundPort, openTcpListenerIn, openUdpSocketIn } from '../linux/index.ts';
import type { ProbeOutcome } from './contract.ts';

export interface Probe {
  readonly sourcePort: number;
  /** What a UDP probe sends. */
  readonly payload?: Uint8Array;
  /** Sends; resolves with how it went, never rejects. `signal` ends it before its time. */
  run(timeoutMs: number, signal?: AbortSignal): Promise<ProbeOutcome>;
}

export interface ProbeTarget {
  readonly netns: string;
  readonly source: string;
  readonly host: string;
  readonly port: number;
}

const MAX_ANSWER = 4096;

interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** `request` is sent once the connection stands; without it the connection is just opened and closed. */
export function prepareTcpProbe(target: ProbeTarget, request?: string): Probe {
  const fd = openTcpListenerIn(target.netns, { address: target.source, port: 0 });
  const sourcePort = boundPort(fd);
  return { sourcePort, run: (timeoutMs, signal) => runTcp(fd, target, request, { timeoutMs, signal }) };
}

function runTcp(
  fd: number,
  target: ProbeTarget,
  request: string | undefined,
  { timeoutMs, signal }: Patience,
): Promise<ProbeOutcome> {
  // Without manualStart the stream would read from the socket before it is connected, and fail.
  const options = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(options);
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  let connectedMs: number | undefined;
  let answer = '';
  return new Promise((resolve) => {
    const done = (outcome: ProbeOutcome) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      socket.destroy();
      resolve(outcome);
    };
    const success = () =>
      done({ kind: 'connected', ms: connectedMs ?? elapsed(), ...(answer === '' ? {} : { answer }) });
    const stop = () => done(interrupted(elapsed()));
    const timer = setTimeout(() => {
      const what = connectedMs === undefined ? 'no answer' : 'connected, but no answer to the request';
      done({ kind: 'timeout', ms: elapsed(), message: `${what} within ${timeoutMs} ms` });
    }, timeoutMs);
    signal?.addEventListener('abort', stop);
    socket.on('error', (error) => done(failure(error, elapsed())));
    socket.on('connect', () => {
      connectedMs = elapsed();
      if (request === undefined) success();
      else socket.write(request);
    });
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      if (answer.length >= MAX_ANSWER) success();
    });
    socket.on('end', success);
    socket.connect({ host: target.host, port: target.port });
  });
}

export function prepareUdpProbe(target: ProbeTarget, payload: Uint8Array): Probe {
  const fd = openUdpSocketIn(target.netns, { address: target.source, port: 0 });
  const sourcePort = boundPort(fd);
  return { sourcePort, payload, run: (timeoutMs, signal) => runUdp(fd, target, payload, { timeoutMs, signal }) };
}

function runUdp(
  fd: number,
  target: ProbeTarget,
  payload: Uint8Array,
  { timeoutMs, signal }: Patience,
): Promise<ProbeOutcome> {
  const socket = createSocket(isIpv6(target.host) ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    const started = performance.now();
    const elapsed = () => performance.now() - started;
    let over = false;
    const done = (outcome: ProbeOutcome) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      socket.close();
      resolve(outcome);
    };
    const stop = () => done(interrupted(elapsed()));
    const timer = setTimeout(() => {
      done({ kind: 'timeout', ms: elapsed(), message: `no answer within ${timeoutMs} ms` });
    }, timeoutMs);
    signal?.addEventListener('abort', stop);
    socket.on('error', (error) => done(failure(error, elapsed())));
    socket.on('message', (message) => done({ kind: 'connected', ms: elapsed(), answer: message.toString('latin1') }));
    socket.bind({ fd }, () => {
      // A connected socket hears ICMP errors: a refusal is then an answer, not silence.
      socket.connect(target.port, target.host, () => socket.send(payload));
    });
  });
}

const interrupted = (ms: number): ProbeOutcome => ({ kind: 'failed', ms, message: 'interrupted' });

function failure(error: Error, ms: number): ProbeOutcome {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') return { kind: 'refused', ms, message: 'connection refused' };
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') {
    return { kind: 'unreachable', ms, message: code === 'ENETUNREACH' ? 'network unreachable' : 'host unreachable' };
  }
  if (code === 'ETIMEDOUT') return { kind: 'timeout', ms, message: 'the connection timed out' };
  return { kind: 'failed', ms, message: error.message };
}
