// The OpenAPI documents, made from the schema of the api room when first asked for and kept as text.
import { createHash } from 'node:crypto';
import { openapiV2, openapiV3, openapiV3Index } from '../../api/index.ts';

export interface OpenApiDocument {
  readonly text: string;
  readonly hash: string;
}

const documents = new Map<string, OpenApiDocument | undefined>();
let v2: string | undefined;

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

export const OPENAPI_V2_BINARY = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/**
 * kubectl up to 1.28 insists on this form before it sends anything with validation, then finds in v3 that the server
 * validates by itself. So it carries what those clients check: that it is there. In protobuf: swagger = 1, info = 2.
 */
export function openApiV2Binary(): Uint8Array {
  const field = (number: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  return Buffer.concat([text(1, '2.0'), field(2, Buffer.concat([text(1, 'Kubernetes'), text(2, 'v1')]))]);
}
