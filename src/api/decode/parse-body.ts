// From the bytes of a request to a JSON value: JSON, YAML, or protobuf.
import { badRequest, unsupportedMediaType } from '../errors.ts';
import { findDuplicateKeys } from './duplicate-keys.ts';

export const jsonType = 'application/json';
export const yamlType = 'application/yaml';
export const protobufType = 'application/vnd.kubernetes.protobuf';

export interface ParsedBody {
  readonly value: unknown;
  /** `field "spec.a"` texts for keys given twice, ready after the word "duplicate". */
  readonly duplicateFields: () => readonly string[];
}

/** Reads a body by its media type. Throws a StatusError 400 or 415. */
export async function parseBody(contentType: string | undefined, bytes: Uint8Array): Promise<ParsedBody> {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (type === protobufType) {
    const { decodeProtobuf } = await import('./protobuf.ts');
    return { value: decodeProtobuf(bytes), duplicateFields: () => [] };
  }
  if (type === yamlType || type.endsWith('+yaml')) return parseYamlBody(bytes);
  if (type === '' || type === jsonType || type.endsWith('+json')) return parseJsonBody(bytes);
  throw unsupportedMediaType([jsonType, yamlType, protobufType]);
}

export function parseJsonBody(bytes: Uint8Array): ParsedBody {
  const text = decodeUtf8(bytes);
  const value = parseJson(text);
  return { value, duplicateFields: () => findDuplicateKeys(text) };
}

/** YAML, of which JSON is a part. Only one document. */
export async function parseYamlBody(bytes: Uint8Array): Promise<ParsedBody> {
  const text = decodeUtf8(bytes);
  if (text.trimStart().startsWith('{')) {
    try {
      return parseJsonBody(bytes);
    } catch {
      // Flow-style YAML also starts with a brace.
    }
  }
  const { parseAllDocuments } = await import('yaml');
  // Aliases are bounded so that a small text cannot unfold into a huge value.
  const documents = parseAllDocuments(text, { version: '1.2', merge: true, uniqueKeys: false, logLevel: 'silent' });
  const document = 'empty' in documents ? undefined : documents[0];
  if (document === undefined) return { value: null, duplicateFields: () => [] };
  const error = document.errors[0];
  if (error !== undefined) throw badRequest(`error parsing YAML: ${error.message.split('\n')[0]}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw badRequest(`error parsing YAML: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return { value: jsonLike(value), duplicateFields: () => [] };
}

/** Dates and other YAML scalars as JSON would have them. */
function jsonLike(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as unknown);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('the body of the request is not valid UTF-8');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw badRequest(
      `the object provided is unrecognized (must be of type Object): couldn't get version/kind; json parse error: ${jsonErrorText(text, cause)}`,
    );
  }
}

function jsonErrorText(text: string, cause: unknown): string {
  if (text.trim() === '') return 'unexpected end of JSON input';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/end of JSON input|Unterminated/.test(message)) return 'unexpected end of JSON input';
  const at = /position (\d+)/.exec(message)?.[1];
  const bad = at === undefined ? text.trim().charAt(0) : text.charAt(Number(at));
  return `invalid character '${bad}' looking for beginning of value`;
}
