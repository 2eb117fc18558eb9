// Reads a JSON value as an object of a known kind: right types or a 400 in the words of Go's decoder, unknown
// fields dropped and named, and every "nothing" (null, "", 0, false, [], {}) left out where Kubernetes leaves it out.
import type { FieldType, ScalarName, SchemaField, SchemaType } from '../schema/schema.ts';
import { setOwn } from '../json.ts';
import { schemaType } from '../schema/schema.ts';
import { canonicalQuantity, parseQuantity, quantityFormatText } from '../quantity.ts';

export interface Decoded {
  readonly object: Record<string, unknown>;
  /** Paths of fields the kind does not have, such as `spec.ports[0].foo`. */
  readonly unknownFields: readonly string[];
}

/** The value does not fit the type; the message is the one Go's JSON decoder gives. */
export class DecodeError extends Error {}

const goKinds: Readonly<Record<string, string>> = { meta: 'v1', core: 'v1' };

interface Walk {
  readonly unknown: string[];
  /** Struct that holds the field being read, for messages. */
  struct: string;
}

/** Decodes `value` as `type`. Throws DecodeError when a value has the wrong type. */
export function decodeAs(type: SchemaType, value: unknown): Decoded {
  const walk: Walk = { unknown: [], struct: type.name };
  const object = decodeMessage(type, value, '', '', walk);
  return { object: object ?? {}, unknownFields: walk.unknown };
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goType(type: FieldType): string {
  if (type.form === 'list') return `[]${goType(type.of)}`;
  if (type.form === 'map') return `map[string]${goType(type.of)}`;
  if (type.form === 'message') {
    const dot = type.type.indexOf('.');
    return `${goKinds[type.type.slice(0, dot)] ?? 'v1'}.${type.type.slice(dot + 1)}`;
  }
  return goScalar[type.scalar];
}

const goScalar: Readonly<Record<ScalarName, string>> = {
  string: 'string',
  int32: 'int32',
  int64: 'int64',
  bool: 'bool',
  bytes: '[]uint8',
  double: 'float64',
  quantity: 'resource.Quantity',
  intorstring: 'int32',
  time: 'string',
  microtime: 'string',
  duration: 'string',
  fields: 'v1.FieldsV1',
  raw: 'runtime.RawExtension',
};

function mismatch(value: unknown, typeText: string, path: string, walk: Walk): never {
  const kind = jsonKind(value);
  const shown = kind === 'number' && /^u?int/.test(typeText) ? `number ${String(value)}` : kind;
  throw new DecodeError(
    path === ''
      ? `json: cannot unmarshal ${shown} into Go value of type ${typeText}`
      : `json: cannot unmarshal ${shown} into Go struct field ${walk.struct}.${path} of type ${typeText}`,
  );
}

/** `path` has no list indexes (for messages about types); `exact` has them (for unknown fields). */
function decodeMessage(
  type: SchemaType,
  value: unknown,
  path: string,
  exact: string,
  walk: Walk,
): Record<string, unknown> | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) mismatch(value, `v1.${type.name}`, path, walk);
  const out: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(value) as [string, unknown][]) {
    if (child === undefined) continue;
    const field = type.fields.get(name);
    if (field === undefined) {
      walk.unknown.push(exact === '' ? name : `${exact}.${name}`);
      continue;
    }
    if (child === null) continue;
    walk.struct = type.name;
    const childPath = path === '' ? name : `${path}.${name}`;
    const decoded = decodeValue(field.type, child, childPath, exact === '' ? name : `${exact}.${name}`, walk);
    if (decoded !== undefined && !isNothing(field, decoded)) out[name] = decoded;
  }
  return out;
}

/** True for a value that Kubernetes does not tell from an absent one. */
export function isNothing(field: SchemaField, value: unknown): boolean {
  switch (field.type.form) {
    case 'scalar':
      return (
        !field.pointer &&
        !field.required &&
        (value === '' || value === 0 || value === false) &&
        field.type.scalar !== 'quantity' &&
        field.type.scalar !== 'intorstring'
      );
    case 'list':
      return !field.required && Array.isArray(value) && value.length === 0;
    case 'map':
      return !field.required && Object.keys(value as object).length === 0;
    case 'message':
      return field.embedded && !field.required && Object.keys(value as object).length === 0;
  }
}

