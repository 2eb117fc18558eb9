// For kernel tests: runs a test file once more inside a network namespace of its own, which stands for the node.
import assert from 'node:assert/strict';
import process from 'node:process';
import { test } from 'node:test';
import { createNetns, deleteNetns, spawnIn } from '../../linux/index.ts';

/** True inside the namespace: define the tests. False outside: one test that runs the file inside. */
export function isInsideNetns(file: string): boolean {
  if (process.env['PORTICO_TEST_NETNS'] !== undefined) return true;
  const name = `portico-nodetest-${process.pid}`;
  test('in a namespace of its own', async () => {
    createNetns(name);
    try {
      const child = spawnIn(name, process.execPath, ['--test', '--test-isolation=none', file], {
        // Without this the inner run takes itself for a part of the outer one and reports nothing readable.
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, PORTICO_TEST_NETNS: name },
        stdio: 'inherit',
      });
      const code = await new Promise((resolve) => child.on('exit', resolve));
      assert.equal(code, 0);
    } finally {
      deleteNetns(name);
    }
  });
  return false;
}
