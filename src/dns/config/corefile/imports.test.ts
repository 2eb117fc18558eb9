// Files that a Corefile imports: found, in their place, named in mistakes, and watched.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { formatName } from '../../../dnswire/index.ts';
import { parseCorefile } from './parse-corefile.ts';
import { textWithImports } from './imports.ts';

function withFolder(files: Readonly<Record<string, string>>, run: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'portico-dns-imports-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const MAIN = `
.:53 {
  import custom/*.override
  forward . 10.0.0.1
  import plain
  import absent/*.override
}
import custom/*.server
`;

test('directives and server blocks of imported files', () => {
  withFolder(
    {
      'custom/b.override': 'cache 7\n',
      'custom/a.override': 'hosts {\n  10.1.1.1 a.example\n  fallthrough\n}\nimport more/*.x',
      'custom/.hidden.override': 'nonsense',
      'custom/more/deep.x': 'nonsense',
      'custom/acme.server': 'acme.local:53 {\n  import shared\n}\n(shared) {\n  forward . 10.0.0.9\n}\n',
      plain: 'loop\n',
    },
    (folder) => {
      const { blocks } = parseCorefile(MAIN, { folder });
      const [main, acme] = blocks;
      assert.equal(main?.cache?.maxTtlSeconds, 7);
      assert.deepEqual(main.hosts?.inline, ['10.1.1.1 a.example']);
      assert.equal(main.loop, true);
      assert.deepEqual(acme?.zones.map(formatName), ['acme.local.']);
      assert.equal(acme.forward.length, 1);
    },
  );
});

test('relative paths begin beside the Corefile, or in root', () => {
  const fileOf = (text: string) => parseCorefile(`. {\n${text}\n}`, { folder: '/etc/dns' }).blocks[0]?.hosts?.file;
  assert.equal(fileOf('hosts own'), '/etc/dns/own');
  assert.equal(fileOf('hosts own\nroot /srv'), '/srv/own');
  assert.equal(fileOf('hosts'), '/etc/hosts');
});

test('a mistake in an imported file names the file and its line', () => {
  withFolder({ plain: '\n\nnope\n' }, (folder) => {
    const text = '. {\n import plain\n}';
    assert.throws(() => parseCorefile(text, { folder }), {
      message: new RegExp(`^${path.join(folder, 'plain')} line 3: plugin "nope" is not known`),
    });
    assert.throws(() => parseCorefile('. {\n import other\n}', { folder }), {
      message: 'Corefile line 2: import other: no such snippet or file',
    });
    writeFileSync(path.join(folder, 'self'), 'import self\n');
    assert.throws(() => parseCorefile('. {\n import self\n}', { folder }), { message: /includes itself/ });
    // Text without a folder, such as a ConfigMap's that is read through the API.
    assert.deepEqual(parseCorefile(text).warnings, [
      'Corefile line 2: import plain is left out: files are not read here',
    ]);
  });
});

test('a change of an imported file is a change of the configuration', () => {
  withFolder({ Corefile: MAIN, plain: 'loop\n' }, (folder) => {
    const read = () => textWithImports(path.join(folder, 'Corefile'));
    const first = read();
    assert.equal(read(), first);
    mkdirSync(path.join(folder, 'custom'));
    writeFileSync(path.join(folder, 'custom', 'x.override'), 'cache 5\n');
    const second = read();
    assert.notEqual(second, first);
    writeFileSync(path.join(folder, 'custom', 'x.override'), 'cache 6\n');
    assert.notEqual(read(), second);
    assert.equal(textWithImports(path.join(folder, 'nothing')), undefined);
  });
});
