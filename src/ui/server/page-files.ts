// The built page, held in memory. In a checkout it is built first when it is missing or older than its sources.
import { spawn } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { UserError } from '../../errors/index.ts';

const root = path.join(import.meta.dirname, '..', '..', '..');
const built = path.join(root, 'dist', 'ui');
const builder = path.join(root, 'tools', 'build-page.ts');

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By the path that a browser asks for; the page itself is `/`. */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  if (isStale()) await build();
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(built, { recursive: true, withFileTypes: true })) {
    const type = TYPES[path.extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const full = path.join(entry.parentPath, entry.name);
    const name = path.relative(built, full).split(path.sep).join('/');
    files.set(name === 'index.html' ? '/' : `/${name}`, { type, bytes: readFileSync(full) });
  }
  return files;
}

/** Only a checkout has the builder; an installed package carries the page ready. */
function isStale(): boolean {
  if (!existsSync(builder)) return false;
  const page = path.join(built, 'index.html');
  if (!existsSync(page)) return true;
  const builtAt = statSync(page).mtimeMs;
  const sources = globSync(['src/ui/page/**/*', 'src/ui/*.ts'], { cwd: root });
  return sources.some((file) => statSync(path.join(root, file)).mtimeMs > builtAt);
}

/** In a process of its own: the bundler's memory is not wanted afterwards. */
function build(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [builder], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (t: string) => (said += t));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`the page could not be built; run 'npm run setup' in ${root} first\n${said.trim()}`));
    });
  });
}
