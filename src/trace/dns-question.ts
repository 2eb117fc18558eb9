// DNS messages of a trace: the question a client asks, and what the answer says.
import { decodeMessage, encodeQuery, formatRdata, rcodeName, Type } from '../dnswire/index.ts';

export interface DnsAnswer {
  readonly rcode: string;
  /** Addresses of the asked type, in the order of the answer. */
  readonly addresses: readonly string[];
}

export type AddressType = 'A' | 'AAAA';

export const buildQuestion = (name: string, type: AddressType): Buffer => encodeQuery({ name, type });

/** Reads a reply; undefined when it is none. */
export function parseAnswer(bytes: Uint8Array): DnsAnswer | undefined {
  try {
    const message = decodeMessage(bytes);
    const addresses = message.answers.flatMap((record) =>
      record.type === Type.A || record.type === Type.AAAA ? [formatRdata(record.type, record.rdata)] : [],
    );
    return { rcode: rcodeName(message.rcode), addresses };
  } catch {
    return undefined;
  }
}
