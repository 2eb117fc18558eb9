// The OpenAPI documents, made from the schema of the api room when first asked for and kept as text.
import { createHash } from 'node:crypto';
import { openapiV2, openapiV2Protobuf, openapiV3, openapiV3Index } from '../../api/index.ts';

export interface OpenApiDocument {
  readonly text: string;
  readonly hash: string;
}

const documents = new Map<string, OpenApiDocument | undefined>();
let v2: string | undefined;
let v2Binary: Uint8Array | undefined;

/** `path` is `api/v1` or `apis/GROUP/VERSION`; undefined when there is no such document. */
export function openApiV3Text(path: string): OpenApiDocument | undefined {
  if (!documents.has(path)) {
    const value = openapiV3Index().includes(path) ? openapiV3(path) : undefined;
    const text = value === undefined ? undefined : JSON.stringify(value);
    const hash = text === undefined ? '' : createHash('sha512').update(text).digest('hex').slice(0, 64).toUpperCase();
    documents.set(path, text === undefined ? undefined : { text, hash });
  }
  return documents.get(path);
}

export function openApiV3Index(): object {
  const paths = openapiV3Index().map((path) => {
    const serverRelativeURL = `/openapi/v3/${path}?hash=${openApiV3Text(path)?.hash ?? ''}`;
    return [path, { serverRelativeURL }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

export function openApiV2Text(): string {
  return (v2 ??= JSON.stringify(openapiV2()));
}

/** The only form in which kubectl up to 1.28 explains; later ones look at v3 first. */
export function openApiV2Binary(): Uint8Array {
  return (v2Binary ??= openapiV2Protobuf());
}
