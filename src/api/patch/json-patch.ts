// JSON Patch (RFC 6902). The original is never changed; a patch that does not fit throws StatusError 422.
import { copyJson } from '../copy-json.ts';
import { badRequest, invalidPatch, requestEntityTooLarge } from '../errors.ts';
import { deepEqual, isObject, setOwn } from '../json.ts';

/** More operations than this are refused, as Kubernetes does. */
const maxOperations = 10_000;
/** Copies of copies double in size each time; all of them together stay below this. */
const maxCopiedCharacters = 3 * 1024 * 1024;

interface Operation {
  op?: unknown;
  path?: unknown;
  from?: unknown;
  value?: unknown;
}

export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('error decoding patch: a JSON patch is an array of operations');
  if (patch.length > maxOperations) {
    throw invalidPatch(`The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`);
  }
  let root: unknown = copyJson(document);
  const budget = { left: maxCopiedCharacters };
  for (const operation of patch as unknown[]) {
    if (typeof operation !== 'object' || operation === null)
      throw badRequest('error decoding patch: an operation is an object');
    root = applyOperation(root, operation as Operation, budget);
  }
  return root;
}

function applyOperation(root: unknown, { op, path, from, value }: Operation, budget: { left: number }): unknown {
  const target = parsePointer(path);
  switch (op) {
    case 'add':
      return put(root, target, copyJson(value), 'add');
    case 'replace':
      get(root, target);
      return put(root, target, copyJson(value), 'replace');
    case 'remove':
      return remove(root, target);
    case 'test':
      if (!deepEqual(get(root, target), value ?? null)) {
        throw invalidPatch();
      }
      return root;
    case 'copy': {
      const copied = get(root, parsePointer(from));
      budget.left -= JSON.stringify(copied).length;
      if (budget.left < 0) throw requestEntityTooLarge(maxCopiedCharacters);
      return put(root, target, copyJson(copied), 'add');
    }
    case 'move': {
      const source = parsePointer(from);
      if (target.length > source.length && source.every((p, i) => p === target[i])) {
        throw invalidPatch(`cannot move ${String(from)} into itself`);
      }
      const moved = get(root, source);
      return put(remove(root, source), target, moved, 'add');
    }
    default:
      throw invalidPatch(`Unexpected kind: ${String(op)}`);
  }
}

function parsePointer(path: unknown): string[] {
  if (typeof path !== 'string') throw invalidPatch();
  if (path === '') return [];
  if (!path.startsWith('/')) throw invalidPatch();
  return path
    .slice(1)
    .split('/')
    .map((p) => p.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function child(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) {
    const index = arrayIndex(key, parent.length - 1);
    return parent[index];
  }
  if (isObject(parent) && Object.hasOwn(parent, key)) return parent[key];
  throw invalidPatch();
}

function arrayIndex(key: string, max: number): number {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > max) throw invalidPatch();
  return Number(key);
}

const get = (root: unknown, path: readonly string[]): unknown => path.reduce(child, root);

function put(root: unknown, path: readonly string[], value: unknown, mode: 'add' | 'replace'): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = get(root, path.slice(0, -1));
  if (Array.isArray(parent)) {
    if (mode === 'replace') parent[arrayIndex(last, parent.length - 1)] = value;
    else parent.splice(last === '-' ? parent.length : arrayIndex(last, parent.length), 0, value);
  } else if (isObject(parent)) setOwn(parent, last, value);
  else throw invalidPatch();
  return root;
}

function remove(root: unknown, path: readonly string[]): unknown {
  const last = path.at(-1);
  if (last === undefined) return null;
  const parent = get(root, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(arrayIndex(last, parent.length - 1), 1);
  else if (isObject(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw invalidPatch();
  return root;
}
