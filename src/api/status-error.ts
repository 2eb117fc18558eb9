// Errors as Kubernetes Status objects: thrown by the API server's rooms, rebuilt by the client from a response.
import type { meta } from './types.ts';

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** metav1.Status with status "Failure". */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: meta.ListMeta;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

/** A failed API request. `status` is the body that goes, or came, over the wire. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'StatusError';
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details === undefined ? {} : { details }),
      code,
    };
  }

  static of(status: Status): StatusError {
    const e = new StatusError(status.code, status.reason ?? '', status.message ?? '', status.details);
    return e;
  }

  get code(): number {
    return this.status.code;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

const hasReason = (e: unknown, ...reasons: string[]): boolean => e instanceof StatusError && reasons.includes(e.reason);

export const isNotFound = (e: unknown): boolean => hasReason(e, 'NotFound');
export const isUnauthorized = (e: unknown): boolean => hasReason(e, 'Unauthorized');
export const isAlreadyExists = (e: unknown): boolean => hasReason(e, 'AlreadyExists');
/** A stale resourceVersion: read again and retry. */
export const isConflict = (e: unknown): boolean => hasReason(e, 'Conflict');
/** The server is there and cannot do its work now, or did not in time: its store is away, say. */
export const isUnavailable = (e: unknown): boolean => hasReason(e, 'ServiceUnavailable', 'Timeout', 'ServerTimeout');
/** The resourceVersion asked for is no longer (410) retained: list again. */
export const isExpired = (e: unknown): boolean => hasReason(e, 'Expired', 'Gone');
