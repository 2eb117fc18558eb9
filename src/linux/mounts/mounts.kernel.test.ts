import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { listMounts, unmountTree } from '../index.ts';
import { mount } from '../sys/libc.ts';

const root = mkdtempSync(join(tmpdir(), 'portico mounts-'));
after(() => {
  unmountTree(root);
  rmSync(root, { recursive: true });
});

it('listMounts() and unmountTree() see nested and stacked mounts, blanks in names included', () => {
  const outer = join(root, 'a');
  mkdirSync(outer);
  mkdirSync(`${outer}-not`);
  mount('outer', outer, 'tmpfs', { data: 'size=64k' });
  mount('outer-not', `${outer}-not`, 'tmpfs', { data: 'size=64k' });
  mkdirSync(join(outer, 'b'));
  mount('inner', join(outer, 'b'), 'tmpfs', { data: 'size=64k' });
  mount('stacked', outer, 'tmpfs', { data: 'size=64k' });
  assert.deepEqual(
    listMounts(outer).map((m) => [m.path, m.type, m.source]),
    [
      [outer, 'tmpfs', 'outer'],
      [join(outer, 'b'), 'tmpfs', 'inner'],
      [outer, 'tmpfs', 'stacked'],
    ],
  );
  unmountTree(outer);
  assert.deepEqual(listMounts(outer), []);
  assert.equal(listMounts(root).length, 1);
  assert.equal(unmountTree(root), 1);
  assert.equal(unmountTree(root), 0);
});
