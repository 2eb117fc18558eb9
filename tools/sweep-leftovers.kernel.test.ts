// What a killed test left behind goes: its control groups with what runs in them, its namespaces, its directories.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

import { sweepLeftovers } from './sweep-leftovers.ts';

/** Where groups are made: version 2 at the top, version 1 below a controller. */
const hierarchy = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((dir) => existsSync(path.join(dir, 'cgroup.procs')));

test('leftovers of a test process that is gone are removed, those of a living one stay', async () => {
  assert.ok(hierarchy, 'this machine has cgroups');
  const gone = spawnSync('true').pid;
  const [stale, ours] = [`test-${gone}-swept`, `test-${process.pid}-kept`];
  const groupOf = (name: string) => path.join(hierarchy, `portico-${name}`);
  const dirOf = (name: string) => path.join(tmpdir(), name);
  const sleeper = spawn('sleep', ['600']);
  const ended = once(sleeper, 'exit');
  const runtime = spawn('sh', ['-c', 'sleep 601; true', `${dirOf(stale)}/runtime`]);
  const runtimeEnded = once(runtime, 'exit');
  try {
    for (const name of [stale, ours]) {
      mkdirSync(path.join(groupOf(name), 'node-1', 'pod'), { recursive: true });
      mkdirSync(dirOf(name));
      spawnSync('ip', ['netns', 'add', name]);
    }
    writeFileSync(path.join(groupOf(stale), 'node-1', 'pod', 'cgroup.procs'), String(sleeper.pid));
    const swept = sweepLeftovers();
    assert.deepEqual(
      swept.filter((x) => x.endsWith(stale)).toSorted(),
      [groupOf(stale), dirOf(stale).slice(tmpdir().length + 1), stale].toSorted(),
    );
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.deepEqual(await runtimeEnded, [null, 'SIGKILL'], 'what was started with a path of the directory');
    assert.equal(spawnSync('pgrep', ['-f', 'sleep 601']).status, 1, 'and its children');
    for (const [name, stays] of [
      [stale, false],
      [ours, true],
    ] as const) {
      assert.equal(existsSync(groupOf(name)), stays, name);
      assert.equal(existsSync(dirOf(name)), stays, name);
      assert.equal(existsSync(`/run/netns/${name}`), stays, name);
    }
  } finally {
    sleeper.kill('SIGKILL');
    runtime.kill('SIGKILL');
    spawnSync('ip', ['netns', 'delete', ours]);
    spawnSync('rmdir', ['-p', 'node-1/pod'], { cwd: groupOf(ours) });
    spawnSync('rmdir', [groupOf(ours), dirOf(ours)]);
  }
});
