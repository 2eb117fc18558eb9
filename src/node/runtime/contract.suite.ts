// What the agent relies on, whatever runs its containers. One suite for every runtime.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';
import type { Container, ContainerRuntime, ContainerSpec } from './contract.ts';

export interface RuntimeUnderTest {
  /** A folder for volumes and logs. */
  readonly dir: string;
  /** The runtime as it is now; another one after `restart`. */
  runtime(): ContainerRuntime;
  /** Lets go of the runtime as an agent that ends, and takes over with a new one. */
  restart(): Promise<void>;
  /** Fits a specification to the runtime, and makes what the pod needs before its first container. */
  prepare(spec: ContainerSpec): Promise<ContainerSpec>;
}

const POD = { uid: 'suite-uid', namespace: 'default', name: 'suite' };

export function describeRuntime(name: string, t: RuntimeUnderTest): void {
  const specOf = (o: Partial<ContainerSpec> & Pick<ContainerSpec, 'name' | 'argv'>): ContainerSpec => ({
    pod: POD,
    attempt: 0,
    env: [['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']],
    mounts: [],
    files: { '/etc/hosts': '127.0.0.1 localhost\n10.0.0.7 suite\n', '/etc/resolv.conf': 'nameserver 10.96.0.10\n' },
    hostname: 'suite',
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
    logDir: path.join(t.dir, 'logs', o.name),
    needs: { node: false, program: false },
    imageRef: 'test',
    specHash: 'abc',
    ...o,
  });
  const start = async (o: Partial<ContainerSpec> & Pick<ContainerSpec, 'name' | 'argv'>): Promise<Container> =>
    t.runtime().start(await t.prepare(specOf(o)));
  const sh = (script: string) => ['/bin/sh', '-c', script];
  const exited = async (c: Container): Promise<Container> => {
    const runtime = t.runtime();
    const now = runtime.container(c.id);
    if (now?.state === 'exited') return now;
    return new Promise((resolve) => {
      const handler = runtime.onExit((x) => {
        if (x.id !== c.id) return;
        handler[Symbol.dispose]();
        resolve(x);
      });
    });
  };
  const logOf = (c: Container) => readFileSync(c.logFile, 'utf8').replaceAll(/^\S+ (stdout|stderr) F /gm, '');

  test(`${name}: exit code, reason, last words, and both outputs in the log`, async () => {
    const c = await start({
      name: 'codes',
      argv: sh('echo out; echo err >&2; printf done >/dev/termination-log; exit 7'),
    });
    const end = await exited(c);
    assert.deepEqual([end.exitCode, end.reason, end.message], [7, 'Error', 'done']);
    assert.ok((end.finishedAtMs ?? 0) >= (end.startedAtMs ?? Infinity));
    assert.deepEqual(logOf(end).split('\n').toSorted(), ['', 'err', 'out']);
    assert.deepEqual([end.name, end.attempt, end.specHash, end.pod], ['codes', 0, 'abc', POD]);
    const ok = await exited(await start({ name: 'ok', argv: sh('exit 0') }));
    assert.deepEqual([ok.exitCode, ok.reason], [0, 'Completed']);
  });

  test(`${name}: a container that fails without a message can have the end of its log as one`, async () => {
    const c = await start({ name: 'log-message', argv: sh('echo first; echo last; exit 1'), messageFromLog: true });
    assert.equal((await exited(c)).message, 'first\nlast\n');
  });

  test(`${name}: a program that is not there is a start that failed, and says so`, async () => {
    const c = await start({ name: 'missing', argv: ['/no/such/program'] });
    assert.deepEqual([c.state, c.exitCode, c.reason], ['exited', 128, 'StartError']);
    assert.match(c.message ?? '', /\/no\/such\/program.*no such file or directory/);
  });

  test(`${name}: environment, user, folder, files and volumes are as asked`, async () => {
    const source = path.join(t.dir, 'volume');
    mkdirSync(source, { recursive: true });
    writeFileSync(path.join(source, 'file'), 'hello\n');
    const c = await start({
      name: 'asked',
      argv: sh(
        'pwd; id -u; id -g; echo "$A"; cat /ro/file; touch /ro/x || echo read-only; cat /etc/resolv.conf; grep suite /etc/hosts',
      ),
      env: [
        ['PATH', '/usr/bin:/bin'],
        ['A', 'it\'s $HOME "q"'],
      ],
      workingDir: '/usr',
      user: { uid: 1234, gid: 5678, groups: [] },
      mounts: [{ source, target: '/ro', readOnly: true }],
    });
    const log = logOf(await exited(c)).replace(/^touch.*\n/m, '');
    assert.equal(log, '/usr\n1234\n5678\nit\'s $HOME "q"\nhello\nread-only\nnameserver 10.96.0.10\n10.0.0.7 suite\n');
  });

  test(`${name}: exec has its own streams and exit code; SIGTERM reaches the program`, async () => {
    const c = await start({
      name: 'exec',
      argv: sh('trap "exit 3" TERM; touch /tmp/up; while :; do sleep 0.05; done'),
    });
    assert.equal(c.state, 'running');
    const argv = sh('cat; echo e >&2; until [ -e /tmp/up ]; do sleep 0.02; done; ls /tmp; exit 9');
    const session = await t.runtime().exec(c.id, { argv, stdin: true, tty: false });
    session.stdin?.end('typed\n');
    const [out, err, { exitCode }] = await Promise.all([
      text(session.stdout),
      session.stderr === undefined ? '' : text(session.stderr),
      session.done,
    ]);
    assert.deepEqual([out, err, exitCode], ['typed\nup\n', 'e\n', 9]);
    assert.equal(t.runtime().signal(c.id, 'SIGTERM'), true);
    assert.equal((await exited(c)).exitCode, 3);
    assert.equal(t.runtime().signal(c.id, 'SIGTERM'), false);
    await assert.rejects(t.runtime().exec(c.id, { argv: ['/bin/true'], stdin: false, tty: false }), /not running/);
  });

  test(`${name}: exec with a terminal knows its size`, async () => {
    const c = await start({ name: 'tty', argv: ['/bin/sleep', '1000'] });
    const session = await t
      .runtime()
      .exec(c.id, { argv: sh('read word; echo "got $word"; exit 4'), stdin: true, tty: true });
    session.resize(100, 40);
    session.stdin?.write('hello\n');
    const chunks: string[] = [];
    session.stdout.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    assert.equal((await session.done).exitCode, 4);
    for (let i = 0; i < 100 && !chunks.join('').includes('got hello'); i++) await new Promise((r) => setTimeout(r, 20));
    assert.match(chunks.join(''), /got hello\r\n/);
    t.runtime().signal(c.id, 'SIGKILL');
    assert.equal((await exited(c)).exitCode, 137);
  });

  test(`${name}: attach gives input once, and its end is the end of the container's input`, async () => {
    // containerd copies the input before it hands over the output: what a program says to input that comes at once may
    // miss whoever attached, so nothing is typed before the container was heard.
    const argv = sh('while :; do echo waiting; sleep 0.05; done & cat; kill $!');
    const c = await start({ name: 'attach', argv, stdin: true, stdinOnce: true });
    const session = await t.runtime().attach(c.id, { argv: [], stdin: true, tty: false });
    session.stdout.once('data', () => session.stdin?.end('typed\n'));
    const said = /^(waiting\n)+typed\n(waiting\n)*$/;
    assert.match(await text(session.stdout), said);
    const end = await exited(c);
    assert.equal(end.exitCode, 0);
    assert.match(logOf(end), said);
  });

  test(`${name}: whoever follows the log is told of new lines and of the end`, async () => {
    const c = await start({ name: 'follow', argv: sh('sleep 0.2; echo one; sleep 0.2; echo two') });
    let calls = 0;
    using _ = t.runtime().onLog(c.id, () => calls++);
    await exited(c);
    assert.ok(calls >= 2, `${calls} calls`);
    assert.equal(logOf(c), 'one\ntwo\n');
  });

  test(`${name}: a new agent takes over what runs and what has ended meanwhile`, async () => {
    const stays = await start({ name: 'stays', argv: sh('trap "exit 8" TERM; while :; do sleep 0.05; done') });
    const ends = await start({ name: 'ends', argv: sh('sleep 0.3; echo bye; exit 5') });
    await t.restart();
    const runtime = t.runtime();
    assert.deepEqual(
      runtime
        .containers(POD.uid)
        .map((c) => c.name)
        .filter((n) => n === 'stays' || n === 'ends')
        .toSorted(),
      ['ends', 'stays'],
    );
    assert.equal(runtime.container(stays.id)?.state, 'running');
    const ended = await exited(ends);
    assert.deepEqual([ended.exitCode, logOf(ended)], [5, 'bye\n']);
    runtime.signal(stays.id, 'SIGTERM');
    assert.equal((await exited(stays)).exitCode, 8);
  });

  test(`${name}: a removed pod leaves nothing`, async () => {
    const runtime = t.runtime();
    const last = await start({ name: 'last', argv: ['/bin/sleep', '1000'] });
    await runtime.kill(last.id);
    assert.equal(runtime.container(last.id)?.state, 'exited');
    runtime.remove(last.id);
    assert.equal(runtime.container(last.id), undefined);
    await runtime.removePod(POD.uid);
    assert.deepEqual(runtime.containers(POD.uid), []);
    assert.deepEqual([...runtime.podUids()], []);
  });
}
