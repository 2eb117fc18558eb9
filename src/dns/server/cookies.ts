// DNS cookies (RFC 7873, interoperable form of RFC 9018): proof to the client that the reply comes from whom it asked.
import { packAddress } from '../../dnswire/index.ts';
import { sipHash24 } from './siphash.ts';

const CLIENT_LENGTH = 8;

/** False for a COOKIE option that is neither a client cookie nor client and server cookie. */
export function isCookie(data: string): boolean {
  return data.length === CLIENT_LENGTH || (data.length >= 16 && data.length <= 40);
}

/** Client cookie and a fresh server cookie, 24 bytes. */
export function answerCookie(option: string, clientAddress: string, secret: Uint8Array, nowMs: number): string {
  const client = option.slice(0, CLIENT_LENGTH);
  const seconds = Math.floor(nowMs / 1000) >>> 0;
  const time = String.fromCharCode(seconds >>> 24, (seconds >>> 16) & 255, (seconds >>> 8) & 255, seconds & 255);
  const head = `${client}\x01\0\0\0${time}`;
  return head + sipHash24(secret, head + (packAddress(clientAddress) ?? ''));
}
