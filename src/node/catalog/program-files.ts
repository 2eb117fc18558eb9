// Where Portico itself lies: pods run parts of it.
import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

/** The folder with package.json, above this file. */
export function programRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(path.join(dir, 'package.json')) && dir !== '/') dir = path.dirname(dir);
  return dir;
}

/** The command's entry file below the root: source in a checkout, `dist` in a published package. */
export function programMain(root: string): string {
  const source = 'src/cli/main.ts';
  return existsSync(path.join(root, source)) ? source : 'dist/cli/main.js';
}

/** The web program as plain JavaScript: without types Node starts it in half the time. */
export function readWebProgram(): string {
  const source = path.join(import.meta.dirname, 'web.ts');
  if (existsSync(source)) return stripTypeScriptTypes(readFileSync(source, 'utf8'));
  return readFileSync(path.join(import.meta.dirname, 'web.js'), 'utf8');
}
