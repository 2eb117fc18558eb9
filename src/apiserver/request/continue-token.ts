// The `continue` token of a list: at which revision, and after which key, to go on.
import { badRequest } from '../../api/index.ts';

export interface ContinueToken {
  readonly revision: number;
  /** Key below the list's prefix. */
  readonly after: string;
}

export function formatContinueToken(token: ContinueToken): string {
  const text = JSON.stringify({ v: 'portico/v1', rv: token.revision, start: token.after });
  return Buffer.from(text).toString('base64url');
}

/** @throws StatusError 400 when the text is none of ours. */
export function parseContinueToken(text: string): ContinueToken {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    value = undefined;
  }
  const { v, rv, start } = (value ?? {}) as Record<string, unknown>;
  if (v !== 'portico/v1' || typeof rv !== 'number' || !Number.isSafeInteger(rv) || typeof start !== 'string') {
    throw badRequest('continue key is not valid: it was not issued by this server for this list');
  }
  return { revision: rv, after: start };
}
