// The server could not be reached, or the connection broke before its answer: nothing is known about the outcome.

export class ConnectionError extends Error {
  constructor(what: string, cause?: unknown) {
    super(what, cause === undefined ? undefined : { cause });
    this.name = 'ConnectionError';
  }
}

/** True when no answer came: a read may simply be repeated; before repeating a write, look whether it took place. */
export const isConnectionError = (e: unknown): boolean => e instanceof ConnectionError;
