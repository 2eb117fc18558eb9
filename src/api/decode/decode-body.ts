// A request body as an object of the kind that the URL names, under the fieldValidation the client asked for.
import { badRequest, cannotBeHandledAs } from '../errors.ts';
import { isObject } from '../json.ts';
import type { SchemaType } from '../schema/schema.ts';
import { schemaOfKind } from '../schema/schema.ts';
import type { ApiObject } from '../strategy/contract.ts';
import { DecodeError, decodeAs } from './decode-object.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface DecodedObject {
  readonly object: ApiObject;
  /** Texts for Warning headers; empty unless fieldValidation is Warn. */
  readonly warnings: readonly string[];
}

/** What the URL expects. */
export interface ExpectedKind {
  readonly apiVersion: string;
  readonly kind: string;
}

/**
 * Decodes `value` as the expected kind; apiVersion and kind may be absent from it. Throws StatusError 400 for another
 * kind, a wrong type and, under Strict, for unknown and duplicate fields.
 */
export function decodeObject(
  expected: ExpectedKind,
  value: unknown,
  options: { fieldValidation?: FieldValidation; duplicateFields?: () => readonly string[] } = {},
): DecodedObject {
  const schema = schemaOfKind(expected.apiVersion, expected.kind);
  if (schema === undefined) {
    throw badRequest(`no kind "${expected.kind}" is registered for version "${expected.apiVersion}"`);
  }
  const named = { kind: expected.kind, version: versionOf(expected.apiVersion) };
  if (!isObject(value)) throw cannotBeHandledAs(named, 'json: cannot unmarshal the body into an object');
  checkKind(expected, value);
  const { object, unknownFields } = decodeOr400(schema, value, named);
  object['apiVersion'] = expected.apiVersion;
  object['kind'] = expected.kind;
  if (!isObject(object['metadata'])) object['metadata'] = {};

  const validation = options.fieldValidation ?? 'Ignore';
  if (validation === 'Ignore') return { object: object as unknown as ApiObject, warnings: [] };
  const faults = [
    ...unknownFields.map((f) => `unknown field "${f}"`),
    ...(options.duplicateFields?.() ?? []).map((f) => `duplicate field "${f}"`),
  ].slice(0, 100);
  if (validation === 'Strict' && faults.length > 0) {
    throw cannotBeHandledAs(named, `strict decoding error: ${faults.join(', ')}`);
  }
  return { object: object as unknown as ApiObject, warnings: faults };
}

const versionOf = (apiVersion: string): string => apiVersion.split('/').at(-1) ?? apiVersion;

function decodeOr400(schema: SchemaType, value: unknown, named: { kind: string; version: string }) {
  try {
    return decodeAs(schema, value);
  } catch (cause) {
    if (cause instanceof DecodeError) throw cannotBeHandledAs(named, cause.message);
    throw cause;
  }
}

function checkKind(expected: ExpectedKind, value: Record<string, unknown>): void {
  const { apiVersion = expected.apiVersion, kind = expected.kind } = value;
  if (apiVersion === expected.apiVersion && kind === expected.kind) return;
  // Options are accepted under any group's version.
  if (kind === expected.kind && expected.kind === 'DeleteOptions') return;
  if (apiVersion !== expected.apiVersion) {
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  throw badRequest(`the kind in the data (${String(kind)}) does not match the expected kind (${expected.kind})`);
}
