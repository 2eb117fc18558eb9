// From the bytes of a request to a JSON value: JSON, YAML, or protobuf.
import { badRequest, unsupportedMediaType } from '../errors.ts';
import { isObject } from '../json.ts';
import { StatusError } from '../status-error.ts';
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
  try {
    // Aliases are bounded so that a small text cannot unfold into a huge value.
    const documents = parseAllDocuments(text, { version: '1.2', merge: true, uniqueKeys: false, logLevel: 'silent' });
    const document = 'empty' in documents ? undefined : documents[0];
    if (document === undefined) return { value: null, duplicateFields: () => [] };
    const [error] = document.errors;
    if (error !== undefined) throw error;
    // Dates and other scalars as JSON would have them.
    const json = JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null);
    return { value: parseJson(json), duplicateFields: () => duplicateYamlKeys(document.contents, '') };
  } catch (cause) {
    if (cause instanceof StatusError) throw cause;
    throw badRequest(`error parsing YAML: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`);
  }
}

/** Keys that stand twice in one mapping. */
function duplicateYamlKeys(node: unknown, path: string): string[] {
  if (!isObject(node) || !Array.isArray(node['items'])) return [];
  const seen = new Set<string>();
  return (node['items'] as unknown[]).flatMap((item, i) => {
    if (!isObject(item) || !('key' in item)) return duplicateYamlKeys(item, `${path}[${i}]`);
    const name = String(isObject(item['key']) ? item['key']['value'] : item['key']);
    const at = path === '' ? name : `${path}.${name}`;
    const again = seen.has(name);
    seen.add(name);
    return [...(again ? [at] : []), ...duplicateYamlKeys(item['value'], at)];
  });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badRequest('the body of the request is not valid UTF-8');
  }
}

/** Deeper than any object of any kind, and shallow enough to walk by recursion. */
const maxDepth = 1000;

/** Levels of nesting, brackets in texts left out. */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if (c === 0x7b || c === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return deepest;
}

function parseJson(text: string): unknown {
  if (nestingDepth(text) > maxDepth) throw badRequest(`the body is nested deeper than ${maxDepth} levels`);
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
