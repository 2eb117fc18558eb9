import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { UserError } from '../errors/index.ts';
import { statePaths } from './paths.ts';
import { DEFAULT_SPEC } from './spec.ts';
import { refuseForeignState, removeStateDir } from './state-dir.ts';
import { readSpec } from './supervisor.ts';

let dir: string;
beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), 'portico-state-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const check = (name = 'a') => refuseForeignState(statePaths(dir), name, readSpec);
const refused = (says: RegExp) => (e: unknown) => e instanceof UserError && says.test(e.message);

test('a directory that does not exist, is empty, or holds a catalog only may become a state directory', () => {
  check();
  writeFileSync(path.join(dir, 'images.yaml'), '');
  check();
  rmSync(dir, { recursive: true });
  check();
});

test("somebody's files, or a file, are not taken for a state directory", () => {
  writeFileSync(path.join(dir, 'thesis.tex'), 'x');
  assert.throws(() => check(), refused(/is no cluster's state directory/));
  mkdirSync(path.join(dir, 'logs'));
  assert.throws(() => check(), refused(/nothing was touched/));
  assert.throws(
    () => refuseForeignState(statePaths(path.join(dir, 'thesis.tex')), 'a', readSpec),
    refused(/is no directory/),
  );
});

test("another cluster's state directory is refused by its name; one's own is not", () => {
  writeFileSync(path.join(dir, 'cluster.json'), JSON.stringify({ ...DEFAULT_SPEC, name: 'a' }));
  check('a');
  assert.throws(() => check('b'), refused(/belongs to cluster a: use --name a/));
});

test('removeStateDir() takes everything', () => {
  writeFileSync(path.join(dir, 'cluster.json'), '{}');
  mkdirSync(path.join(dir, 'run', 'deep'), { recursive: true });
  writeFileSync(path.join(dir, 'run', 'deep', 'x'), '');
  assert.equal(readdirSync(dir).length, 2);
  removeStateDir(statePaths(dir));
  assert.equal(existsSync(dir), false);
  removeStateDir(statePaths(dir));
});
