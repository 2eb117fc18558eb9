// Server-sent events on one response: whole JSON values, and a sign of life while nothing happens.
import type { ServerResponse } from 'node:http';

/** Proxies and laptops that slept notice a dead connection only when something is written. */
const ALIVE_MS = 15_000;
/** A reader this far behind will not catch up: it reconnects and begins anew. */
const BACKLOG = 16 * 1024 * 1024;

export interface EventStream {
  send(event: string, value: unknown): void;
}

/** `onClose` runs once, when the reader has gone. */
export function openEventStream(response: ServerResponse, onClose: () => void): EventStream {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('retry: 1000\n\n');
  const alive = setInterval(() => response.write(': alive\n\n'), ALIVE_MS);
  response.once('close', () => {
    clearInterval(alive);
    onClose();
  });
  return {
    send(event, value) {
      if (response.destroyed) return;
      if (response.writableLength > BACKLOG) response.destroy();
      else response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    },
  };
}
