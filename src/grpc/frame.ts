// gRPC's framing of messages in a byte stream: one byte "compressed", four bytes of length, the message.
const HEADER = 5;

export function frame(message: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(HEADER + message.length);
  out[0] = 0;
  out.writeUInt32BE(message.length, 1);
  out.set(message, HEADER);
  return out;
}

export interface FrameReader {
  /** The messages that are complete with this chunk. Throws RangeError for a compressed or too long message. */
  push(chunk: Buffer): Uint8Array[];
  /** Bytes of a message that is not complete. */
  readonly pending: number;
}

export function createFrameReader(maxBytes: number): FrameReader {
  let parts: Buffer[] = [];
  let held = 0;
  /** Bytes of the frame that is being read, header included; known once the header is there. */
  let wanted = HEADER;
  return {
    get pending() {
      return held;
    },
    push(chunk) {
      parts.push(chunk);
      held += chunk.length;
      const messages: Uint8Array[] = [];
      while (held >= wanted) {
        const all = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, held);
        parts = [all];
        const length = all.readUInt32BE(1);
        if (all[0] !== 0) throw new RangeError('a compressed message, which was not asked for');
        if (length > maxBytes) throw new RangeError(`a message of ${length} bytes, more than the ${maxBytes} allowed`);
        wanted = HEADER + length;
        if (held < wanted) break;
        messages.push(all.subarray(HEADER, wanted));
        parts = [all.subarray(wanted)];
        held -= wanted;
        wanted = HEADER;
      }
      return messages;
    },
  };
}
