// Real resolvers against the server on port 53 of a namespace, with the resolv.conf of a pod: the C library, Node's two
// resolvers, and dig.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, describe, test } from 'node:test';
import { createNetns, deleteNetns, spawnIn } from '../linux/index.ts';

const netns = `test-${process.pid}-dns`;
const folder = mkdtempSync(path.join(tmpdir(), 'portico-resolvers-'));
const resolvConf = path.join(folder, 'resolv.conf');
const nsswitch = path.join(folder, 'nsswitch.conf');

/** Runs a program in the namespace with a pod's resolv.conf; its output, whatever its exit code. */
async function run(command: string, ...args: string[]): Promise<string> {
  // The machine's own nsswitch.conf may keep .local from DNS (mdns4_minimal).
  const mounts = `mount --bind ${resolvConf} /etc/resolv.conf && mount --bind ${nsswitch} /etc/nsswitch.conf`;
  const script = `${mounts} && exec "$@"`;
  const child = spawnIn(netns, 'unshare', ['-m', 'sh', '-c', script, 'sh', command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text;
}

const dig = (...args: string[]) => run('dig', '@127.0.0.1', '+time=2', '+tries=1', ...args);
const short = async (...args: string[]) =>
  (await dig('+short', ...args))
    .trim()
    .split('\n')
    .filter((l) => l !== '')
    .toSorted();

for (const mode of ['dgram', 'batch'] as const)
  describe(`clients of the server (${mode})`, () => {
    let server: ChildProcess;

    before(async () => {
      createNetns(netns);
      // The C library asks only for families that the machine has an address of.
      for (const command of [
        'link add br0 type bridge',
        'link set br0 up',
        'addr add 10.9.9.9/24 dev br0',
        'addr add fd09::9/64 dev br0 nodad',
      ])
        execFileSync('ip', ['-n', netns, ...command.split(' ')]);
      writeFileSync(nsswitch, 'hosts: files dns\n');
      writeFileSync(
        resolvConf,
        'nameserver 127.0.0.1\nsearch testns.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
      );
      const script = path.join(import.meta.dirname, 'testing', 'serve-fixture.ts');
      server = spawnIn(netns, process.execPath, [script, ...(mode === 'batch' ? ['--batch'] : [])], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (server.stdout !== null) await once(server.stdout, 'data');
    });

    after(async () => {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
      deleteNetns(netns);
      if (mode === 'batch') rmSync(folder, { recursive: true });
    });

    test('the C library walks the search path', async () => {
      for (const name of [
        'svc1',
        'svc1.testns',
        'svc1.testns.svc',
        'svc1.testns.svc.cluster.local',
        'external-to-service',
      ])
        assert.match(await run('getent', 'ahostsv4', name), /^10\.0\.0\.1\s+STREAM/, name);
      assert.match(await run('getent', 'ahosts', 'svc6'), /^1234:abcd::1\s+STREAM/);
      assert.match(await run('getent', 'ahosts', 'svc-dual-stack'), /10\.0\.0\.3/);
      assert.match(await run('getent', 'ahostsv4', 'www.example.org'), /^192\.0\.2\.80/);
      assert.equal(await run('getent', 'ahosts', 'nope'), '');
      assert.match(await run('getent', 'hosts', '10.0.0.10'), /kubedns\.kube-system\.svc\.cluster\.local/);
      // More addresses than fit one UDP reply.
      const all = await run('getent', 'ahostsv4', 'many.big');
      assert.equal(new Set(all.match(/10\.7\.0\.\d+/g)).size, 200);
    });

    test("Node's resolvers", async () => {
      const script = `
        const dns = require('node:dns').promises;
        (async () => {
          console.log((await dns.lookup('svc1')).address);
          console.log(JSON.stringify((await dns.resolveSrv('_http._tcp.svc1.testns.svc.cluster.local')).map((r) => [r.name, r.port])));
          console.log((await dns.resolve4('many.big.svc.cluster.local')).length);
          console.log((await dns.reverse('10.0.0.10'))[0]);
          console.log(await dns.resolve4('nope.testns.svc.cluster.local').catch((e) => e.code));
          console.log(await dns.resolve6('svc1.testns.svc.cluster.local').catch((e) => e.code));
        })();`;
      assert.deepEqual((await run(process.execPath, '-e', script)).trim().split('\n'), [
        '10.0.0.1',
        '[["svc1.testns.svc.cluster.local",80]]',
        '200',
        'kubedns.kube-system.svc.cluster.local',
        'ENOTFOUND',
        'ENODATA',
      ]);
    });

    test('dig reads every kind of answer', async () => {
      const Z = 'testns.svc.cluster.local';
      assert.deepEqual(await short(`svc1.${Z}`), ['10.0.0.1']);
      assert.deepEqual(await short('+search', 'svc1'), ['10.0.0.1']);
      assert.deepEqual(await short(`hdls1.${Z}`), ['172.0.0.2', '172.0.0.3', '172.0.0.4', '172.0.0.5']);
      assert.deepEqual(await short(`_http._tcp.svc1.${Z}`, 'SRV'), [`0 100 80 svc1.${Z}.`]);
      assert.deepEqual(await short('-x', '10.0.0.10'), ['kubedns.kube-system.svc.cluster.local.']);
      assert.deepEqual(await short(`external.${Z}`, 'CNAME'), ['ext.interwebs.test.']);
      assert.deepEqual(await short('dns-version.cluster.local', 'TXT'), ['"1.1.0"']);
      assert.equal((await short('many.big.svc.cluster.local')).length, 200);
      assert.equal((await short('+tcp', 'many.big.svc.cluster.local')).length, 200);
      assert.equal((await short('+noedns', '+ignore', 'many.big.svc.cluster.local')).length, 29);
    });

    test('dig finds nothing to complain about', async () => {
      const questions: string[][] = [
        ['svc1.testns.svc.cluster.local'],
        ['+dnssec', 'svc1.testns.svc.cluster.local'],
        ['+nsid', '+tcp', '+keepalive', 'svc1.testns.svc.cluster.local'],
        ['nope.testns.svc.cluster.local'],
        ['+noedns', 'nope.testns.svc.cluster.local'],
        ['_http._tcp.hdls1.testns.svc.cluster.local', 'SRV'],
        ['www.example.org'],
        ['cluster.local', 'ANY'],
      ];
      for (const question of questions) {
        const text = await dig(...question);
        assert.match(text, /status: (NOERROR|NXDOMAIN)/, question.join(' '));
        assert.doesNotMatch(
          text,
          /warning: (?!\.local is reserved)|malformed|extra bytes|mismatch|not available|\(bad/i,
          text,
        );
        if (!question.includes('+noedns')) assert.match(text, /; COOKIE: [0-9a-f]{48} \(good\)/, text);
      }
      assert.match(
        await dig('nope.testns.svc.cluster.local'),
        /EDE: 0 \(Other\): \(no service nope in namespace testns\)/,
      );
    });
  });
