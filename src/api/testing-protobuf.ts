// Protobuf as protobufjs writes it, for tests: an oracle beside the decoder.
import protobuf from 'protobufjs/light.js';
import type { FieldType, SchemaType } from './schema/schema.ts';
import { schemaOfKind, schemaType } from './schema/schema.ts';

/** The same tables as protobufjs reads them: an encoder that shares nothing with our decoder but the numbers. */
class Oracle {
  readonly #root = new protobuf.Root();
  readonly #done = new Set<string>();

  constructor() {
    const parts: readonly [string, Record<string, [number, string]>][] = [
      ['Quantity', { string: [1, 'string'] }],
      ['IntOrString', { type: [1, 'int64'], intVal: [2, 'int32'], strVal: [3, 'string'] }],
      ['Time', { seconds: [1, 'int64'], nanos: [2, 'int32'] }],
      ['Raw', { raw: [1, 'bytes'] }],
      ['Duration', { duration: [1, 'int64'] }],
      ['Strings', {}],
    ];
    for (const [name, fields] of parts) {
      const type = new protobuf.Type(name);
      for (const [field, [number, kind]] of Object.entries(fields)) type.add(new protobuf.Field(field, number, kind));
      this.#root.add(type);
    }
    this.#root.lookupType('Strings').add(new protobuf.Field('items', 1, 'string', 'repeated'));
  }

  type(schema: SchemaType): protobuf.Type {
    const name = schema.qualifiedName.replace('.', '_');
    if (!this.#done.has(name)) {
      this.#done.add(name);
      const type = new protobuf.Type(name);
      this.#root.add(type);
      for (const field of schema.wireFields) {
        if (field.type.form === 'map') {
          type.add(new protobuf.MapField(field.name, field.number, 'string', this.#name(field.type.of)));
        } else if (field.type.form === 'list') {
          type.add(
            new protobuf.Field(field.name, field.number, this.#name(field.type.of), 'repeated', undefined, {
              packed: false,
            }),
          );
        } else type.add(new protobuf.Field(field.name, field.number, this.#name(field.type)));
      }
    }
    return this.#root.lookupType(name);
  }

  #name(type: FieldType): string {
    if (type.form === 'list') return 'Strings';
    if (type.form === 'message') return this.type(schemaType(type.type)).name;
    if (type.form === 'map') throw new Error('no map stands in a map');
    const special: Record<string, string> = {
      quantity: 'Quantity',
      intorstring: 'IntOrString',
      time: 'Time',
      microtime: 'Time',
      duration: 'Duration',
      fields: 'Raw',
      raw: 'Raw',
    };
    return special[type.scalar] ?? type.scalar;
  }

  /** A JSON value as the message protobufjs takes. */
  message(schema: SchemaType, value: Record<string, unknown>): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const field of schema.wireFields) {
      if (field.inline && field.type.form === 'message')
        out[field.name] = this.message(schemaType(field.type.type), value);
      else if (value[field.name] !== undefined) out[field.name] = this.#value(field.type, value[field.name]);
    }
    return out;
  }

  #value(type: FieldType, value: unknown): unknown {
    if (type.form === 'message') return this.message(schemaType(type.type), value as Record<string, unknown>);
    if (type.form === 'list') return (value as unknown[]).map((v) => this.#value(type.of, v));
    if (type.form === 'map') {
      return Object.fromEntries(
        Object.entries(value as object).map(([k, v]) => [
          k,
          type.of.form === 'list' ? { items: v as unknown } : this.#value(type.of, v),
        ]),
      );
    }
    switch (type.scalar) {
      case 'quantity':
        return { string: value };
      case 'intorstring':
        return typeof value === 'number' ? { type: 0, intVal: value } : { type: 1, strVal: value };
      case 'time':
      case 'microtime': {
        const ms = Date.parse(value as string);
        return { seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1_000_000 };
      }
      case 'fields':
      case 'raw':
        return { raw: Buffer.from(JSON.stringify(value)) };
      case 'bytes':
        return Buffer.from(value as string, 'base64');
      default:
        return value;
    }
  }
}

const oracle = new Oracle();

/** What protobufjs makes of an object as an API server stores it: `k8s\0` and a runtime.Unknown around it. */
export function protobufBytes(object: Record<string, unknown>): Uint8Array {
  const [apiVersion, kind] = [String(object['apiVersion']), String(object['kind'])];
  const schema = schemaOfKind(apiVersion, kind);
  if (schema === undefined) throw new Error(`no kind ${kind} of ${apiVersion}`);
  const type = oracle.type(schema);
  return envelope(apiVersion, kind, type.encode(type.fromObject(oracle.message(schema, object))).finish());
}

export function envelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const typeMeta = protobuf.Writer.create().uint32(10).string(apiVersion).uint32(18).string(kind).finish();
  const body = protobuf.Writer.create().uint32(10).bytes(typeMeta).uint32(18).bytes(raw).finish();
  return Buffer.concat([Buffer.from([0x6b, 0x38, 0x73, 0]), body]);
}
