// The files that a Corefile imports: managed clusters keep their own part of the Corefile apart from the user's
// (`import custom/*.override`). Patterns are relative to the Corefile's folder and may hold one `*` in the last part.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface ImportedFile {
  readonly name: string;
  readonly text: string;
}

/** The files that match, in the order of their names; undefined: a plain name that cannot be read. */
export function readImports(pattern: string, folder: string): ImportedFile[] | undefined {
  const full = path.resolve(folder, pattern);
  if (!pattern.includes('*')) {
    const text = readText(full);
    return text === undefined ? undefined : [{ name: full, text }];
  }
  const [before = '', after = ''] = path.basename(full).split('*');
  const fits = (name: string) =>
    name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after);
  return listFolder(path.dirname(full))
    .filter((name) => fits(name) && !(name.startsWith('.') && before === ''))
    .flatMap((name) => {
      const file = path.join(path.dirname(full), name);
      const text = readText(file);
      return text === undefined ? [] : [{ name: file, text }];
    });
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    // An optional volume that is not there.
    return [];
  }
}

const MAX_DEPTH = 10;

/** Everything that a configuration file is made of, as one text: another text is another configuration. */
export function textWithImports(file: string): string | undefined {
  const text = readText(file);
  return text === undefined ? undefined : withImports(text, path.dirname(file), 0);
}

function withImports(text: string, folder: string, depth: number): string {
  if (depth > MAX_DEPTH) return text;
  const patterns = Array.from(text.matchAll(/^[ \t]*import[ \t]+"?([^\s"]+)"?/gm), ([, pattern = '']) => pattern);
  const parts = patterns.flatMap((pattern) => readImports(pattern, folder) ?? []);
  return [text, ...parts.map((part) => withImports(`# ${part.name}\n${part.text}`, folder, depth + 1))].join('\n');
}
