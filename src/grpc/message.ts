// A message type is a table of fields; encoding and decoding follow from it, and so do the TypeScript types.
import type { Field } from './field.ts';
import { WireReader, WireWriter } from './wire.ts';

/** `Out` is a decoded message, `In` what can be encoded. */
export interface MessageType<Out, In> {
  encode(value: In): Uint8Array;
  /** Fields the table does not have are skipped. Bytes point into `bytes`. Throws WireError. */
  decode(bytes: Uint8Array): Out;
}

type FieldTable = Readonly<Record<string, Field<unknown>>>;
type OutOf<F> = F extends { initial(): infer Out } ? Out : never;
type InOf<F> = F extends { isWorthWriting(value: infer In): boolean } ? In : never;

export type Message<T extends FieldTable> = { readonly [K in keyof T]: OutOf<T[K]> };
export type MessageInit<T extends FieldTable> = { readonly [K in keyof T]?: InOf<T[K]> | undefined };

/** The decoded form of a message type: `type KeyValue = Decoded<typeof keyValue>`. */
export type Decoded<T> = T extends { decode(bytes: Uint8Array): infer Out } ? Out : never;
/** What a message type encodes. */
export type Encodable<T> = T extends { encode(value: infer In): Uint8Array } ? In : never;

export function messageType<T extends FieldTable>(fields: T): MessageType<Message<T>, MessageInit<T>> {
  const entries = Object.entries<Field<unknown>>(fields);
  const byNumber = new Map(entries.map(([name, f]) => [f.number, { name, field: f }]));
  return {
    encode(value) {
      const to = new WireWriter();
      for (const [name, f] of entries) {
        const held = value[name];
        if (held === undefined || !f.isWorthWriting(held)) continue;
        if (f.writeAll !== undefined) f.writeAll(to, held);
        else {
          to.tag(f.number, f.wire);
          f.write(to, held);
        }
      }
      return to.finish();
    },
    decode(bytes) {
      const out: Record<string, unknown> = {};
      for (const [name, f] of entries) out[name] = f.initial();
      const from = new WireReader(bytes);
      while (!from.done) {
        const tag = from.tag();
        const known = byNumber.get(Math.floor(tag / 8));
        if (known === undefined) from.skip(tag % 8);
        else out[known.name] = known.field.read(from, tag % 8, out[known.name]);
      }
      return out as Message<T>;
    },
  };
}
