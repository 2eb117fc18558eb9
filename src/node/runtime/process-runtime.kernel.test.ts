// Containers in the real kernel: masking, exit codes, exec, take-over after the agent is killed, nothing left behind.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { systemClock } from '../../clock/index.ts';
import { silentLogger } from '../../log/index.ts';
import { CgroupTree } from './cgroup-tree.ts';
import type { Container, ContainerSpec } from './contract.ts';
import { describeRuntime } from './contract.suite.ts';
import { ProcessRuntime } from './process-runtime.ts';

const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-runtime-`));
const base = `portico-test-${process.pid}-runtime`;
const hasCgroups = existsSync('/sys/fs/cgroup/memory') || existsSync('/sys/fs/cgroup/cgroup.controllers');
const make = (name = 'run') =>
  new ProcessRuntime({
    runDir: path.join(dir, name),
    hide: [dir],
    programRoot: path.resolve(import.meta.dirname, '../../..'),
    web: 'console.log("web")',
    cgroups: new CgroupTree(base),
    clock: systemClock,
    log: silentLogger,
  });
let runtime = make();

function spec(o: Partial<ContainerSpec> & Pick<ContainerSpec, 'name' | 'argv'>): ContainerSpec {
  return {
    pod: { uid: 'uid-1', namespace: 'default', name: 'pod' },
    attempt: 0,
    env: [['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']],
    mounts: [],
    files: { '/etc/hostname': 'pod\n', '/etc/resolv.conf': 'nameserver 10.96.0.10\n' },
    hostname: 'pod',
    user: { uid: 0, gid: 0, groups: [] },
    privileged: false,
    allowPrivilegeEscalation: false,
    capabilities: { add: [], drop: [] },
    readOnlyRoot: false,
    stdin: false,
    stdinOnce: false,
    tty: false,
    terminationMessagePath: '/dev/termination-log',
    messageFromLog: false,
    limits: {},
    oomScoreAdj: 0,
    sysctls: {},
    shareProcesses: false,
    hostPid: false,
    hostIpc: false,
    logDir: path.join(dir, 'logs', o.name),
    needs: { node: false, program: false },
    imageRef: 'test',
    specHash: '',
    ...o,
  };
}

async function exited(c: Container): Promise<Container> {
  const now = runtime.container(c.id);
  if (now?.state === 'exited') return now;
  return new Promise((resolve) => {
    const handler = runtime.onExit((x) => {
      if (x.id !== c.id) return;
      handler[Symbol.dispose]();
      resolve(x);
    });
  });
}

const ok = (c: Container) => assert.notEqual(c.reason, 'StartError', c.message);
const logOf = (c: Container) => readFileSync(c.logFile, 'utf8').replaceAll(/^\S+ (stdout|stderr) F /gm, '');

async function run(name: string, script: string, o: Partial<ContainerSpec> = {}) {
  const c = await runtime.start(spec({ name, argv: ['/bin/sh', '-c', script], ...o }));
  ok(c);
  const end = await exited(c);
  return { end, log: logOf(end) };
}

before(async () => {
  await runtime.open();
});

after(async () => {
  // Also after a failure nothing stays behind.
  for (const uid of runtime.podUids()) {
    for (const c of runtime.containers(uid)) await runtime.kill(c.id);
    await runtime.removePod(uid);
  }
  await runtime.close();
  execFileSync('umount', ['-l', path.join(dir, 'run')]);
  rmSync(dir, { recursive: true, force: true });
  new CgroupTree(base).removeAll();
});

describeRuntime('process trees', {
  dir: path.join(dir, 'suite'),
  runtime: () => runtime,
  restart: async () => {
    await runtime.close();
    runtime = make();
    await runtime.open();
  },
  prepare: (asked) => Promise.resolve(asked),
});

test('a program that is not there is a start that failed, and says so', async () => {
  const cases: [argv: string[], message: RegExp][] = [
    [['/no/such/program'], /exec: "\/no\/such\/program": stat \/no\/such\/program: no such file or directory/],
    [['no-such-program'], /exec: "no-such-program": executable file not found in \$PATH/],
  ];
  for (const [argv, message] of cases) {
    const c = await runtime.start(spec({ name: 'missing', argv }));
    assert.deepEqual([c.state, c.exitCode, c.reason], ['exited', 128, 'StartError']);
    assert.match(c.message ?? '', message);
  }
});

test('the host is masked and cannot be changed', async () => {
  mkdirSync('/opt/portico-probe', { mode: 0o755, recursive: true });
  try {
    const { log } = await run(
      'mask',
      `ls -A /root /tmp /run /mnt /var/log | head -20; cat /etc/shadow; cat ${dir}/run/layers-complete; ls /etc/ssh;
       echo x >/proc/sys/kernel/domainname; echo b >/proc/sysrq-trigger; mount -t tmpfs t /mnt; mknod /d b 254 0; ls /proc | grep -c '^[0-9]';
       cat /etc/resolv.conf; hostname; ls /sys/class/net; touch /usr/bin/new && echo wrote; rm -rf /opt/portico-probe && echo removed;
       chroot / true; ls /; head -c 3 /dev/zero | od -An -tx1; grep -c . /proc/mounts`,
    );
    assert.match(log, /\/etc\/shadow: No such file/);
    assert.match(log, /layers-complete: No such file/);
    assert.match(log, /domainname: Read-only file system|cannot create \/proc\/sys\/kernel\/domainname/);
    assert.match(log, /mount: .*(permission denied|must be superuser)/);
    assert.match(log, /mknod: .*Operation not permitted/);
    assert.match(log, /nameserver 10.96.0.10\npod\n/);
    assert.match(log, /wrote\nremoved/);
    assert.ok(!existsSync('/usr/bin/new'), 'a write in the container stays in the container');
    assert.ok(existsSync('/opt/portico-probe'), 'a deletion in the container stays in the container');
    if (process.env['SHOW'] !== undefined) console.log(log);
  } finally {
    rmSync('/opt/portico-probe', { recursive: true, force: true });
  }
});

test('environment, working directory, user and hidden files are as asked', async () => {
  const { log } = await run('env', 'pwd; id -u; id -g; id -G; echo "$A"; env | cut -d= -f1 | sort | tr "\\n" " "', {
    env: [
      ['PATH', '/usr/bin:/bin'],
      ['A', 'it\'s $HOME `x` "q"\nsecond'],
      ['B.C-D', '1'],
    ],
    workingDir: '/usr/share',
    user: { uid: 1234, gid: 5678, groups: [9, 10] },
  });
  const lines = log.split('\n');
  assert.deepEqual(lines.slice(0, 6), ['/usr/share', '1234', '5678', '5678 9 10', 'it\'s $HOME `x` "q"', 'second']);
  assert.match(log, /A PATH PWD/);
  const c = await runtime.start(spec({ name: 'odd-env', argv: ['/usr/bin/env'], env: [['B.C-D', '1']] }));
  assert.equal(logOf(await exited(c)), 'B.C-D=1\n');
});

test('volumes appear where asked, through links of the host', async () => {
  const source = path.join(dir, 'volume');
  mkdirSync(source);
  writeFileSync(path.join(source, 'file'), 'hello');
  const { log } = await run(
    'volumes',
    'cat /var/run/secrets/x/file; touch /var/run/secrets/x/y || echo ro; cat /data/deep/er/file; touch /data/deep/er/z && echo rw',
    {
      mounts: [
        { source, target: '/var/run/secrets/x', readOnly: true },
        { source, target: '/data/deep/er', readOnly: false },
      ],
    },
  );
  assert.match(log, /helloro\nhellorw\n$/);
  assert.ok(existsSync(path.join(source, 'z')));
});

test('exec joins the container, with its own streams and exit code', async () => {
  const c = await runtime.start(
    spec({
      name: 'exec',
      argv: ['/bin/sh', '-c', 'trap "exit 3" TERM; echo up; touch /tmp/mark; while :; do sleep 0.05; done'],
    }),
  );
  assert.equal(c.state, 'running');
  const session = await runtime.exec(c.id, {
    argv: [
      '/bin/sh',
      '-c',
      'cat; echo e >/dev/stderr; until [ -e /tmp/mark ]; do sleep 0.02; done; ls /tmp; ps ax | wc -l; exit 9',
    ],
    stdin: true,
    tty: false,
  });
  session.stdin?.end('typed\n');
  const [out, err, result] = await Promise.all([
    text(session.stdout),
    session.stderr === undefined ? '' : text(session.stderr),
    session.done,
  ]);
  assert.match(out, /^typed\nmark\n\s*[4-9]\n$/);
  assert.equal(err, 'e\n');
  assert.equal(result.exitCode, 9);
  assert.equal(runtime.signal(c.id, 'SIGTERM'), true);
  assert.equal((await exited(c)).exitCode, 3);
});

test(
  'resources are bounded and counted by cgroups',
  { skip: hasCgroups ? false : 'this machine has no cgroups' },
  async () => {
    // A line of 200 MB in memory, with room for 40.
    const { end } = await run('memory', 'head -c 200000000 /dev/zero | tail -n 1 | wc -c; exit 0', {
      limits: { memoryBytes: 40 * 2 ** 20, cpuMillis: 500 },
    });
    assert.ok(end.reason === 'OOMKilled' || !logOf(end).startsWith('200000000'), 'could not have it all');
    const c = await runtime.start(
      spec({
        name: 'usage',
        argv: ['/bin/sh', '-c', 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 1000'],
      }),
    );
    for (let i = 0; i < 200 && logOf(c) === ''; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    const { cpuNanos, memoryBytes } = runtime.usage(c.id);
    assert.ok((cpuNanos ?? 0) > 1_000_000 && (memoryBytes ?? 0) > 10_000, `${cpuNanos} ${memoryBytes}`);
    runtime.signal(c.id, 'SIGKILL');
    await exited(c);
  },
);

test('SIGKILL ends the whole tree with 137', async () => {
  const c = await runtime.start(spec({ name: 'kill', argv: ['/bin/sh', '-c', 'sleep 1000 & sleep 1000'] }));
  runtime.signal(c.id, 'SIGKILL');
  ok(c);
  const end = await exited(c);
  assert.equal(end.exitCode, 137);
});

test('exec with a terminal: its name, its size, echo and the exit code', async () => {
  const c = await runtime.start(spec({ name: 'tty-exec', argv: ['/bin/sleep', '1003'] }));
  const session = await runtime.exec(c.id, {
    argv: ['/bin/sh', '-c', 'read word; tty; stty size; echo "got $word"; exit 4'],
    stdin: true,
    tty: true,
  });
  session.resize(101, 37);
  session.stdin?.write('hello\n');
  let out = '';
  session.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  assert.equal((await session.done).exitCode, 4);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(out, 'hello\r\n/dev/pts/0\r\n37 101\r\ngot hello\r\n');
  runtime.signal(c.id, 'SIGKILL');
  await exited(c);
});

test('a container with a terminal keeps it while no agent runs', async () => {
  const c = await runtime.start(
    spec({
      name: 'tty',
      tty: true,
      stdin: true,
      argv: ['/bin/sh', '-c', 'tty; read a; read b; stty size; echo "$a-$b"; exit 6'],
    }),
  );
  const first = await runtime.attach(c.id, { argv: [], stdin: true, tty: true });
  first.stdin?.write('one\n');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await runtime.close();
  runtime = make();
  await runtime.open();
  assert.equal(runtime.container(c.id)?.state, 'running');
  const second = await runtime.attach(c.id, { argv: [], stdin: true, tty: true });
  second.resize(99, 33);
  await new Promise((resolve) => setTimeout(resolve, 100));
  second.stdin?.write('two\n');
  const end = await exited(c);
  assert.equal(end.exitCode, 6);
  assert.match(logOf(end), /\/dev\/pts\/0.*33 99\r\none-two\r\n/s);
});

test('containers that share processes see each other; what one leaves behind ends with it', async () => {
  const pod = { uid: 'uid-shared', namespace: 'default', name: 'shared' };
  const a = await runtime.start(spec({ name: 'a', pod, shareProcesses: true, argv: ['/bin/sleep', '1001'] }));
  const b = await runtime.start(
    spec({ name: 'b', pod, shareProcesses: true, argv: ['/bin/sh', '-c', 'sleep 1002 & ps axo args; exit 2'] }),
  );
  const endB = await exited(b);
  assert.equal(endB.exitCode, 2);
  assert.match(logOf(endB), /sleep 1001/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const left = execFileSync('sh', ['-c', 'ps axo args | grep -c "^slee[p] 1002" || true']).toString().trim();
  assert.equal(left, '0');
  assert.deepEqual(
    runtime.containers(pod.uid).map((c) => c.name),
    ['a', 'b'],
  );
  runtime.signal(a.id, 'SIGTERM');
  assert.equal((await exited(a)).exitCode, 143, 'not process 1, so SIGTERM ends it');
  await runtime.removePod(pod.uid);
});

test('a new runtime takes over running and ended containers, and loses no output', async () => {
  const stay = await runtime.start(
    spec({
      name: 'stay',
      argv: ['/bin/sh', '-c', 'n=0; trap "exit 5" TERM; while :; do n=$((n+1)); echo line $n; sleep 0.02; done'],
    }),
  );
  const end = await runtime.start(
    spec({ name: 'end', argv: ['/bin/sh', '-c', 'echo first; sleep 0.3; echo last; exit 4'] }),
  );
  await runtime.close();
  await new Promise((resolve) => setTimeout(resolve, 600));
  runtime = make();
  await runtime.open();
  const taken = runtime.container(stay.id);
  assert.equal(taken?.state, 'running');
  assert.equal(taken.pid, stay.pid);
  const ended = await exited(end);
  assert.equal(ended.exitCode, 4);
  assert.match(logOf(ended), /last\n$/);
  runtime.signal(stay.id, 'SIGTERM');
  const stayed = await exited(stay);
  assert.equal(stayed.exitCode, 5);
  const numbers = logOf(stayed)
    .trim()
    .split('\n')
    .map((l) => Number(l.split(' ')[1]));
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => i + 1),
    'every line, once, in order',
  );
});

test('after kill -9 of the agent its containers run on, and the next agent takes them over', async () => {
  const out = path.join(dir, 'served');
  const script = `
    import { ProcessRuntime } from '${path.join(import.meta.dirname, 'process-runtime.ts')}';
    import { CgroupTree } from '${path.join(import.meta.dirname, 'cgroup-tree.ts')}';
    import { systemClock } from '${path.resolve(import.meta.dirname, '../../clock/index.ts')}';
    import { silentLogger } from '${path.resolve(import.meta.dirname, '../../log/index.ts')}';
    const runtime = new ProcessRuntime({ runDir: '${path.join(dir, 'run2')}', hide: ['${dir}'], programRoot: '/', web: '',
      cgroups: new CgroupTree('${base}'), clock: systemClock, log: silentLogger });
    await runtime.open();
    const c = await runtime.start(JSON.parse(process.argv[1]));
    console.log(c.id);
    setInterval(() => undefined, 1000);`;
  const wanted = spec({
    name: 'survivor',
    argv: [
      '/bin/sh',
      '-c',
      'trap "echo bye; exit 8" TERM; n=0; while :; do n=$((n+1)); echo $n >/out/n; echo $n; sleep 0.02; done',
    ],
    mounts: [{ source: out, target: '/out', readOnly: false }],
  });
  mkdirSync(out);
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, JSON.stringify(wanted)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const id = await new Promise<string>((resolve) =>
    child.stdout.once('data', (d: Buffer) => resolve(d.toString().trim())),
  );
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('exit', resolve));
  const n = () => (existsSync(path.join(out, 'n')) ? Number(readFileSync(path.join(out, 'n'), 'utf8')) : 0);
  const then = n();
  for (let i = 0; i < 200 && n() <= then; i++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(n() > then, 'it goes on');
  const next = make('run2');
  await next.open();
  assert.equal(next.container(id)?.state, 'running');
  const ended = new Promise<Container>((resolve) => next.onExit(resolve));
  next.signal(id, 'SIGTERM');
  const end = await ended;
  assert.equal(end.exitCode, 8);
  assert.match(logOf(end), /bye\n$/);
  await next.removePod('uid-1');
  await next.close();
  execFileSync('umount', ['-l', path.join(dir, 'run2')]);
});

test('a killed supervisor takes its container along; the end is told as unknown', async () => {
  const c = await runtime.start(spec({ name: 'orphan', argv: ['/bin/sh', '-c', 'sleep 1000'] }));
  const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${c.pid}/status`, 'utf8'))?.[1]);
  process.kill(parent, 'SIGKILL');
  ok(c);
  const end = await exited(c);
  assert.equal(end.exitCode, 137);
  assert.equal(end.reason, 'ContainerStatusUnknown');
});

test('removing a pod leaves no process, mount or cgroup', async () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((l) => l.includes(dir)).length;
  assert.equal(before, 1, 'only the tmpfs itself is mounted on the node');
  await runtime.removePod('uid-1');
  assert.deepEqual([...runtime.podUids()], []);
  const left = execFileSync('sh', ['-c', `ps axo args | grep -c '[${dir[0]}]${dir.slice(1)}/run/pods' || true`])
    .toString()
    .trim();
  assert.equal(left, '0');
});

test('starting a container is quick', async () => {
  const t0 = performance.now();
  const n = 10;
  for (let i = 0; i < n; i++) await exited(await runtime.start(spec({ name: `quick${i}`, argv: ['/bin/true'] })));
  const each = (performance.now() - t0) / n;
  console.log(`start to end of /bin/true: ${each.toFixed(1)} ms`);
  assert.ok(each < 500);
  await runtime.removePod('uid-1');
});
