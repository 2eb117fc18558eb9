// What carries requests to an API server: HTTP or a call inside the process. Types only.

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query, e.g. `/api/v1/pods?limit=500`. */
  readonly path: string;
  /** JSON value of the body. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed when it was JSON, else text. */
  readonly body: unknown;
}

/** One line of a watch as it comes over the wire. */
export interface RawWatchEvent {
  readonly type: string;
  readonly object: unknown;
}

export interface Transport {
  send(request: TransportRequest): Promise<TransportResponse>;
  /**
   * Resolves when the server has answered. With a success status `events` is the stream; else `response` says why.
   * The stream ends when the server ends it or the signal aborts, and throws when the connection breaks.
   */
  watch(request: TransportRequest): Promise<{ response: TransportResponse; events?: AsyncIterable<RawWatchEvent> }>;
  close(): void;
}
