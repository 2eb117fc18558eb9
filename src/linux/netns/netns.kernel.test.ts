import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import {
  boundPort,
  connectTcpIn,
  createNetns,
  deleteNetns,
  inNetns,
  isErrno,
  listNetns,
  netnsExists,
  netnsId,
  netnsPath,
  openTcpListenerIn,
  openUdpSocketIn,
  readSysctl,
  runCommand,
  spawnIn,
  writeSysctl,
} from '../index.ts';

const name = `test-${process.pid}-netns`;
createNetns(name);
after(() => deleteNetns(name));

describe('network namespaces', () => {
  it('are visible to ip netns, with loopback up', () => {
    assert.ok(netnsExists(name));
    assert.ok(listNetns().includes(name));
    assert.ok(
      execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
        .split('\n')
        .some((l) => l.startsWith(name)),
    );
    assert.notEqual(netnsId(name), netnsId());
    assert.match(execFileSync('ip', ['-n', name, '-br', 'addr', 'show', 'lo'], { encoding: 'utf8' }), /127\.0\.0\.1/);
  });

  it('are entered and left, also when the function throws and when nested', () => {
    const home = netnsId();
    const second = `${name}-2`;
    createNetns(second, { loopback: false });
    try {
      assert.equal(
        inNetns(name, () => netnsId()),
        netnsId(name),
      );
      assert.throws(() =>
        inNetns(name, () => {
          throw new Error('inside');
        }),
      );
      assert.equal(netnsId(), home);
      const nested = inNetns(name, () => [inNetns(second, () => netnsId()), netnsId()]);
      assert.deepEqual(nested, [netnsId(second), netnsId(name)]);
      assert.equal(netnsId(), home);
    } finally {
      deleteNetns(second);
    }
  });

  it('refuse asynchronous functions, taken names and unknown names', () => {
    assert.throws(() => inNetns(name, async () => {}), /synchronous function/);
    assert.throws(
      () => createNetns(name),
      (error) => isErrno(error, 'EEXIST'),
    );
    assert.ok(netnsExists(name));
    assert.throws(
      () => inNetns('no-such-netns', () => 1),
      /open network namespace \/run\/netns\/no-such-netns: ENOENT/,
    );
    assert.throws(() => netnsPath('..'), RangeError);
    assert.equal(netnsExists('no-such-netns'), false);
    assert.equal(deleteNetns('no-such-netns'), false);
  });

  it('are removed even when only the file of a failed creation is left', () => {
    const broken = `${name}-broken`;
    writeFileSync(netnsPath(broken), '');
    assert.equal(netnsExists(broken), false);
    assert.equal(deleteNetns(broken), true);
    assert.ok(!listNetns().includes(broken));
  });
});

describe('processes and sockets inside', () => {
  it('spawnIn runs the child there', async () => {
    const { status, stdout } = await runCommand('readlink', ['/proc/self/ns/net'], { netns: name });
    assert.equal(status, 0);
    assert.equal(stdout.trim(), `net:[${netnsId(name).split(':')[1]}]`);
    const failing = spawnIn(name, 'sh', ['-c', 'exit 7']);
    assert.deepEqual(await once(failing, 'exit'), [7, null]);
    await assert.rejects(runCommand('no-such-program', [], { netns: name }), /cannot run no-such-program/);
    await assert.rejects(runCommand('sleep', ['5'], { timeoutMs: 20 }), /killed by SIGKILL/);
  });

  it('TCP works through a listener and a connection opened there', async () => {
    const fd = openTcpListenerIn(name, { address: '127.0.0.1', port: 0 });
    const port = boundPort(fd);
    const server = createServer((socket) => socket.end('hello'));
    server.listen({ fd });
    await once(server, 'listening');
    const client = connectTcpIn(name, { host: '127.0.0.1', port });
    const chunks = await client.toArray();
    assert.equal(Buffer.concat(chunks).toString(), 'hello');
    // The same port is free at home: the listener is really elsewhere.
    const own = createServer().listen(port, '127.0.0.1');
    await once(own, 'listening');
    own.close();
    server.close();
    const refused = connectTcpIn(name, { host: '127.0.0.1', port: 1 });
    const [error] = (await once(refused, 'error')) as [Error];
    assert.ok(isErrno(error, 'ECONNREFUSED'));
  });

  it('UDP sockets share a port with reusePort and answer inside', async () => {
    const options = { address: '::1', port: 0, reusePort: true };
    const fd = openUdpSocketIn(name, options);
    const second = openUdpSocketIn(name, { ...options, port: boundPort(fd) });
    assert.throws(
      () => openUdpSocketIn(name, { address: '::1', port: boundPort(fd) }),
      (error) => isErrno(error, 'EADDRINUSE'),
    );
    const sockets = [fd, second].map((descriptor) => createSocket('udp6').bind({ fd: descriptor }));
    const client = createSocket('udp6').bind({ fd: openUdpSocketIn(name, { address: '::1', port: 0 }) });
    for (const socket of sockets) socket.on('message', (text, from) => socket.send(text, from.port, from.address));
    client.send('ping', boundPort(fd), '::1');
    const [answer] = (await once(client, 'message')) as [Buffer];
    assert.equal(answer.toString(), 'ping');
    for (const socket of [...sockets, client]) socket.close();
  });
});

describe('sysctl', () => {
  it('reads and writes the namespace, not the host', () => {
    const host = readSysctl(undefined, 'net.ipv4.ip_forward');
    const other = host === '1' ? '0' : '1';
    writeSysctl(name, 'net.ipv4.ip_forward', other);
    assert.equal(readSysctl(name, 'net.ipv4.ip_forward'), other);
    assert.equal(readSysctl(undefined, 'net.ipv4.ip_forward'), host);
    writeSysctl(name, 'net.ipv4.conf.lo.rp_filter', 2);
    assert.equal(readSysctl(name, 'net.ipv4.conf.lo.rp_filter'), '2');
  });

  it('tells absent settings from refused ones', () => {
    assert.equal(readSysctl(name, 'net.ipv4.no_such_thing'), undefined);
    assert.throws(
      () => writeSysctl(name, 'net.ipv4.no_such_thing', 1),
      /set net\.ipv4\.no_such_thing = 1 in .*: ENOENT/,
    );
    assert.throws(
      () => writeSysctl(name, 'net.ipv4.ip_forward', 'x'),
      (error) => isErrno(error, 'EINVAL'),
    );
    assert.throws(() => readSysctl(name, '../../etc/passwd'), RangeError);
  });
});
