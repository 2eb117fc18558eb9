// Tables for the pure parts of the runtime: shell words, mount tables, scripts, logs, cgroup files, root views.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { boundingSet, containerCapabilities } from './capabilities.ts';
import { cgroupFiles, cpuShares, cpuWeight } from './cgroup-files.ts';
import { parseMountInfo, programMounts } from './host-mounts.ts';
import { LogFile } from './log-file.ts';
import { formatLogTime, LineSplitter, MAX_LINE_BYTES, parseLogLine } from './log-format.ts';
import { bind, formatMountTable } from './mount-table.ts';
import { ensureMountPoint, ownFile, resolveInRoot, type RootLayers } from './root-view.ts';
import { shellQuote, shellWords } from './shell-quote.ts';
import { enterRootWords, namespaceWords, type Tools } from './start-script.ts';

const tools = Object.fromEntries(
  ['sh', 'nsenter', 'unshare', 'mount', 'umount', 'pivotRoot', 'setpriv', 'env', 'setsid', 'mknod', 'mkfifo'].map(
    (t) => [t, t],
  ),
) as unknown as Tools;

function inTempDir(run: (dir: string) => void): void {
  const dir = mkdtempSync(path.join(tmpdir(), 'portico-unit-'));
  try {
    run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

test('shellQuote() makes one word of anything', () => {
  assert.equal(shellQuote('plain-word_1.0/x:y=z,@%+'), 'plain-word_1.0/x:y=z,@%+');
  assert.equal(shellQuote(''), "''");
  assert.throws(() => shellQuote('a\0b'), /NUL/);
  const word = fc.string({ unit: 'grapheme-ascii' }).filter((s) => !s.includes('\0'));
  const words = fc.sample(fc.array(word, { minLength: 1, maxLength: 20 }), { numRuns: 5, seed: 7 });
  for (const list of [...words, ["it's", '$(x) `y` "z" \\ \n\t*?[', '-n', '~', '#!']]) {
    const out = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${shellWords(list)}`]).toString();
    assert.deepEqual(out.split('\0').slice(0, -1), list);
  }
});

test('formatMountTable() escapes what separates fields', () => {
  const table = formatMountTable([
    { source: 'a b', target: '/x\ty#z\\', type: 'proc', options: ['ro', 'nosuid'] },
    bind('/s', '/t', true),
  ]);
  assert.equal(table, 'a\\040b /x\\011y\\043z\\134 proc ro,nosuid 0 0\n/s /t none rbind,ro 0 0\n');
});

test('capabilities: defaults, additions, removals, all', () => {
  const caps = (add: string[], drop: string[], privileged = false) => containerCapabilities({ privileged, add, drop });
  assert.equal(caps([], [], true), 'all');
  assert.equal(caps(['ALL'], []), 'all');
  assert.deepEqual(caps(['NET_BIND_SERVICE'], ['ALL']), ['net_bind_service']);
  assert.ok(caps(['CAP_NET_ADMIN'], []).includes('net_admin'));
  assert.ok(!caps([], ['CHOWN']).includes('chown'));
  assert.ok(!caps([], []).includes('sys_admin'));
  assert.ok(!caps([], []).includes('mknod'));
  assert.equal(boundingSet(['kill', 'chown']), '-all,+kill,+chown');
  assert.equal(boundingSet('all'), undefined);
});

test('enterRootWords() drops privileges before the root is entered', () => {
  const words = enterRootWords(
    tools,
    {
      argv: ['/bin/app', 'x'],
      env: [['A', '1']],
      workingDir: '/w',
      user: { uid: 7, gid: 8, groups: [9] },
      privileged: false,
      allowPrivilegeEscalation: false,
      capabilities: { add: [], drop: ['ALL'] },
    },
    { dieWithParent: true },
  );
  assert.equal(
    words.join(' '),
    'setpriv --nnp --pdeathsig KILL --regid 8 --groups 9 --bounding-set -all,+sys_chroot,+setuid env -i A=1 unshare --root=/c --wd=/w --setuid=7 /bin/app x',
  );
});

test('namespaceWords() enters what is shared and makes the rest', () => {
  const words = (o: Parameters<typeof namespaceWords>[1]) => namespaceWords(tools, o).join(' ');
  assert.equal(words({ hostIpc: false, hostPid: false }), 'unshare --mount --uts --ipc --pid');
  assert.equal(words({ netnsPath: '/n', hostIpc: true, hostPid: true }), 'nsenter --net=/n unshare --mount --uts');
  assert.equal(
    words({ netnsPath: '/n', joinIpc: '/proc/5/ns/ipc', joinPidOf: 6, hostIpc: false, hostPid: false }),
    'nsenter --net=/n --ipc=/proc/5/ns/ipc --pid=/proc/6/ns/pid --no-fork unshare --mount --uts',
  );
});

test('LineSplitter: any cut of the bytes gives the same lines', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme-ascii' }).map((s) => s.replaceAll('\n', ''))),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (lines, cuts) => {
        const bytes = Buffer.from(lines.map((l) => `${l}\n`).join(''));
        const splitter = new LineSplitter('stdout');
        const out: Buffer[] = [];
        for (let at = 0; at < bytes.length;) {
          const n = cuts.next().value as number;
          out.push(...splitter.push(bytes.subarray(at, at + n), 'T'));
          at += n;
        }
        assert.equal(Buffer.concat(out).toString(), lines.map((l) => `T stdout F ${l}\n`).join(''));
        assert.deepEqual(splitter.end('T'), []);
      },
    ),
    { numRuns: 50 },
  );
});

test('LineSplitter: long lines come in parts, an unfinished one at the end', () => {
  const splitter = new LineSplitter('stderr');
  const text = Buffer.concat(splitter.push(Buffer.from(`${'x'.repeat(MAX_LINE_BYTES + 1)}\nrest`), 'T')).toString();
  assert.equal(text, `T stderr P ${'x'.repeat(MAX_LINE_BYTES)}\nT stderr F x\n`);
  assert.equal(Buffer.concat(splitter.end('T')).toString(), 'T stderr F rest\n');
});

test('parseLogLine() reads what was written and refuses torn lines', () => {
  const time = formatLogTime(1_700_000_000_123.456);
  assert.equal(time, '2023-11-14T22:13:20.123456000Z');
  const line = parseLogLine(Buffer.from(`${time} stdout P some text `));
  assert.deepEqual(
    { ...line, text: line?.text.toString() },
    { time, stream: 'stdout', partial: true, text: 'some text ' },
  );
  for (const bad of ['', 'x', `${time} stdin F x`, `${time} stdout X x`, `${time} stdout F`]) {
    assert.equal(parseLogLine(Buffer.from(bad)), undefined, bad);
  }
});

test('LogFile renames itself when it has grown and keeps so many', () => {
  inTempDir((dir) => {
    const file = path.join(dir, 'c', '0.log');
    const log = new LogFile(file, { now: () => 0, maxBytes: 100, maxFiles: 3 });
    for (let i = 0; i < 12; i++) log.write('stdout', Buffer.from(`line ${i}\n`));
    log.write('stdout', Buffer.from('last'));
    log.close();
    assert.deepEqual(readdirSync(path.dirname(file)).toSorted(), ['0.log', '0.log.1', '0.log.2']);
    assert.match(readFileSync(file, 'utf8'), /stdout F last\n$/);
    const all = ['0.log.2', '0.log.1', '0.log'].map((f) => readFileSync(path.join(dir, 'c', f), 'utf8')).join('');
    const numbers = [...all.matchAll(/line (\d+)/g)].map((m) => Number(m[1]));
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => (numbers[0] ?? 0) + i),
      'no gap within what is kept',
    );
  });
});

test('cgroupFiles() for version 1 and 2', () => {
  const limits = { cpuMillis: 250, cpuRequestMillis: 100, memoryBytes: 1 << 20 };
  assert.deepEqual(cgroupFiles('v2', '', limits), [
    ['pids.max', '4096'],
    ['cpu.weight', '4'],
    ['cpu.max', '25000 100000'],
    ['memory.max', '1048576'],
    ['memory.oom.group', '1'],
  ]);
  assert.deepEqual(cgroupFiles('v1', 'cpu', limits), [
    ['cpu.shares', '102'],
    ['cpu.cfs_period_us', '100000'],
    ['cpu.cfs_quota_us', '25000'],
  ]);
  assert.deepEqual(cgroupFiles('v1', 'memory', limits), [['memory.limit_in_bytes', '1048576']]);
  assert.deepEqual(cgroupFiles('v1', 'memory', {}), []);
  assert.deepEqual([cpuShares(0), cpuShares(1000), cpuWeight(2), cpuWeight(262_144)], [2, 1024, 1, 10_000]);
});

test('programMounts() finds a separate /usr, not the rest', () => {
  const line = (target: string, type: string) => `1 2 0:1 / ${target} rw,relatime shared:1 - ${type} src rw`;
  const text = [
    line('/', 'ext4'),
    line('/usr', 'ext4'),
    line('/opt/my\\040app', 'xfs'),
    line('/home', 'ext4'),
    line('/usr/x', 'tmpfs'),
  ].join('\n');
  assert.deepEqual(programMounts(parseMountInfo(text)), ['/usr', '/opt/my app']);
});

test('resolveInRoot() never leaves the container', () => {
  inTempDir((dir) => {
    const layers: RootLayers = {
      upper: path.join(dir, 'upper'),
      mask: path.join(dir, 'mask'),
      opaque: new Set(['/run']),
      hostMounts: new Set(),
      mounts: new Map([['/vol', path.join(dir, 'vol')]]),
    };
    for (const d of ['upper', 'mask/run', 'vol']) mkdirSync(path.join(dir, d), { recursive: true });
    symlinkSync('/run', path.join(layers.upper, 'var-run'));
    symlinkSync('../../../../etc', path.join(layers.upper, 'up'));
    symlinkSync('loop', path.join(layers.upper, 'loop'));
    symlinkSync('/root', path.join(dir, 'vol', 'out'));
    const cases: [from: string, to: string][] = [
      ['/a/./b//c', '/a/b/c'],
      ['/var-run/x', '/run/x'],
      ['/up/passwd', '/etc/passwd'],
      ['/../..', '/'],
      ['/vol/out/x', '/root/x'],
    ];
    for (const [from, to] of cases) assert.equal(resolveInRoot(layers, from), to, from);
    assert.throws(() => resolveInRoot(layers, '/loop/x'), /too many links/);
    ensureMountPoint(layers, '/run/secrets/deep', 'dir');
    assert.deepEqual(readdirSync(path.join(layers.upper, 'run/secrets')), ['deep']);
    ensureMountPoint(layers, '/vol/sub/file', 'file');
    assert.deepEqual(readdirSync(path.join(dir, 'vol/sub')), ['file']);
    assert.throws(() => ensureMountPoint(layers, '/vol/sub/file', 'dir'), /there is a file/);
    writeFileSync(ownFile(layers, '/etc/resolv.conf'), 'x');
    assert.equal(readFileSync(path.join(layers.upper, 'etc/resolv.conf'), 'utf8'), 'x');
  });
});
