// Builds the web page of `portico ui` into dist/ui. Written beside and moved into place, so that a server that reads it
// at the same moment never sees half a page.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import preact from '@preact/preset-vite';
import { build } from 'vite';

const page = path.dirname(fileURLToPath(import.meta.resolve('../src/ui/page/main.tsx')));
const dist = path.join(import.meta.dirname, '..', 'dist');
const target = path.join(dist, 'ui');
const fresh = path.join(dist, `ui-${process.pid}`);

const started = performance.now();
mkdirSync(dist, { recursive: true });
try {
  await build({
    configFile: false,
    root: page,
    base: './',
    logLevel: 'warn',
    plugins: [preact()],
    build: {
      outDir: fresh,
      emptyOutDir: true,
      // The page's policy allows no data: addresses and no inline script.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      target: 'es2022',
    },
  });
  rmSync(target, { recursive: true, force: true });
  renameSync(fresh, target);
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
console.log(`built the page into dist/ui in ${((performance.now() - started) / 1000).toFixed(1)} s`);
