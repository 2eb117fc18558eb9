// The one error of the codec: bytes or text that are not DNS.

/** Thrown for bytes that are not a DNS message and for text that is not a name or a record. */
export class DnsWireError extends Error {
  override readonly name = 'DnsWireError';
}
