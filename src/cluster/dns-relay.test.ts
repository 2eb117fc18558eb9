import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { test } from 'node:test';

import { boundPort, openTcpListenerIn, openUdpSocketIn } from '../linux/index.ts';
import { silentLogger } from '../log/index.ts';
import { hostNameservers, parseUpstream, startDnsRelay } from './dns-relay.ts';

const QUERY = Buffer.from('abcd01000001000000000000036e733103636f6d0000010001', 'hex');

function bind(socket: Socket): Promise<number> {
  return new Promise((resolve) => socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)));
}

/** A relay on loopback in front of these ports, and one question through it. */
async function askThrough(ports: readonly number[]): Promise<Buffer> {
  const udpFd = openUdpSocketIn(undefined, { address: '127.0.0.1', port: 0 });
  const tcpFd = openTcpListenerIn(undefined, { address: '127.0.0.1', port: 0 });
  const relayPort = boundPort(udpFd);
  const upstreams = ports.map((port) => ({ host: '127.0.0.1', port }));
  const relay = startDnsRelay({ udpFd, tcpFd }, upstreams, silentLogger);
  const client = createSocket('udp4');
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      client.once('message', resolve);
      client.once('error', reject);
      client.send(QUERY, relayPort, '127.0.0.1');
    });
  } finally {
    client.close();
    relay.close();
  }
}

test('the relay passes question and answer on', async () => {
  const upstream = createSocket('udp4');
  const port = await bind(upstream);
  upstream.on('message', (m, from) =>
    upstream.send(Buffer.concat([m, Buffer.from('answer')]), from.port, from.address),
  );
  try {
    assert.equal((await askThrough([port])).toString('latin1').endsWith('answer'), true);
  } finally {
    upstream.close();
  }
});

test('a nameserver that refuses is followed by the next; none at all is SERVFAIL', async () => {
  const closed = createSocket('udp4');
  const deadPort = await bind(closed);
  await new Promise<void>((resolve) => closed.close(() => resolve()));
  const upstream = createSocket('udp4');
  const port = await bind(upstream);
  upstream.on('message', (m, from) => upstream.send(m, from.port, from.address));
  try {
    assert.deepEqual(await askThrough([deadPort, port]), QUERY);
  } finally {
    upstream.close();
  }
  const reply = await askThrough([]);
  assert.equal(reply.readUInt16BE(0), 0xabcd);
  assert.equal((reply[3] ?? 0) & 0x0f, 2, 'SERVFAIL');
  assert.equal((reply[2] ?? 0) & 0x80, 0x80, 'a response');
});

test('TCP is passed on byte for byte', async () => {
  const server = net.createServer((s) => s.pipe(s)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  const udpFd = openUdpSocketIn(undefined, { address: '127.0.0.1', port: 0 });
  const tcpFd = openTcpListenerIn(undefined, { address: '127.0.0.1', port: 0 });
  const relayPort = boundPort(tcpFd);
  const relay = startDnsRelay({ udpFd, tcpFd }, [{ host: '127.0.0.1', port }], silentLogger);
  const client = net.connect(relayPort, '127.0.0.1');
  try {
    client.write(QUERY);
    const echoed = await new Promise<Buffer>((resolve) => client.once('data', resolve));
    assert.deepEqual(echoed, QUERY);
  } finally {
    client.destroy();
    relay.close();
    server.close();
  }
});

test('upstreams are read from text and from resolv.conf', () => {
  assert.deepEqual(parseUpstream('10.0.0.1'), { host: '10.0.0.1', port: 53 });
  assert.deepEqual(parseUpstream('10.0.0.1:5300'), { host: '10.0.0.1', port: 5300 });
  assert.deepEqual(parseUpstream('[fd00::1]:5300'), { host: 'fd00::1', port: 5300 });
  assert.deepEqual(parseUpstream('fd00::1'), { host: 'fd00::1', port: 53 });
  assert.equal(parseUpstream('dns.example'), undefined);
  assert.equal(parseUpstream('10.0.0.1:0'), undefined);
  const dir = mkdtempSync(path.join(tmpdir(), `test-${process.pid}-resolv-`));
  try {
    const file = path.join(dir, 'resolv.conf');
    writeFileSync(file, '# nameserver 9.9.9.9\nsearch x\nnameserver 10.1.1.1\n nameserver fe80::1%eth0\n');
    assert.deepEqual(hostNameservers(file), [
      { host: '10.1.1.1', port: 53 },
      { host: 'fe80::1', port: 53 },
    ]);
    assert.deepEqual(hostNameservers(path.join(dir, 'absent')), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
