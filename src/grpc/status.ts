// gRPC's status codes and the error that carries one.

export const grpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export type GrpcCode = keyof typeof grpcCode;

const names = new Map<number, GrpcCode>(
  Object.entries(grpcCode).map(([name, code]) => [code, name as GrpcCode] as const),
);

/** A call that did not end with OK. `details` is the server's own sentence. */
export class GrpcError extends Error {
  readonly code: GrpcCode;
  readonly details: string;
  /** True when the request never reached the server: it can be made again, whatever it does. */
  readonly unsent: boolean;

  constructor(code: GrpcCode, details: string, where: string, options: ErrorOptions & { unsent?: boolean } = {}) {
    super(`${where}: ${code}: ${details}`, options);
    this.unsent = options.unsent ?? false;
    this.name = 'GrpcError';
    this.code = code;
    this.details = details;
  }
}

/** A code that is not in the table counts as UNKNOWN, as the protocol says. */
export function codeName(code: number): GrpcCode {
  return names.get(code) ?? 'UNKNOWN';
}

/** What an HTTP status means when no gRPC status came with it (gRPC's http-grpc-status-mapping). */
export function codeOfHttpStatus(status: number): GrpcCode {
  if (status === 400) return 'INTERNAL';
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'PERMISSION_DENIED';
  if (status === 404) return 'UNIMPLEMENTED';
  if (status === 429 || (status >= 502 && status <= 504)) return 'UNAVAILABLE';
  return 'UNKNOWN';
}

/** Messages travel percent-encoded; what is malformed is shown as it came. */
export function decodeGrpcMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
