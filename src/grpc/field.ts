// The kinds of fields a message has. A field knows its number, how it is written, and how it is read.
import type { MessageType } from './message.ts';
import { CHUNK, FIXED64, VARINT, WireError, WireReader, WireWriter } from './wire.ts';

/** `Out` is what reading gives, `In` what writing takes. */
export interface Field<Out, In = Out> {
  readonly number: number;
  /** The wire type of one value. */
  readonly wire: number;
  /** The value of a field that did not come. */
  initial(): Out;
  /** Is the value written at all? proto3 leaves out what equals the default. */
  isWorthWriting(value: In): boolean;
  /** Writes the value without its tag. */
  write(to: WireWriter, value: In): void;
  /** Writes tag and value, or all of them; left out: one tag and `write`. */
  writeAll?(to: WireWriter, value: In): void;
  /** Reads one value; `before` is what the field holds so far. */
  read(from: WireReader, wire: number, before: Out): Out;
}

function scalar<T>(
  number: number,
  wire: number,
  zero: T,
  write: (to: WireWriter, value: T) => void,
  read: (from: WireReader) => T,
): Field<T> {
  return {
    number,
    wire,
    initial: () => zero,
    isWorthWriting: (value) => value !== zero,
    write,
    read(from, got) {
      if (got !== wire) throw new WireError(`field ${number}: wire type ${got} where ${wire} belongs`);
      return read(from);
    },
  };
}

const string = (number: number): Field<string> =>
  scalar(
    number,
    CHUNK,
    '',
    (to, value) => to.text(value),
    (from) => from.text(),
  );

const bool = (number: number): Field<boolean> =>
  scalar(
    number,
    VARINT,
    false,
    (to, value) => to.unsigned(value ? 1 : 0),
    (from) => Number(from.unsigned()) !== 0,
  );

/** int32 and enumerations. */
const int32 = (number: number): Field<number> =>
  scalar(
    number,
    VARINT,
    0,
    (to, value) => to.unsigned(value < 0 ? BigInt(value) : value),
    (from) => Number(BigInt.asIntN(32, BigInt(from.unsigned()))),
  );

const uint32 = (number: number): Field<number> =>
  scalar(
    number,
    VARINT,
    0,
    (to, value) => to.unsigned(value),
    (from) => Number(BigInt.asUintN(32, BigInt(from.unsigned()))),
  );

const int64 = (number: number): Field<bigint> =>
  scalar(
    number,
    VARINT,
    0n,
    (to, value) => to.unsigned(value),
    (from) => BigInt.asIntN(64, BigInt(from.unsigned())),
  );

const uint64 = (number: number): Field<bigint> =>
  scalar(
    number,
    VARINT,
    0n,
    (to, value) => to.unsigned(value),
    (from) => BigInt(from.unsigned()),
  );

/** An int64 or uint64 held as a plain number; a value that a number cannot hold exactly is a WireError. */
const int53 = (number: number): Field<number> =>
  scalar(
    number,
    VARINT,
    0,
    (to, value) => to.unsigned(value < 0 ? BigInt(value) : value),
    (from) => {
      const raw = from.unsigned();
      const value = typeof raw === 'number' ? raw : Number(BigInt.asIntN(64, raw));
      if (!Number.isSafeInteger(value)) throw new WireError(`field ${number}: ${raw} does not fit into 53 bits`);
      return value;
    },
  );

const double = (number: number): Field<number> =>
  scalar(
    number,
    FIXED64,
    0,
    (to, value) => to.double(value),
    (from) => from.double(),
  );

const bytes = (number: number): Field<Uint8Array> => ({
  ...scalar<Uint8Array>(
    number,
    CHUNK,
    new Uint8Array(),
    (to, value) => to.chunk(value),
    (from) => from.chunk(),
  ),
  isWorthWriting: (value) => value.length > 0,
});

/** A message inside the message; undefined when it did not come. */
function message<Out, In>(number: number, type: MessageType<Out, In>): Field<Out | undefined, In> {
  return {
    number,
    wire: CHUNK,
    initial: () => undefined,
    isWorthWriting: () => true,
    write: (to, value) => to.chunk(type.encode(value)),
    read(from, wire) {
      if (wire !== CHUNK) throw new WireError(`field ${number}: wire type ${wire} where a message belongs`);
      return type.decode(from.chunk());
    },
  };
}

/** A field that tells "not there" from its zero value: `optional` in proto3, and members of a `oneof`. */
function optional<Out, In>(of: Field<Out, In>): Field<Out | undefined, In> {
  return {
    number: of.number,
    wire: of.wire,
    initial: () => undefined,
    isWorthWriting: () => true,
    write: (to, value) => of.write(to, value),
    read: (from, wire, before) => of.read(from, wire, before ?? of.initial()),
  };
}

/** `repeated`. Numbers are written packed and read either way. */
function list<Out, In>(of: Field<Out, In>): Field<readonly NonNullable<Out>[], readonly In[]> {
  const isPacked = of.wire !== CHUNK;
  return {
    number: of.number,
    wire: CHUNK,
    initial: () => [],
    isWorthWriting: (values) => values.length > 0,
    write() {},
    writeAll(to, values) {
      if (isPacked) {
        const packed = new WireWriter();
        for (const value of values) of.write(packed, value);
        to.tag(of.number, CHUNK);
        to.chunk(packed.finish());
        return;
      }
      for (const value of values) {
        to.tag(of.number, CHUNK);
        of.write(to, value);
      }
    },
    read(from, wire, before) {
      // The list was made by `initial` of this message: it is ours to grow.
      const values = before as NonNullable<Out>[];
      const add = (reader: WireReader, as: number) => {
        const value = of.read(reader, as, of.initial());
        if (value !== undefined && value !== null) values.push(value);
      };
      if (isPacked && wire === CHUNK) {
        const packed = new WireReader(from.chunk());
        while (!packed.done) add(packed, of.wire);
      } else add(from, wire);
      return values;
    },
  };
}

/** `map<string, …>`: `map(5, field.string)`, `map(5, (n) => field.message(n, Type))`. Read as an object without prototype. */
function map<Out, In>(
  number: number,
  valueAt: (number: number) => Field<Out, In>,
): Field<Readonly<Record<string, Out>>, Readonly<Record<string, In>>> {
  const key = string(1);
  const value = valueAt(2);
  return {
    number,
    wire: CHUNK,
    initial: () => Object.create(null) as Record<string, Out>,
    isWorthWriting: (entries) => Object.keys(entries).length > 0,
    write() {},
    writeAll(to, entries) {
      for (const [name, of] of Object.entries(entries)) {
        const entry = new WireWriter();
        entry.tag(1, CHUNK);
        key.write(entry, name);
        entry.tag(2, value.wire);
        value.write(entry, of);
        to.tag(number, CHUNK);
        to.chunk(entry.finish());
      }
    },
    read(from, wire, before) {
      if (wire !== CHUNK) throw new WireError(`field ${number}: wire type ${wire} where a map belongs`);
      const entry = new WireReader(from.chunk());
      let name = '';
      let held = value.initial();
      while (!entry.done) {
        const tag = entry.tag();
        if (Math.floor(tag / 8) === 1) name = key.read(entry, tag % 8, name);
        else if (Math.floor(tag / 8) === 2) held = value.read(entry, tag % 8, held);
        else entry.skip(tag % 8);
      }
      (before as Record<string, Out>)[name] = held;
      return before;
    },
  };
}

export const field = {
  string,
  bytes,
  bool,
  int32,
  uint32,
  int64,
  uint64,
  int53,
  double,
  message,
  optional,
  list,
  map,
} as const;
