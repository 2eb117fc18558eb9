// One fault of one field, in the words Kubernetes uses; `invalid()` in errors.ts makes a 422 answer of a list.
export type FieldErrorType =
  | 'Not found'
  | 'Required value'
  | 'Duplicate value'
  | 'Invalid value'
  | 'Unsupported value'
  | 'Forbidden'
  | 'Too long'
  | 'Too many'
  | 'Internal error';

/** A value already written the way Go's `%#v` would write it. */
export interface GoValue {
  readonly go: string;
}

export interface FieldError {
  readonly type: FieldErrorType;
  /** Path such as `spec.ports[0].name`. */
  readonly field: string;
  readonly detail: string;
  /** Shown between type and detail, for the types that show a value. */
  readonly value?: unknown;
}

const reasons: Readonly<Record<FieldErrorType, string>> = {
  'Not found': 'FieldValueNotFound',
  'Required value': 'FieldValueRequired',
  'Duplicate value': 'FieldValueDuplicate',
  'Invalid value': 'FieldValueInvalid',
  'Unsupported value': 'FieldValueNotSupported',
  Forbidden: 'FieldValueForbidden',
  'Too long': 'FieldValueTooLong',
  'Too many': 'FieldValueTooMany',
  'Internal error': 'InternalError',
};

/** The machine-readable reason of a cause in Status.details. */
export const fieldErrorReason = (e: FieldError): string => reasons[e.type];

export const required = (field: string, detail = ''): FieldError => ({ type: 'Required value', field, detail });
export const forbidden = (field: string, detail: string): FieldError => ({ type: 'Forbidden', field, detail });
export const duplicate = (field: string, value: unknown): FieldError => ({
  type: 'Duplicate value',
  field,
  detail: '',
  value,
});
export const invalidValue = (field: string, value: unknown, detail: string): FieldError => ({
  type: 'Invalid value',
  field,
  detail,
  value,
});
export const notFoundValue = (field: string, value: unknown): FieldError => ({
  type: 'Not found',
  field,
  detail: '',
  value,
});
export const tooLong = (field: string, max: number): FieldError => ({
  type: 'Too long',
  field,
  detail: `may not be more than ${max} bytes`,
});
export const tooMany = (field: string, actual: number, max: number): FieldError => ({
  type: 'Too many',
  field,
  detail: `${actual}: must have at most ${max} items`,
});
export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError => ({
  type: 'Unsupported value',
  field,
  detail: supported.length === 0 ? '' : `supported values: ${[...supported].sort().map(goQuote).join(', ')}`,
  value,
});

/** Text in Go's double quotes (`%q`). */
export function goQuote(text: string): string {
  return JSON.stringify(text).replaceAll('\u007f', String.raw`\x7f`);
}

/** `[]string{"a", "b"}`. */
export const goStrings = (values: readonly string[]): GoValue => ({
  go: `[]string{${values.map(goQuote).join(', ')}}`,
});

function showValue(value: unknown): string {
  // Go prints a nil pointer as this text, quotes included.
  if (value === undefined || value === null) return '"null"';
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'object' && 'go' in value && typeof value.go === 'string') return value.go;
  return typeof value === 'object' ? goMap(value) : String(value as number | boolean | bigint);
}

/** A plain object as Go shows a map of strings; anything else as JSON. */
function goMap(value: object): string {
  const entries = Object.entries(value);
  if (Array.isArray(value) || !entries.every(([, v]) => typeof v === 'string')) return JSON.stringify(value);
  const shown = entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${goQuote(k)}:${goQuote(v as string)}`);
  return `map[string]string{${shown.join(', ')}}`;
}

/** The part after the field: `Invalid value: "x": must be …`. */
export function fieldErrorBody(e: FieldError): string {
  switch (e.type) {
    case 'Too many':
      return `${e.type}: ${e.detail}`;
    case 'Required value':
    case 'Forbidden':
    case 'Too long':
    case 'Internal error':
      return e.detail === '' ? e.type : `${e.type}: ${e.detail}`;
    default:
      return `${e.type}: ${showValue(e.value)}${e.detail === '' ? '' : `: ${e.detail}`}`;
  }
}

/** `spec.ports[0].name: Required value`. */
export const formatFieldError = (e: FieldError): string => `${e.field}: ${fieldErrorBody(e)}`;
