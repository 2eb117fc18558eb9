// What image names mean, and what users may add.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { builtinEntries } from './builtin-entries.ts';
import type { CatalogEntry } from './contract.ts';
import { imageName, resolveImage } from './resolve-image.ts';
import { parseUserEntries, watchUserEntries } from './user-entries.ts';

const entries: CatalogEntry[] = [
  { image: 'my/app', entrypoint: ['/bin/app', '--fixed'], args: ['--default'], env: { A: '1' }, workingDir: '/w' },
  { image: 'tools/*', entrypoint: [], args: ['/bin/tool'] },
  { image: 'nginx', entrypoint: ['nginx'], args: ['-g'], requires: { program: 'nginx', package: 'nginx' } },
];
const resolve = (image: string, command: string[] = [], args: string[] = [], installed: string[] = []) =>
  resolveImage(
    entries,
    { image, command, args },
    { findProgram: (name) => (installed.includes(name) ? `/bin/${name}` : undefined), imagesFile: '/etc/images.yaml' },
  );

test('imageName() drops registry defaults, tags and digests', () => {
  const cases: [image: string, name: string][] = [
    ['nginx', 'nginx'],
    ['nginx:1.27', 'nginx'],
    ['docker.io/library/nginx:latest', 'nginx'],
    ['docker.io/bitnami/redis', 'bitnami/redis'],
    ['localhost:5000/app:v1', 'localhost:5000/app'],
    ['registry.k8s.io/pause@sha256:abc', 'registry.k8s.io/pause'],
  ];
  for (const [image, name] of cases) assert.equal(imageName(image), name);
});

test('resolveImage(): command and args take the place of ENTRYPOINT and CMD', () => {
  const argv = (...a: Parameters<typeof resolve>) => {
    const r = resolve(...a);
    return 'argv' in r ? r.argv.join(' ') : `${r.reason}: ${r.message}`;
  };
  assert.equal(argv('my/app:1'), '/bin/app --fixed --default');
  assert.equal(argv('my/app', [], ['x']), '/bin/app --fixed x');
  assert.equal(argv('my/app', ['/bin/other']), '/bin/other');
  assert.equal(argv('my/app', ['/bin/other'], ['x']), '/bin/other x');
  assert.equal(argv('tools/a'), '/bin/tool');
  assert.equal(argv('unknown/image', ['/bin/sh'], ['-c', 'x']), '/bin/sh -c x');
  assert.equal(argv('nginx', [], [], ['nginx']), 'nginx -g');
  assert.match(
    argv('nginx'),
    /^ErrImagePull: image "nginx" stands for the program 'nginx' .* not installed: install it \(apt-get install nginx\)/,
  );
  assert.match(
    argv('unknown/image'),
    /^ErrImagePull: image "unknown\/image" is unknown here.*portico\/web.*\/etc\/images\.yaml$/,
  );
  assert.match(argv('a b'), /^InvalidImageName: couldn't parse image name "a b"/);
  const full = resolve('my/app');
  assert.ok('argv' in full && full.env['A'] === '1' && full.workingDir === '/w');
});

test('an unknown image names the mistake in the catalog when there is one', () => {
  const request = { image: 'mine', command: [], args: [] };
  const r = resolveImage([], request, {
    findProgram: () => undefined,
    imagesFile: '/etc/images.yaml',
    imagesProblem: '/etc/images.yaml: images[0].command is not known',
  });
  assert.match('message' in r ? r.message : '', /"mine" is unknown here, and .* images\[0\]\.command is not known$/);
});

test('every built-in image resolves or says what is missing', () => {
  for (const e of builtinEntries('src/cli/main.ts')) {
    const r = resolveImage([e], { image: e.image, command: [], args: ['x'] }, { findProgram: () => undefined });
    assert.ok('argv' in r ? r.argv.length > 0 : r.message.includes('apt-get install'), e.image);
  }
});

test('parseUserEntries() reads good files and names the mistake in bad ones', () => {
  const good = parseUserEntries(
    'images:\n  - image: a/*\n    program: /bin/a\n    args: [--port, 80]\n    env: {X: 1}\n',
  );
  assert.deepEqual(good, [{ image: 'a/*', entrypoint: ['/bin/a'], args: ['--port', '80'], env: { X: '1' } }]);
  assert.deepEqual(parseUserEntries(''), []);
  const bad: [text: string, message: RegExp][] = [
    ['images: x', /'images' must be a list/],
    ['images: [1]', /images\[0\] must be a mapping/],
    ['images: [{program: /a}]', /images\[0\]\.image is missing/],
    ['images: [{image: a}]', /images\[0\]\.program is missing/],
    ['images: [{image: a, program: /a, comand: x}]', /images\[0\]\.comand is not known/],
    ['images: [{image: a, program: {}}]', /images\[0\]\.program must be text/],
  ];
  for (const [text, message] of bad) assert.throws(() => parseUserEntries(text), message, text);
});

test('watchUserEntries() follows the file and keeps what was good', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-images-'));
  try {
    const file = path.join(dir, 'images.yaml');
    const user = watchUserEntries(file);
    assert.deepEqual(user.read(), { entries: [] });
    writeFileSync(file, 'images: [{image: a, program: /a}]');
    assert.equal(user.read().entries[0]?.image, 'a');
    writeFileSync(file, 'images: nonsense here');
    const after = user.read();
    assert.equal(after.entries[0]?.image, 'a');
    assert.match(after.problem ?? '', /images\.yaml: 'images' must be a list/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
