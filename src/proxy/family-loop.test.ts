// The loop of one family against a kernel that fails, and one that others meddle with.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../clock/index.ts';
import { silentLogger } from '../log/index.ts';
import { Registry } from '../metrics/index.ts';
import type { StateChanges } from './contract.ts';
import { FamilyLoop } from './family-loop.ts';
import { InformedTracker } from './fixtures/informed-tracker.ts';
import { service, slice } from './fixtures/objects.ts';
import { proxyHealth } from './http-pages.ts';
import { createProxyMetrics } from './metrics.ts';
import type { RuleSync } from './rule-sync.ts';

const settle = () => new Promise((r) => setImmediate(r));

function setUp() {
  const clock = new ManualClock(1_000_000);
  const tracker = new InformedTracker([
    service('ns/a', { clusterIP: '10.96.0.1', ports: [{ port: 80 }] }),
    slice('ns/a', [{ ip: '10.1.0.1' }]),
  ]);
  const seen: { changes: StateChanges; all: string[] }[] = [];
  const kernel = { broken: false, verified: true, fullAsked: 0, kind: 'partial' as 'partial' | 'none' };
  const sync: RuleSync = {
    sync(changes, all) {
      seen.push({ changes, all: [...all()].map(([key]) => key) });
      return kernel.broken ? Promise.reject(new Error('EBUSY')) : Promise.resolve({ kind: kernel.kind });
    },
    requireFull: () => void kernel.fullAsked++,
    verify: () => Promise.resolve(kernel.verified),
    present: () => Promise.resolve(false),
  };
  const registry = new Registry();
  const failures: string[] = [];
  const reported: string[][] = [];
  const loop = new FamilyLoop({
    tracker,
    sync,
    clock,
    log: silentLogger,
    metrics: createProxyMetrics(registry, () => undefined),
    syncPeriodMs: 30_000,
    minSyncPeriodMs: 1000,
    pacing: 'adaptive',
    failed: (kind) => void failures.push(kind),
    synced: (changes) => void reported.push([...changes.keys()]),
  });
  return { clock, tracker, seen, kernel, loop, registry, failures, reported };
}

test('a refused sync keeps its changes, counts as waiting, and is tried again', async () => {
  const { clock, tracker, seen, kernel, loop, failures } = setUp();
  kernel.broken = true;
  loop.request();
  await settle();
  assert.deepEqual(failures, ['full']);
  assert.equal(tracker.committed.size, 0);
  assert.equal(loop.health.queuedSince, 1_000_000);
  clock.advance(500);
  await settle();
  assert.equal(seen.length, 2, 'the first retry comes after half a second');
  kernel.broken = false;
  clock.advance(1000);
  await settle();
  assert.equal(seen.length, 3);
  assert.deepEqual([...(seen[2]?.changes.keys() ?? [])], ['ns/a'], 'with the change of the first try');
  assert.equal(tracker.committed.size, 1);
  assert.equal(loop.health.queuedSince, undefined);
  await loop.firstSync;
  await loop.stop();
});

test('a change that needs no other rule is reported all the same: its UDP flows may be stale', async () => {
  const { kernel, loop, reported } = setUp();
  kernel.kind = 'none';
  loop.request();
  await settle();
  assert.deepEqual(reported, [['ns/a']]);
  await loop.stop();
});

test('what changes during a sync is not lost', async () => {
  const { clock, tracker, seen, loop } = setUp();
  loop.request();
  tracker.apply({ kind: 'slice', key: 'ns/a-ipv4', object: slice('ns/a', [{ ip: '10.1.0.2' }]) });
  loop.request();
  await settle();
  clock.advance(0);
  await settle();
  assert.equal(seen.length, 2);
  assert.equal(tracker.committed.get('ns/a')?.ports[0]?.cluster[0]?.ip, '10.1.0.2');
  await loop.stop();
});

