// Errors as the CNI specification numbers them.

export const cniCode = {
  INCOMPATIBLE_VERSION: 1,
  UNSUPPORTED_FIELD: 2,
  UNKNOWN_CONTAINER: 3,
  INVALID_ENVIRONMENT: 4,
  IO_FAILURE: 5,
  DECODING_FAILURE: 6,
  INVALID_CONFIG: 7,
  TRY_LATER: 11,
  /** STATUS: no container can be added. */
  NOT_AVAILABLE: 50,
  /** Of our own: what CHECK found is not what ADD made. */
  CHECK_FAILED: 100,
  /** Of our own: anything the kernel or the record of addresses said. */
  NETWORK_FAILURE: 101,
} as const;

export class CniError extends Error {
  readonly code: number;
  readonly details: string;

  constructor(code: number, message: string, details = '') {
    super(message);
    this.code = code;
    this.details = details;
  }
}
