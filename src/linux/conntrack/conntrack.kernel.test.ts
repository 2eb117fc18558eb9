import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import type { ConntrackEvent, ConntrackFilter } from '../index.ts';
import {
  boundPort,
  connectTcpIn,
  createNetns,
  deleteNetns,
  openConntrack,
  openNft,
  openTcpListenerIn,
  openUdpSocketIn,
  NftTransaction,
  ruleFromText,
} from '../index.ts';

const name = `test-${process.pid}-ct`;
createNetns(name);
// Tracking starts with the first rule that needs it; this one also sends a virtual address to loopback.
const place = { family: 'ip', table: 'x', chain: 'out' } as const;
const nft = openNft({ netns: name });
await nft.run(
  new NftTransaction()
    .add({ kind: 'table', family: 'ip', name: 'x' })
    .add({
      kind: 'chain',
      family: 'ip',
      table: 'x',
      name: 'out',
      base: { type: 'nat', hook: 'output', priority: -100 },
    })
    .add(ruleFromText('ip daddr 10.96.0.10 meta l4proto udp dnat to 127.0.0.1:5353', place)),
);
nft.close();
execFileSync('ip', ['-n', name, 'route', 'add', '10.96.0.0/12', 'dev', 'lo']);
const conntrack = openConntrack(name);
after(() => {
  conntrack.close();
  deleteNetns(name);
});

async function sendFrom(count: number, to = '10.96.0.10'): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const fd = openUdpSocketIn(name, { address: '127.0.0.1', port: 0 });
    ports.push(boundPort(fd));
    const socket = createSocket('udp4').bind({ fd });
    await new Promise<void>((resolve, reject) =>
      socket.send('x', 53, to, (error) => (error ? reject(error) : resolve())),
    );
    socket.close();
  }
  return ports;
}

describe('Conntrack', () => {
  it('finds IPv6 connections by their addresses, which the kernel does not', async () => {
    const place = { family: 'ip6', table: 'x', chain: 'out' } as const;
    const nft6 = openNft({ netns: name });
    await nft6.run(
      new NftTransaction()
        .add({ kind: 'table', family: 'ip6', name: 'x' })
        .add({ kind: 'chain', ...place, name: 'out', base: { type: 'nat', hook: 'output', priority: -100 } })
        .add(ruleFromText('ip6 daddr fd00:10:96::a meta l4proto udp dnat to [::1]:5353', place)),
    );
    nft6.close();
    execFileSync('ip', ['-n', name, '-6', 'route', 'add', 'fd00:10:96::/112', 'dev', 'lo']);
    const socket = createSocket('udp6').bind({ fd: openUdpSocketIn(name, { address: '::1', port: 0 }) });
    await new Promise<void>((resolve, reject) =>
      socket.send('x', 53, 'fd00:10:96::a', (error) => (error ? reject(error) : resolve())),
    );
    socket.close();
    const found = (filter: ConntrackFilter) => conntrack.entries({ protocol: 'udp', ...filter }).length;
    assert.equal(found({ source: '::1' }), 1);
    assert.equal(found({ destination: 'fd00:10:96:0::a', destinationPort: 53 }), 1);
    assert.equal(found({ replySource: '::1', replySourcePort: 5353 }), 1);
    for (const other of [{ source: '::2' }, { destination: 'fd00:10:96::b' }, { replySource: '::2' }])
      assert.equal(found(other), 0);
    conntrack.flush();
  });

  it('shows where a virtual address led, as conntrack(8) does', async () => {
    conntrack.flush();
    const [port = 0] = await sendFrom(1);
    const entries = conntrack.entries({ family: 4, protocol: 'udp' });
    assert.equal(entries.length, 1);
    const [entry] = entries;
    assert.deepEqual(entry?.original, {
      family: 4,
      protocol: 'udp',
      source: '127.0.0.1',
      destination: '10.96.0.10',
      sourcePort: port,
      destinationPort: 53,
    });
    assert.equal(entry?.reply.source, '127.0.0.1');
    assert.equal(entry?.reply.sourcePort, 5353);
    assert.ok(entry?.status.includes('dnat') && !entry.status.includes('snat'));
    assert.ok((entry?.timeoutSeconds ?? 0) > 0);
    const line = execFileSync('ip', ['netns', 'exec', name, 'conntrack', '-L', '-p', 'udp'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.match(
      line,
      new RegExp(`src=127.0.0.1 dst=10.96.0.10 sport=${port} dport=53.*src=127.0.0.1 dst=127.0.0.1 sport=5353`),
    );
    assert.equal(conntrack.count(), 1);
  });

  it('filters by every field', async () => {
    conntrack.flush();
    const [port] = await sendFrom(3);
    await sendFrom(2, '127.0.0.1');
    const length = (filter: Parameters<typeof conntrack.entries>[0]) => conntrack.entries(filter).length;
    assert.equal(length({}), 5);
    assert.equal(length({ protocol: 'tcp' }), 0);
    assert.equal(length({ family: 6 }), 0);
    assert.equal(length({ protocol: 'udp', destination: '10.96.0.10' }), 3);
    assert.equal(length({ protocol: 'udp', destination: '10.96.0.10', destinationPort: 53 }), 3);
    assert.equal(length({ protocol: 'udp', destinationPort: 54 }), 0);
    assert.equal(length({ protocol: 'udp', sourcePort: port ?? 0 }), 1);
    assert.equal(
      length({ protocol: 'udp', destination: '10.96.0.10', replySource: '127.0.0.1', replySourcePort: 5353 }),
      3,
    );
    assert.equal(length({ protocol: 'udp', replySourcePort: 53 }), 2);
    assert.equal(length({ source: '127.0.0.1' }), 5);
  });

  it('deletes single entries, many, and all', async () => {
    conntrack.flush();
    await sendFrom(4);
    const [first, ...rest] = conntrack.entries();
    assert.ok(first);
    assert.equal(conntrack.delete(first), true);
    assert.equal(conntrack.delete(first), false);
    assert.equal(conntrack.deleteAll([first, ...rest]), 3);
    assert.deepEqual(conntrack.entries(), []);
    await sendFrom(2);
    conntrack.flush();
    assert.equal(conntrack.entries().length, 0);
  });

  it('knows the state of TCP connections', async () => {
    const fd = openTcpListenerIn(name, { address: '127.0.0.1', port: 0 });
    const port = boundPort(fd);
    const server = createServer((socket) => socket.resume());
    server.listen({ fd });
    const client = connectTcpIn(name, { host: '127.0.0.1', port });
    await once(client, 'connect');
    const [entry] = conntrack.entries({ protocol: 'tcp', destinationPort: port });
    assert.equal(entry?.tcpState, 'ESTABLISHED');
    assert.ok(entry?.status.includes('assured') && entry.status.includes('seen-reply'));
    client.destroy();
    server.close();
  });

  it('tells of new and ended connections', async () => {
    conntrack.flush();
    const events: ConntrackEvent[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const keepAlive = setTimeout(() => resolve(), 5000);
    const listener = conntrack.listen((event) => {
      events.push(event);
      if (event.action === 'destroy' && event.entry.original.protocol === 'udp') resolve();
    });
    await sendFrom(1);
    conntrack.flush();
    await promise;
    clearTimeout(keepAlive);
    listener.close();
    const udp = events.filter((e) => e.action === 'overflow' || e.entry.original.protocol === 'udp');
    assert.deepEqual(
      udp.map((e) => e.action),
      ['new', 'destroy'],
    );
  });
});
