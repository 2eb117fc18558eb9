// Kubernetes' protobuf bodies to the JSON value that the same client would have sent as JSON. Field numbers come
// from the tables of types; fields that a table does not have are skipped, as protobuf wants it.
import { badRequest } from '../errors.ts';
import { setOwn } from '../json.ts';
import type { FieldType, ScalarName, SchemaField, SchemaType } from '../schema/schema.ts';
import { schemaOfKind, schemaType } from '../schema/schema.ts';
import { WireError, WireReader } from './wire-reader.ts';

const magic = [0x6b, 0x38, 0x73, 0x00];
const utf8 = new TextDecoder();

/** Decodes an envelope `k8s\0` + runtime.Unknown. Throws StatusError 400 when it is malformed or of an unknown kind. */
export function decodeProtobuf(bytes: Uint8Array): Record<string, unknown> {
  if (!magic.every((b, i) => bytes[i] === b)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
  }
  try {
    const envelope = readEnvelope(bytes.subarray(4));
    const schema = schemaOfKind(envelope.apiVersion, envelope.kind);
    if (schema === undefined) {
      throw badRequest(`no kind "${envelope.kind}" is registered for version "${envelope.apiVersion}"`);
    }
    return { apiVersion: envelope.apiVersion, kind: envelope.kind, ...readMessage(schema, envelope.raw) };
  } catch (cause) {
    if (cause instanceof WireError) throw badRequest(`unable to decode the protobuf body: ${cause.message}`);
    throw cause;
  }
}

function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const envelope: { apiVersion: string; kind: string; raw: Uint8Array } = {
    apiVersion: '',
    kind: '',
    raw: new Uint8Array(),
  };
  for (const { number, reader } of fieldsOf(bytes)) {
    if (number === 1) {
      for (const part of fieldsOf(reader.chunk())) {
        const text = utf8.decode(part.reader.chunk());
        if (part.number === 1) envelope.apiVersion = text;
        else if (part.number === 2) envelope.kind = text;
      }
    } else if (number === 2) envelope.raw = reader.chunk();
    else reader.chunk();
  }
  return envelope;
}

function* fieldsOf(bytes: Uint8Array): Generator<{ number: number; wire: number; reader: WireReader }> {
  const reader = new WireReader(bytes);
  while (!reader.done) yield { ...reader.tag(), reader };
}

const wireTables = new WeakMap<SchemaType, ReadonlyMap<number, SchemaField>>();

function wireTable(schema: SchemaType): ReadonlyMap<number, SchemaField> {
  let table = wireTables.get(schema);
  if (table === undefined) {
    table = new Map(schema.wireFields.map((f) => [f.number, f]));
    wireTables.set(schema, table);
  }
  return table;
}

function readMessage(schema: SchemaType, bytes: Uint8Array): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const table = wireTable(schema);
  for (const { number, wire, reader } of fieldsOf(bytes)) {
    const field = table.get(number);
    if (field === undefined) reader.skip(wire);
    else if (field.inline && field.type.form === 'message') {
      Object.assign(out, readMessage(schemaType(field.type.type), reader.chunk()));
    } else readField(field, wire, reader, out);
  }
  return out;
}

function readField(field: SchemaField, wire: number, reader: WireReader, out: Record<string, unknown>): void {
  const { type, name } = field;
  if (type.form === 'list') {
    const list = (out[name] ??= []) as unknown[];
    if (wire === 2 && type.of.form === 'scalar' && isVarint(type.of.scalar)) {
      const packed = new WireReader(reader.chunk());
      while (!packed.done) list.push(readScalar(type.of.scalar, 0, packed));
    } else list.push(readValue(type.of, wire, reader));
  } else if (type.form === 'map') {
    const map = (out[name] ??= {}) as Record<string, unknown>;
    const { key, value } = readEntry(type.of, reader.chunk());
    setOwn(map, key, value);
  } else {
    const value = readValue(type, wire, reader);
    if (value !== undefined) out[name] = value;
  }
}

function readEntry(of: FieldType, bytes: Uint8Array): { key: string; value: unknown } {
  let key = '';
  let value: unknown =
    of.form === 'list' ? [] : of.form === 'message' ? {} : of.form === 'scalar' && isVarint(of.scalar) ? 0 : '';
  for (const { number, wire, reader } of fieldsOf(bytes)) {
    if (number === 1) key = utf8.decode(reader.chunk());
    else if (number !== 2) reader.skip(wire);
    else if (of.form === 'list') {
      // A list as the value of a map travels as a message of its own.
      const list: unknown[] = [];
      // Each item is read before the next tag: they share one reader.
      for (const item of fieldsOf(reader.chunk())) list.push(readValue(of.of, item.wire, item.reader));
      value = list;
    } else value = readValue(of, wire, reader) ?? value;
  }
  return { key, value };
}

function readValue(type: FieldType, wire: number, reader: WireReader): unknown {
  if (type.form === 'message') return readMessage(schemaType(type.type), reader.chunk());
  if (type.form === 'scalar') return readScalar(type.scalar, wire, reader);
  throw new WireError('nested lists are not part of any kind');
}

const isVarint = (scalar: ScalarName): boolean => scalar === 'int32' || scalar === 'int64' || scalar === 'bool';

function readScalar(scalar: ScalarName, wire: number, reader: WireReader): unknown {
  const wanted = isVarint(scalar) ? 0 : scalar === 'double' ? 1 : 2;
  if (wire !== wanted) throw new WireError(`wire type ${wire} where ${wanted} belongs`);
  switch (scalar) {
    case 'int32':
    case 'int64':
      return Number(reader.varint());
    case 'bool':
      return reader.varint() !== 0n;
    case 'double':
      return reader.double();
    case 'string':
      return utf8.decode(reader.chunk());
    case 'bytes':
      return Buffer.from(reader.chunk()).toString('base64');
    case 'quantity':
      return readParts(reader).text || undefined;
    case 'intorstring': {
      const parts = readParts(reader);
      return parts.numbers.get(1) === 1n
        ? (parts.texts.get(3) ?? '')
        : Number(BigInt.asIntN(32, parts.numbers.get(2) ?? 0n));
    }
    case 'time':
    case 'microtime': {
      const { numbers } = readParts(reader);
      if (numbers.size === 0) return undefined;
      return formatTime(scalar, Number(numbers.get(1) ?? 0n), Number(numbers.get(2) ?? 0n));
    }
    case 'duration':
      return `${Number(readParts(reader).numbers.get(1) ?? 0n) / 1e9}s`;
    case 'fields':
    case 'raw': {
      const { text } = readParts(reader);
      if (text === '') return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new WireError('embedded JSON is malformed');
      }
    }
  }
}

/** The small messages behind special scalars: numbers and texts by field number; `text` is field 1. */
function readParts(reader: WireReader): { numbers: Map<number, bigint>; texts: Map<number, string>; text: string } {
  const numbers = new Map<number, bigint>();
  const texts = new Map<number, string>();
  for (const part of fieldsOf(reader.chunk())) {
    if (part.wire === 0) numbers.set(part.number, part.reader.varint());
    else if (part.wire === 2) texts.set(part.number, utf8.decode(part.reader.chunk()));
    else part.reader.skip(part.wire);
  }
  return { numbers, texts, text: texts.get(1) ?? '' };
}

function formatTime(scalar: 'time' | 'microtime', seconds: number, nanos: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new WireError('time out of range');
  const text = date.toISOString().slice(0, 19);
  return scalar === 'time' ? `${text}Z` : `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}