test('rules that are gone at the periodic look are written again', async () => {
  const { clock, kernel, loop, registry } = setUp();
  loop.request();
  await settle();
  clock.advance(30_000);
  await settle();
  assert.equal(kernel.fullAsked, 0);
  kernel.verified = false;
  clock.advance(30_000);
  await settle();
  assert.equal(kernel.fullAsked, 1);
  assert.match(registry.render(), /kubeproxy_rules_repaired_total\{ip_family="IPv4"\} 1/);
  await loop.stop();
});

test('the time from a change elsewhere to the kernel is measured', async () => {
  const { clock, loop, registry } = setUp();
  loop.noteTrigger(clock.now() - 700);
  loop.request();
  await settle();
  const text = registry.render();
  assert.match(text, /kubeproxy_network_programming_duration_seconds_bucket\{ip_family="IPv4",le="0\.5"\} 0/);
  assert.match(text, /kubeproxy_network_programming_duration_seconds_bucket\{ip_family="IPv4",le="1"\} 1/);
  await loop.stop();
});

test('a repair that is asked for during a sync is another sync', async () => {
  const { clock, seen, kernel, loop } = setUp();
  loop.repair('before the first sync there is nothing to repair');
  assert.equal(seen.length, 0);
  loop.request();
  loop.repair('somebody deleted what was just written');
  await settle();
  clock.advance(0);
  await settle();
  assert.equal(kernel.fullAsked, 1);
  assert.equal(seen.length, 2);
  await loop.stop();
});

test('a wall clock that jumps by hours neither delays nor repeats a sync', async () => {
  const { clock, tracker, seen, loop, registry } = setUp();
  let wall = clock.now();
  clock.now = () => wall;
  loop.request();
  await settle();
  const change = (ip: string) => tracker.apply({ kind: 'slice', key: 'ns/a-ipv4', object: slice('ns/a', [{ ip }]) });
  for (const jump of [-86_400_000, 172_800_000]) {
    wall += jump;
    loop.noteTrigger(wall + 3_600_000);
    change(jump < 0 ? '10.1.0.3' : '10.1.0.4');
    loop.request();
    clock.advance(0);
    await settle();
    assert.equal(loop.health.lastUpdated, wall);
    assert.equal(loop.health.queuedSince, undefined);
  }
  assert.equal(seen.length, 3);
  assert.doesNotMatch(
    registry.render(),
    /network_programming_duration_seconds_sum\{[^}]*\} -/,
    'no negative durations',
  );
  await loop.stop();
});

for (const [name, jumpMs] of [
  ['forward', 10 * 365 * 86_400_000],
  ['backward', -10 * 365 * 86_400_000],
] as const) {
  test(`a wall clock that jumps ${name} changes nothing: syncs, retries, checks and health go on`, async () => {
    const { clock, tracker, seen, kernel, loop } = setUp();
    const health = () => {
      const families = () => new Map([['IPv4', loop.health] as const]);
      return proxyHealth({ clock, syncPeriodMs: 30_000, families, nodeEligible: () => true }, false);
    };
    loop.request();
    await settle();
    clock.jump(jumpMs);
    assert.equal(health().healthy, true);
    // A trigger from before the jump.
    loop.noteTrigger(1_000_000);
    tracker.apply({ kind: 'slice', key: 'ns/a-ipv4', object: slice('ns/a', [{ ip: '10.1.0.2' }]) });
    kernel.broken = true;
    loop.request();
    clock.advance(1000);
    await settle();
    assert.equal(seen.length, 2, 'the change is tried');
    clock.jump(jumpMs);
    assert.equal(health().healthy, true, 'a change that waits for a moment is no illness');
    kernel.broken = false;
    clock.advance(500);
    await settle();
    assert.equal(seen.length, 3, 'and tried again half a second later');
    assert.equal(tracker.committed.get('ns/a')?.ports[0]?.cluster[0]?.ip, '10.1.0.2');
    clock.jump(-2 * jumpMs);
    kernel.verified = false;
    clock.advance(30_000);
    await settle();
    assert.equal(kernel.fullAsked, 1, 'the check of the rules comes in its time');
    await settle();
    assert.equal(health().healthy, true);
    await loop.stop();
  });
}
