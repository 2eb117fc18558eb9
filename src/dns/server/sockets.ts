// UDP and TCP on one port at several addresses, opened together and closed without losing an answer.
import process from 'node:process';
import type { Clock } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import { DnsConfigError } from '../config/config.ts';
import type { Responder } from './responder.ts';
import { listenTcp } from './tcp.ts';
import type { TcpListener } from './tcp.ts';
import { listenUdp } from './udp.ts';
import type { UdpListener, UdpOptions } from './udp.ts';

export interface SocketOptions {
  /** Undefined: every address, IPv4 and (where there is any) IPv6. */
  readonly addresses?: readonly string[];
  /** 0: any that is free. */
  readonly port: number;
  readonly reusePort: boolean;
  /** Many packets a system call, where this machine can do that. */
  readonly batch: boolean;
}

export interface Sockets {
  readonly port: number;
  /** Goes on while clients still come, then waits for answers under way, each at most so long. */
  close(limits: CloseLimits): Promise<void>;
}

export interface CloseLimits {
  readonly lingerMs: number;
  readonly drainMs: number;
}

const TCP_IDLE_MS = 10_000;
const MAX_TCP_CONNECTIONS = 10_000;
/** No question for so long: nobody is led here any more. */
const QUIET_MS = 500;

/** @throws DnsConfigError that says what is in the way. */
export async function openSockets(
  responder: Responder,
  options: SocketOptions,
  deps: { clock: Clock; log: Logger },
): Promise<Sockets> {
  const { clock, log } = deps;
  const udp: UdpListener[] = [];
  const tcp: TcpListener[] = [];
  const closeUdp = () => Promise.all(udp.map((listener) => listener.close()));
  const closeTcp = () => Promise.all(tcp.map((listener) => listener.close()));
  const { addresses } = options;
  let { port } = options;
  for (const address of addresses ?? ['0.0.0.0', '::'])
    try {
      const both = await listenBoth(responder, { ...options, address, port }, log);
      udp.push(both.udp);
      tcp.push(both.tcp);
      port = both.udp.port;
    } catch (error) {
      if (addresses === undefined && address === '::' && isNoIpv6(error)) continue;
      await Promise.all([closeUdp(), closeTcp()]);
      throw listenError(error, address, port);
    }
  return {
    port,
    close: async ({ lingerMs, drainMs }) => {
      await untilQuiet(responder, lingerMs, clock);
      const end = clock.monotonic() + drainMs;
      const tcpClosed = closeTcp();
      // Questions that were forwarded get their answers while the sockets are still open.
      while (responder.pending > 0 && clock.monotonic() < end)
        await new Promise<void>((resolve) => clock.after(10, resolve));
      await Promise.all([tcpClosed, closeUdp()]);
    },
  };
}

/** A busy cluster takes its time to lead every client elsewhere. */
async function untilQuiet(responder: Responder, lingerMs: number, clock: Clock): Promise<void> {
  const end = clock.monotonic() + lingerMs;
  for (let seen = -1; seen !== responder.handled && clock.monotonic() < end;) {
    seen = responder.handled;
    await new Promise<void>((resolve) => clock.after(QUIET_MS, resolve));
  }
}

async function listenBoth(
  responder: Responder,
  options: { address: string; port: number; reusePort: boolean; batch: boolean },
  log: Logger,
): Promise<{ udp: UdpListener; tcp: TcpListener }> {
  const { address, port, reusePort } = options;
  const limits = { idleMs: TCP_IDLE_MS, maxConnections: MAX_TCP_CONNECTIONS };
  const listen = options.batch && process.platform === 'linux' ? batchOrSingle(log) : listenUdp;
  for (let attempt = 1; ; attempt++) {
    const udp = await listen(responder, { address, port, reusePort });
    try {
      return { udp, tcp: await listenTcp(responder, { address, port: udp.port, reusePort, ...limits }) };
    } catch (error) {
      await udp.close();
      // A port that the kernel chose for UDP may be taken for TCP.
      if (port !== 0 || attempt >= 10 || codeOf(error) !== 'EADDRINUSE') throw error;
    }
  }
}

/** Batches, or one packet a call where the layer for system calls cannot be loaded. */
const batchOrSingle =
  (log: Logger) =>
  async (responder: Responder, options: UdpOptions): Promise<UdpListener> => {
    try {
      const { listenUdpBatch } = await import('./udp-batch.ts');
      return await listenUdpBatch(responder, options);
    } catch (error) {
      // The system's own refusals (the port is taken) hold for the other way too.
      if (codeOf(error) !== '' && !codeOf(error).startsWith('ERR_')) throw error;
      log.warn('packets cannot be received in batches here: one at a time', { error: errorText(error) });
      return listenUdp(responder, options);
    }
  };

function codeOf(error: unknown): string {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  const name = typeof code === 'string' ? code : typeof errno === 'string' ? errno : '';
  return name;
}

export const isNoIpv6 = (error: unknown): boolean => ['EAFNOSUPPORT', 'EADDRNOTAVAIL'].includes(codeOf(error));

export function listenError(error: unknown, address: string, port: number): DnsConfigError {
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another process has the port; stop it or choose another with --listen ADDRESS:PORT',
    EACCES: 'ports below 1024 need root or CAP_NET_BIND_SERVICE',
    EADDRNOTAVAIL: 'this machine does not have the address',
  };
  return new DnsConfigError(`cannot listen on ${where}: ${hints[codeOf(error)] ?? String(error)}`, { cause: error });
}
