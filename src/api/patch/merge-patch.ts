// JSON merge patch (RFC 7386): null deletes, objects merge, everything else replaces.
import { copyJson } from '../copy-json.ts';
import { isObject, setOwn } from '../json.ts';

export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyJson(patch);
  const out: Record<string, unknown> = isObject(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else setOwn(out, key, applyMergePatch(Object.hasOwn(out, key) ? out[key] : undefined, value));
  }
  return out;
}
