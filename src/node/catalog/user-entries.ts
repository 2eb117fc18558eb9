// The user's own entries of the image catalog, a YAML file that is read again when it changes.
import { readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { errorText } from '../../errors/index.ts';
import type { CatalogEntry } from './contract.ts';

const EXAMPLE = `images:
  - image: my-app
    program: /usr/local/bin/my-app
    args: [--port, "80"]`;

function textList(value: unknown, where: string): string[] {
  if (value === undefined || value === null) return [];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((v) => {
    if (typeof v !== 'string' && typeof v !== 'number') throw new Error(`${where} must be text or a list of texts`);
    return String(v);
  });
}

/** @throws Error that names the entry and the field */
export function parseUserEntries(text: string): CatalogEntry[] {
  const document = parse(text) as { images?: unknown } | null;
  const images = document?.images ?? [];
  if (!Array.isArray(images)) throw new Error(`'images' must be a list, like\n${EXAMPLE}`);
  return images.map((value: unknown, i) => {
    const where = `images[${i}]`;
    if (typeof value !== 'object' || value === null) throw new Error(`${where} must be a mapping, like\n${EXAMPLE}`);
    const e = value as Record<string, unknown>;
    const unknown = Object.keys(e).find((k) => !['image', 'program', 'args', 'env', 'workingDir'].includes(k));
    if (unknown !== undefined)
      throw new Error(`${where}.${unknown} is not known; image, program, args, env, workingDir are`);
    if (typeof e['image'] !== 'string' || e['image'] === '') throw new Error(`${where}.image is missing`);
    const entrypoint = textList(e['program'], `${where}.program`);
    if (entrypoint.length === 0) throw new Error(`${where}.program is missing`);
    const env = (e['env'] ?? {}) as Record<string, unknown>;
    return {
      image: e['image'],
      entrypoint,
      args: textList(e['args'], `${where}.args`),
      env: Object.fromEntries(Object.entries(env).map(([k, v]) => [k, String(v)])),
      ...(typeof e['workingDir'] === 'string' ? { workingDir: e['workingDir'] } : {}),
    };
  });
}

export interface UserEntries {
  /** Current entries; `problem` when the file cannot be used. */
  read(): { entries: readonly CatalogEntry[]; problem?: string };
}

export function watchUserEntries(file: string): UserEntries {
  let stamp = '';
  let current: { entries: readonly CatalogEntry[]; problem?: string } = { entries: [] };
  return {
    read() {
      const stat = statSync(file, { throwIfNoEntry: false });
      const now = stat === undefined ? 'none' : `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
      if (now === stamp) return current;
      stamp = now;
      try {
        current = { entries: stat === undefined ? [] : parseUserEntries(readFileSync(file, 'utf8')) };
      } catch (e) {
        // The entries that were good stay in use.
        current = { entries: current.entries, problem: `${file}: ${errorText(e)}` };
      }
      return current;
    },
  };
}
