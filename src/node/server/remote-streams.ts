// The streams of an exec or attach session, whatever they travel over. Types only.
import type { Readable, Writable } from 'node:stream';

export interface RemoteStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  onResize(handler: (columns: number, rows: number) => void): void;
  /** Sends the result and closes; a Status object as JSON. */
  finish(status: object): Promise<void>;
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
}

export interface RemoteWish {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** A resize message; undefined for anything else. */
export function parseResize(text: string): { columns: number; rows: number } | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    if (typeof Width === 'number' && typeof Height === 'number') return { columns: Width, rows: Height };
  } catch {
    // Not a message we know.
  }
  return undefined;
}
