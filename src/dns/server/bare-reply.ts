// Replies to packets whose question cannot be trusted: a header, and an OPT record where the reply code needs one.
import { asBuffer, optRecord, Rcode } from '../../dnswire/index.ts';

/** Writes a header alone; returns its length. */
export function writeBareReply(packet: Uint8Array, rcode: number, out: Buffer): number {
  out.fill(0, 0, 12);
  out[0] = packet[0] ?? 0;
  out[1] = packet[1] ?? 0;
  // QR, the client's opcode and RD.
  out[2] = 0x80 | ((packet[2] ?? 0) & 0x79);
  out[3] = rcode;
  return 12;
}

/** An EDNS version that nobody here speaks (RFC 6891 §6.1.3). */
export function writeBadVersion(packet: Uint8Array, maxUdpSize: number, out: Buffer): number {
  const opt = optRecord({ udpSize: maxUdpSize, version: 0, dnssecOk: false, options: [] }, Rcode.BADVERS);
  writeBareReply(packet, 0, out);
  asBuffer(out).latin1Write(opt, 12);
  out[11] = 1;
  return 12 + opt.length;
}
