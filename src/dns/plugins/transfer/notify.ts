// Tells secondaries that a zone has changed (NOTIFY, RFC 1996): three tries each, whatever becomes of them.
import { createSocket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import type { Clock } from '../../../clock/index.ts';
import { Class, encodeMessage, Flag, formatName, Opcode, Type } from '../../../dnswire/index.ts';
import type { WireName } from '../../../dnswire/index.ts';
import type { Logger } from '../../../log/index.ts';

const TRIES = 3;
const WAIT_MS = 2000;

/** Address and port of those in a transfer rule that are told; networks and `*` are not. */
export function notifyTarget(to: string): { address: string; port: number } | undefined {
  if (isIP(to) !== 0) return { address: to, port: 53 };
  const [, six, four, port] = /^(?:\[(.+)\]|([\d.]+)):(\d+)$/.exec(to) ?? [];
  const address = six ?? four ?? '';
  return isIP(address) === 0 ? undefined : { address, port: Number(port) };
}

export function sendNotify(
  zone: WireName,
  to: { readonly address: string; readonly port: number },
  deps: { readonly clock: Clock; readonly log: Logger },
): void {
  const { clock, log } = deps;
  const id = Math.floor(Math.random() * 65536);
  const packet = encodeMessage({
    id,
    flags: (Opcode.NOTIFY << 11) | Flag.AA,
    rcode: 0,
    questions: [{ name: zone, type: Type.SOA, class: Class.IN }],
    answers: [],
    authorities: [],
    additionals: [],
  });
  const socket = createSocket(isIPv6(to.address) ? 'udp6' : 'udp4');
  // A zone that was told about is no reason for the process to live.
  socket.unref();
  let tries = 0;
  let timer = clock.after(0, () => attempt());
  const end = (why: string | undefined) => {
    clock.clear(timer);
    socket.close();
    if (why !== undefined) log.warn('a secondary was not told of the change', { zone: formatName(zone), ...to, why });
  };
  const attempt = () => {
    tries += 1;
    if (tries > TRIES) return end('no reply');
    socket.send(packet, to.port, to.address, () => undefined);
    timer = clock.after(WAIT_MS, attempt);
  };
  socket.on('error', (error) => end(error.message));
  socket.on('message', (reply) => {
    if (reply.length >= 12 && reply.readUInt16BE(0) === id && (reply.readUInt16BE(2) & Flag.QR) !== 0) end(undefined);
  });
}
