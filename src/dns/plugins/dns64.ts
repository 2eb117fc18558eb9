// IPv6 addresses for names that have IPv4 ones only, for clients behind a NAT64 (RFC 6147, addresses as in RFC 6052).
import { Rcode, Type } from '../../dnswire/index.ts';
import type { Answer, DnsPlugin, Query } from '../plugin.ts';

export interface Dns64Config {
  /** The prefix's 16 bytes, one a character. */
  readonly prefix: string;
  readonly bits: 32 | 40 | 48 | 56 | 64 | 96;
  /** Also for names that have IPv6 addresses. */
  readonly translateAll: boolean;
  /** Also for clients that ask over IPv4. */
  readonly allowIpv4: boolean;
}

/** Byte 8 (`u`) stays zero, whatever the prefix (RFC 6052 §2.2). */
export function embedIpv4(address: string, { prefix, bits }: Pick<Dns64Config, 'prefix' | 'bits'>): string {
  const bytes = Array.from({ length: 16 }, (_, i) => (i < bits / 8 ? prefix.charCodeAt(i) : 0));
  let at = bits / 8;
  for (const byte of address) {
    if (at === 8) at += 1;
    bytes[at++] = byte.charCodeAt(0);
  }
  return String.fromCharCode(...bytes);
}

export function createDns64(config: Dns64Config): DnsPlugin {
  const serves = (query: Query) => config.allowIpv4 || query.client.address.replace(/^::ffff:(?=\d)/, '').includes(':');
  return {
    name: 'dns64',
    concerns: (_key, type) => type === Type.AAAA,
    async handle(query, next) {
      if (query.type !== Type.AAAA || !serves(query)) return next();
      const own = await next();
      const hasOwn = own.answers.some((r) => r.type === Type.AAAA);
      if (own.rcode === Rcode.NXDOMAIN || (hasOwn && !config.translateAll)) return own;
      const v4 = await next({ ...query, type: Type.A });
      return v4.rcode === Rcode.NOERROR && v4.answers.some((r) => r.type === Type.A) ? translated(v4, config) : own;
    },
  };
}

function translated(answer: Answer, config: Dns64Config): Answer {
  const answers = answer.answers.map((r) =>
    r.type === Type.A ? { ...r, type: Type.AAAA, rdata: embedIpv4(r.rdata, config) } : r,
  );
  // What was signed is no longer what is sent.
  return { ...answer, answers, authenticated: false, from: 'dns64' };
}
