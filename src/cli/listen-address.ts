// `--listen` of DNS: addresses, all with one port.
import { isIP } from 'node:net';

import { UserError } from '../errors/index.ts';

/**
 * @throws UserError when one is no address, or they differ in their port
 * @example listenOf(['127.0.0.1:5300', '[::1]:5300']) // { addresses: ['127.0.0.1', '::1'], port: 5300 }
 */
export function listenOf(texts: readonly string[]): { addresses?: readonly string[]; port?: number } {
  if (texts.length === 0) return {};
  const ports = new Set<number | undefined>();
  const addresses = texts.map((text) => {
    const { address, port } = parseAddressPort('--listen', text);
    ports.add(port);
    return address;
  });
  if (ports.size > 1) throw new UserError(`--listen ${texts.join(',')}: give all addresses the same port`);
  const [port] = ports;
  return { addresses, ...(port === undefined ? {} : { port }) };
}

/** @throws UserError naming the flag */
export function parseAddressPort(flag: string, text: string): { address: string; port?: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text);
  const address = isIP(text) === 6 ? text : (match?.[1] ?? match?.[2] ?? '');
  const port = isIP(text) === 6 || match?.[3] === undefined ? undefined : Number(match[3]);
  if (isIP(address) === 0 || (port !== undefined && port > 65_535)) {
    throw new UserError(`${flag} ${text}: write it like 127.0.0.1, 127.0.0.1:5300 or [::1]:5300`);
  }
  return { address, ...(port === undefined ? {} : { port }) };
}
