// What the verbs return before anybody has chosen between values (in process) and text (HTTP). Stored objects travel as
// records, so that a list goes out as text that was never parsed.
import type { KubeObject } from '../../api/index.ts';
import type { WatchStep } from '../contract.ts';
import type { StoredObject } from '../objects/stored-object.ts';

/** Steps that became due together; over HTTP they leave in one write. */
export interface WatchBatch {
  /** Newline-delimited JSON. */
  text(): string | Uint8Array;
  steps(): readonly WatchStep[];
}

export type AnswerBody =
  | { readonly form: 'value'; readonly value: unknown }
  | { readonly form: 'stored'; readonly stored: StoredObject }
  | {
      readonly form: 'list';
      readonly apiVersion: string;
      readonly kind: string;
      readonly metadata: object;
      readonly items: readonly StoredObject[];
    }
  | { readonly form: 'watch'; readonly batches: AsyncIterable<WatchBatch> }
  | { readonly form: 'text'; readonly text: string; readonly contentType: string }
  | { readonly form: 'bytes'; readonly bytes: Uint8Array; readonly contentType: string }
  /** Bytes as another server sends them. */
  | { readonly form: 'stream'; readonly chunks: AsyncIterable<Uint8Array> };

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AnswerBody;
  /** Texts for `Warning` headers. */
  readonly warnings?: readonly string[];
}

export const valueAnswer = (value: unknown, status = 200): Answer => ({ status, body: { form: 'value', value } });
/** @throws UnreadableValueError */
export function storedAnswer(stored: StoredObject, status = 200): Answer {
  if (stored.unreadable !== undefined) throw stored.unreadable;
  return { status, body: { form: 'stored', stored } };
}
export const textAnswer = (text: string, status = 200, contentType = 'text/plain; charset=utf-8'): Answer => ({
  status,
  body: { form: 'text', text, contentType },
});

/** `Warning: 299 - "text"`, several joined by commas. */
export function warningHeader(warnings: readonly string[]): string {
  return [...new Set(warnings)]
    .map((text) => `299 - "${text.replaceAll(/\p{Cc}+/gu, ' ').replaceAll(/["\\]/g, '\\$&')}"`)
    .join(', ');
}

/** Kubernetes leaves the `kind` and `apiVersion` of list items out for some clients; ours come with them. */
export function bodyValue(body: AnswerBody): unknown {
  switch (body.form) {
    case 'value':
      return body.value;
    case 'stored':
      return body.stored.object;
    case 'list': {
      const { apiVersion, kind, metadata } = body;
      const items: KubeObject[] = body.items.map((item) => item.object);
      return { kind, apiVersion, metadata, items };
    }
    case 'watch':
      return watchSteps(body.batches);
    case 'text':
      return body.text;
    case 'bytes':
      return body.bytes;
    case 'stream':
      return body.chunks;
  }
}

async function* watchSteps(batches: AsyncIterable<WatchBatch>): AsyncGenerator<WatchStep> {
  for await (const batch of batches) yield* batch.steps();
}

export function contentTypeOf(body: AnswerBody): string {
  return body.form === 'text' || body.form === 'bytes' ? body.contentType : 'application/json';
}

/** JSON text of a body that is one; lists are joined from the texts of their items. */
export function bodyText(body: AnswerBody): string | Uint8Array {
  switch (body.form) {
    case 'value':
      return `${JSON.stringify(body.value)}\n`;
    case 'stored':
      return `${body.stored.text}\n`;
    case 'list': {
      const head = JSON.stringify({ kind: body.kind, apiVersion: body.apiVersion, metadata: body.metadata });
      return `${head.slice(0, -1)},"items":[${body.items.map((item) => item.text).join(',')}]}\n`;
    }
    case 'text':
      return body.text;
    case 'bytes':
      return body.bytes;
    case 'watch':
    case 'stream':
      throw new Error(`a ${body.form} body has no single text`);
  }
}
