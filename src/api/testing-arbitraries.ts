// Values for property tests: any value of a type of the tables, well formed, or with gaps and oddities.
import fc from 'fast-check';
import type { FieldType, SchemaType } from './schema/schema.ts';
import { schemaType } from './schema/schema.ts';

export interface ArbitraryOptions {
  /** Levels of objects below this one. */
  readonly depth: number;
  /** Also zero values, empty lists, absent required fields and texts of the wrong form. */
  readonly odd?: boolean;
}

/** An object of a kind or type. Fields of protobuf number 0 (apiVersion, kind) are left out. */
export function arbitraryObject(schema: SchemaType, options: ArbitraryOptions): fc.Arbitrary<Record<string, unknown>> {
  const { depth, odd = false } = options;
  const fields = [...schema.fields.values()].filter(
    (f) => f.number > 0 && (depth > 0 || f.type.form === 'scalar') && (odd || !isDuration(f.type)),
  );
  const shape = Object.fromEntries(fields.map((f) => [f.name, arbitraryOf(f.type, { depth, odd })]));
  return fc.record(shape, { requiredKeys: [] });
}

const isDuration = (type: FieldType): boolean => type.form === 'scalar' && type.scalar === 'duration';

function arbitraryOf(type: FieldType, options: Required<ArbitraryOptions>): fc.Arbitrary<unknown> {
  const { odd, depth } = options;
  const text = odd
    ? fc.constantFrom('', 'a', 'A_b', 'x/y', '10.0.0.1', 'None', 'TCP', 'Always', '*', '..', '__proto__', 'constructor')
    : fc.constantFrom('a', 'bc', 'ü');
  const min = odd ? 0 : 1;
  if (type.form === 'list') return fc.array(arbitraryOf(type.of, options), { minLength: min, maxLength: 2 });
  if (type.form === 'map') return fc.dictionary(text, arbitraryOf(type.of, options), { minKeys: min, maxKeys: 2 });
  if (type.form === 'message') {
    const object = arbitraryObject(schemaType(type.type), { depth: depth - 1, odd });
    return odd ? fc.oneof({ weight: 9, arbitrary: object }, { weight: 1, arbitrary: fc.constant(null) }) : object;
  }
  switch (type.scalar) {
    case 'bool':
      return odd ? fc.boolean() : fc.constant(true);
    case 'int32':
      return odd ? fc.constantFrom(0, -1, 1, 80, 70_000, 2_147_483_647) : fc.integer().filter((n) => n !== 0);
    case 'int64':
      return odd ? fc.constantFrom(0, -1, 30) : fc.maxSafeInteger().filter((n) => n !== 0);
    case 'double':
      return fc.constantFrom(1.5, -2);
    case 'intorstring':
      return fc.constantFrom<string | number>(0, -1, 80, 'http', '25%', ...(odd ? ['', '%', '-5%'] : []));
    case 'quantity':
      return fc.constantFrom('100m', '1Gi', '2', ...(odd ? ['0', '-1'] : []));
    case 'time':
      return fc.constantFrom('2026-01-02T03:04:05Z', '1969-12-31T23:59:59Z');
    case 'microtime':
      return fc.constant('2026-01-02T03:04:05.678000Z');
    case 'bytes':
      return fc.constantFrom('AAE=', 'YQ==');
    case 'duration':
      return fc.constant('1h');
    case 'fields':
    case 'raw':
      return fc.constantFrom({ 'f:a': {} }, { b: { '.': {} } });
    default:
      return text;
  }
}
