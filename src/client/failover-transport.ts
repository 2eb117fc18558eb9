// Several API servers as one: requests go to the server that answered last; when it dies, freezes or is no longer ready,
// the next one that is ready takes its place, and what was open at the old one is broken off, so that watches move too.
import { systemClock, type Clock, type Timer } from '../clock/index.ts';
import { isConnectionError } from './connection-error.ts';
import type { RawWatchEvent, Transport, TransportRequest } from './transport.ts';

export interface FailoverOptions {
  /** URLs, the preferred one first; asked whenever another is needed. */
  readonly servers: () => readonly string[];
  readonly open: (server: string) => Transport;
  /** Told of each change of server. */
  readonly onServer?: (server: string) => void;
  readonly clock?: Clock;
}

/** How often a server in use is asked whether it is ready, and how long its answer may take. */
const LOOK_MS = 4000;
const ANSWER_MS = 3000;

interface Place {
  readonly server: string;
  readonly transport: Transport;
  /** Connections of its own: a question about life must not wait behind what is stuck. */
  readonly pulse: Transport;
}

export function createFailoverTransport(options: FailoverOptions): Transport {
  const { servers, open, onServer, clock = systemClock } = options;
  let here: Place | undefined;
  let moving: Promise<void> | undefined;
  let inUse = 0;
  let timer: Timer;
  let closed = false;

  const openPlace = (server: string): Place => ({ server, transport: open(server), pulse: open(server) });
  const closePlace = ({ transport, pulse }: Place) => {
    transport.close();
    pulse.close();
  };
  const place = (): Place => (here ??= openPlace(servers()[0] ?? ''));

  const isReady = async ({ pulse }: Place): Promise<boolean> => {
    const late = new AbortController();
    const end = clock.after(ANSWER_MS, () => late.abort());
    try {
      return (await pulse.send({ method: 'GET', path: '/readyz', signal: late.signal })).status === 200;
    } catch {
      return false;
    } finally {
      clock.clear(end);
    }
  };

  /** Leaves a server that is not ready for one that is; stays where no other is. */
  const findReady = async (from: Place): Promise<void> => {
    if (await isReady(from)) return;
    const all = servers();
    const at = all.indexOf(from.server);
    for (const server of [...all.slice(at + 1), ...all.slice(0, Math.max(0, at))]) {
      const next = openPlace(server);
      if (closed || !(await isReady(next))) {
        closePlace(next);
        continue;
      }
      here = next;
      closePlace(from);
      onServer?.(server);
      return;
    }
  };
  /** Resolves when it is clear which server is used instead of `from`: it may be the same. */
  const leave = async (from: Place): Promise<void> => {
    if (closed || here !== from || servers().length < 2) return;
    moving ??= findReady(from).finally(() => (moving = undefined));
    await moving;
  };

  /** A frozen server, or one whose cable was pulled, refuses nothing: it is asked while something waits for it. */
  const look = () => {
    timer = undefined;
    if (inUse === 0 || closed) return;
    void leave(place()).then(() => (timer ??= inUse === 0 || closed ? undefined : clock.after(LOOK_MS, look)));
  };
  const enter = () => {
    inUse += 1;
    timer ??= clock.after(LOOK_MS, look);
  };
  const exit = () => (inUse -= 1);

  const through = async <T>(request: TransportRequest, ask: (transport: Transport) => Promise<T>): Promise<T> => {
    const first = place();
    try {
      return await ask(first.transport);
    } catch (e) {
      if (!isConnectionError(e) || request.signal?.aborted === true) throw e;
      await leave(first);
      // Only a read may be repeated unseen: nobody knows what became of a write.
      if (here === first || request.method !== 'GET') throw e;
      return ask(place().transport);
    }
  };

  async function* counted(events: AsyncIterable<RawWatchEvent>): AsyncGenerator<RawWatchEvent> {
    enter();
    try {
      yield* events;
    } finally {
      exit();
    }
  }

  return {
    async send(request) {
      enter();
      try {
        return await through(request, (transport) => transport.send(request));
      } finally {
        exit();
      }
    },
    async watch(request) {
      enter();
      try {
        const { response, events } = await through(request, (transport) => transport.watch(request));
        return events === undefined ? { response } : { response, events: counted(events) };
      } finally {
        exit();
      }
    },
    close() {
      closed = true;
      clock.clear(timer);
      if (here !== undefined) closePlace(here);
    },
  };
}
