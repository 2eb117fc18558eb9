// Flags that every reply of a server block has, or has not (CoreDNS's `header`).
import type { DnsPlugin } from '../plugin.ts';

export interface HeaderConfig {
  /** Bits of the second header word. */
  readonly set: number;
  readonly clear: number;
}

export function createHeader(header: HeaderConfig): DnsPlugin {
  return { name: 'header', handle: async (_query, next) => ({ ...(await next()), header }) };
}