function decodeValue(type: FieldType, value: unknown, path: string, exact: string, walk: Walk): unknown {
  if (value === null || value === undefined) return undefined;
  switch (type.form) {
    case 'message':
      return decodeMessage(schemaType(type.type), value, path, exact, walk);
    case 'list': {
      if (!Array.isArray(value)) mismatch(value, goType(type), path, walk);
      const struct = walk.struct;
      return (value as unknown[]).map((item, i) => {
        walk.struct = struct;
        return decodeValue(type.of, item, path, `${exact}[${i}]`, walk) ?? zeroItem(type.of);
      });
    }
    case 'map': {
      if (typeof value !== 'object' || Array.isArray(value)) mismatch(value, goType(type), path, walk);
      const out: Record<string, unknown> = {};
      for (const [key, item] of Object.entries(value)) {
        setOwn(out, key, decodeValue(type.of, item, path, `${exact}.${key}`, walk) ?? zeroItem(type.of));
      }
      return out;
    }
    case 'scalar':
      return decodeScalar(type.scalar, value, path, walk);
  }
}

function zeroItem(type: FieldType): unknown {
  if (type.form === 'list') return [];
  if (type.form === 'scalar') return type.scalar === 'bool' ? false : /^int|double/.test(type.scalar) ? 0 : '';
  return {};
}

function decodeScalar(scalar: ScalarName, value: unknown, path: string, walk: Walk): unknown {
  switch (scalar) {
    case 'string':
      return typeof value === 'string' ? value : mismatch(value, 'string', path, walk);
    case 'bytes':
      if (typeof value !== 'string') return mismatch(value, '[]uint8', path, walk);
      return canonicalBase64(value);
    case 'bool':
      return typeof value === 'boolean' ? value : mismatch(value, 'bool', path, walk);
    case 'int32':
    case 'int64':
      return isInteger(value, scalar) ? value : mismatch(value, scalar, path, walk);
    case 'double':
      return typeof value === 'number' ? value : mismatch(value, 'float64', path, walk);
    case 'intorstring':
      if (typeof value === 'string' || isInteger(value, 'int32')) return value;
      throw new DecodeError(`json: cannot unmarshal ${jsonKind(value)} into Go value of type int32`);
    case 'quantity':
      if ((typeof value !== 'string' && typeof value !== 'number') || parseQuantity(value) === undefined) {
        throw new DecodeError(quantityFormatText);
      }
      return canonicalQuantity(value);
    case 'time':
    case 'microtime':
      if (typeof value !== 'string') return mismatch(value, 'string', path, walk);
      return canonicalTime(value, scalar);
    case 'duration':
      return typeof value === 'string' ? value : mismatch(value, 'string', path, walk);
    case 'fields':
    case 'raw':
      return value;
  }
}

function isInteger(value: unknown, scalar: 'int32' | 'int64'): boolean {
  if (typeof value !== 'number' || !Number.isInteger(value)) return false;
  // Beyond 2⁵³ JavaScript has read another number than was written: better refused than changed.
  return scalar === 'int64' ? Number.isSafeInteger(value) : value >= -2_147_483_648 && value <= 2_147_483_647;
}

function canonicalBase64(text: string): string {
  const compact = text.replaceAll(/[\r\n]/g, '');
  const bad = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.exec(compact) === null;
  if (bad) {
    const at = compact.search(/[^A-Za-z0-9+/=]/);
    throw new DecodeError(`illegal base64 data at input byte ${at < 0 ? Math.max(compact.length - 1, 0) : at}`);
  }
  return compact;
}

const timeRegex = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/;

function canonicalTime(text: string, scalar: 'time' | 'microtime'): string {
  const layout = scalar === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
  const m = timeRegex.exec(text);
  const ms =
    m === null ? Number.NaN : Date.parse(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}${m[8]?.toUpperCase()}`);
  if (m === null || Number.isNaN(ms)) {
    throw new DecodeError(
      `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  }
  const seconds = new Date(ms).toISOString().slice(0, 19);
  return scalar === 'time' ? `${seconds}Z` : `${seconds}.${(m[7] ?? '').padEnd(6, '0').slice(0, 6)}Z`;
}
