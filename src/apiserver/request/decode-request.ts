// From a request's body to an object of the kind that the path names.
import { badRequest, decodeObject, parseBody, type ApiObject, type FieldValidation } from '../../api/index.ts';

type Headers = Readonly<Record<string, string | undefined>>;

export interface JsonBody {
  readonly value: unknown;
  readonly duplicateFields: () => readonly string[];
}

const nothing = (): readonly string[] => [];

/** The JSON value of a body; undefined when there is none. @throws StatusError 400, 415 */
export async function readValue(body: unknown, headers: Headers): Promise<JsonBody> {
  if (body instanceof Uint8Array) return parseBody(headers['content-type'], body);
  return { value: body, duplicateFields: nothing };
}

export interface Reading {
  readonly body: unknown;
  readonly headers: Headers;
  readonly query: URLSearchParams;
  readonly warnings: string[];
}

/** A fresh object of the expected kind. @throws StatusError 400, 415 */
export async function readObject(from: Reading, expected: { apiVersion: string; kind: string }): Promise<ApiObject> {
  const { value, duplicateFields } = await readValue(from.body, from.headers);
  if (value === undefined) throw badRequest(`the request has no body; a ${expected.kind} is expected`);
  return asObject(from, expected, value, duplicateFields);
}

/** The same for a value at hand, such as the result of a patch. Copies what it keeps. */
export function asObject(
  from: Pick<Reading, 'query' | 'warnings'>,
  expected: { apiVersion: string; kind: string },
  value: unknown,
  duplicateFields: () => readonly string[] = nothing,
): ApiObject {
  const fieldValidation = fieldValidationOf(from.query);
  const { object, warnings } = decodeObject(expected, value, { fieldValidation, duplicateFields });
  from.warnings.push(...warnings);
  return object;
}

function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const asked = query.get('fieldValidation') ?? '';
  if (asked === '') return 'Warn';
  if (asked === 'Strict' || asked === 'Warn' || asked === 'Ignore') return asked;
  throw badRequest(
    `fieldValidation: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}
