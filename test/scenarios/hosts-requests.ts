// Requests through a Service out of a network namespace, and what became of each.
import type { Socket } from 'node:net';

import { boundPort, connectTcpIn, openConntrack } from '../../src/linux/index.ts';

export interface Asked {
  /** Milliseconds, monotonic: when it was asked, and when it was answered or given up. */
  readonly from: number;
  readonly to: number;
  /** The pod that answered, or undefined and the reason. */
  readonly pod: string | undefined;
  readonly error: string;
  readonly sourcePort: number | undefined;
}

const REQUEST_MS = 2000;

/** The stream itself tells it only once it is connected; the kernel knows it when it was asked to connect. */
function portOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd: number } | null };
  return handle === undefined || handle === null ? undefined : boundPort(handle.fd);
}

/** One HTTP request on a connection of its own out of a network namespace. */
export async function ask(netns: string, host: string, port = 80): Promise<Asked> {
  const from = performance.now();
  const socket = connectTcpIn(netns, { host, port });
  let sourcePort: number | undefined;
  setImmediate(() => (sourcePort = portOf(socket)));
  const result = (pod: string | undefined, error: string): Asked => ({
    from,
    to: performance.now(),
    pod,
    error,
    sourcePort,
  });
  try {
    socket.setTimeout(REQUEST_MS, () => socket.destroy(new Error('timeout')));
    socket.write('GET /hostname HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    if (!head.includes(' 200 ')) return result(undefined, head || 'no answer');
    return result(/[a-z0-9-]{3,}/.exec(body)?.[0], '');
  } catch (e) {
    return result(undefined, e instanceof Error ? e.message : String(e));
  }
}

/** Where the kernel of the client's node had sent a connection: the endpoint's address, while it remembers. */
export function chosenEndpoint(nodeNetns: string, vip: string, sourcePort: number): string | undefined {
  const conntrack = openConntrack(nodeNetns);
  const [entry] = conntrack.entries({ protocol: 'tcp', destination: vip, sourcePort });
  conntrack.close();
  return entry?.reply.source;
}
