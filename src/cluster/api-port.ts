// The port of the API server on 127.0.0.1: the one that was asked for, or else the first that is free.
import { UserError } from '../errors/index.ts';
import { openTcpListenerIn } from '../linux/index.ts';
import { FIRST_API_PORT, type ClusterSpec } from './spec.ts';

const PORTS_TRIED = 100;
/** Connections that wait while a server is replaced; Node's own default. */
const BACKLOG = 511;

function tryListen(port: number): number | undefined {
  try {
    return openTcpListenerIn(undefined, { address: '127.0.0.1', port, backlog: BACKLOG });
  } catch (e) {
    if (e instanceof Error && 'code' in e && e.code === 'EADDRINUSE') return undefined;
    throw e;
  }
}

/**
 * Opens the listener. A port that was asked for is never replaced by another; without one, clusters stand side by side.
 * @param earlier The port of an earlier start: kubeconfigs name it, so it is kept while it is free.
 * @throws UserError when the port, or every one that may be tried, is in use.
 */
export function openApiListener(spec: Pick<ClusterSpec, 'apiPort'>, earlier?: number): { fd: number; port: number } {
  if (spec.apiPort !== undefined) {
    const fd = tryListen(spec.apiPort);
    if (fd !== undefined) return { fd, port: spec.apiPort };
    throw new UserError(
      `--api-port ${spec.apiPort}: the port is in use on 127.0.0.1; choose another, or leave the flag out for a free one`,
    );
  }
  const scan = Array.from({ length: PORTS_TRIED }, (_, i) => FIRST_API_PORT + i);
  for (const port of earlier === undefined ? scan : [earlier, ...scan]) {
    const fd = tryListen(port);
    if (fd !== undefined) return { fd, port };
  }
  throw new UserError(
    `ports ${FIRST_API_PORT} to ${scan.at(-1)} of 127.0.0.1 are all in use: choose another with --api-port`,
  );
}
