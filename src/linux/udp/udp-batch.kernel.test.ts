import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { after, describe, it } from 'node:test';
import { createNetns, deleteNetns, isErrno, openUdpBatch, openUdpSocketIn, udpPeerAddress } from '../index.ts';

const name = `test-${process.pid}-udp`;
createNetns(name);
after(() => deleteNetns(name));

function client(address: string) {
  return createSocket(address === '::1' ? 'udp6' : 'udp4').bind({ fd: openUdpSocketIn(name, { address, port: 0 }) });
}

describe('openUdpBatch', () => {
  for (const address of ['127.0.0.1', '::1']) {
    it(`answers every datagram of a burst on ${address}`, async () => {
      const server = openUdpBatch(openUdpSocketIn(name, { address, port: 0 }), (bytes, peer) => {
        assert.equal(udpPeerAddress(peer).address, address);
        server.send(Buffer.from(`re: ${bytes.toString()}`), peer);
      });
      const socket = client(address);
      const answers = new Set<string>();
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.on('message', (text) => {
        answers.add(text.toString());
        if (answers.size === 200) resolve();
      });
      for (let i = 0; i < 200; i++) socket.send(`q${i}`, server.port, address);
      await promise;
      assert.ok(answers.has('re: q0') && answers.has('re: q199'));
      socket.close();
      server.close();
    });
  }

  it('answers later, after copying the peer, and skips receivers that are gone', async () => {
    const server = openUdpBatch(openUdpSocketIn(name, { address: '127.0.0.1', port: 0 }), (bytes, peer) => {
      const [text, back] = [bytes.toString(), Uint8Array.from(peer)];
      setTimeout(() => server.send(Buffer.from(text), back), 1);
    });
    const gone = client('127.0.0.1');
    gone.send('lost', server.port, '127.0.0.1');
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    gone.close();
    const socket = client('127.0.0.1');
    socket.send('late', server.port, '127.0.0.1');
    const [answer] = (await once(socket, 'message')) as [Buffer];
    assert.equal(answer.toString(), 'late');
    socket.close();
    server.close();
    server.close();
  });

  it('cuts long datagrams and refuses to send them', async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const server = openUdpBatch(
      openUdpSocketIn(name, { address: '127.0.0.1', port: 0 }),
      (bytes, peer) => {
        assert.throws(() => server.send(Buffer.alloc(600), peer), /600 bytes does not fit 512/);
        resolve(bytes.length);
      },
      { datagramBytes: 512, slots: 1 },
    );
    const socket = client('127.0.0.1');
    socket.send(Buffer.alloc(600), server.port, '127.0.0.1');
    assert.equal(await promise, 512);
    socket.close();
    server.close();
  });

  it('shares a port with reusePort', () => {
    const first = openUdpSocketIn(name, { address: '127.0.0.1', port: 0, reusePort: true });
    const server = openUdpBatch(first, () => {});
    const second = openUdpBatch(
      openUdpSocketIn(name, { address: '127.0.0.1', port: server.port, reusePort: true }),
      () => {},
    );
    assert.equal(second.port, server.port);
    assert.throws(
      () => openUdpSocketIn(name, { address: '127.0.0.1', port: server.port }),
      (e) => isErrno(e, 'EADDRINUSE'),
    );
    server.close();
    second.close();
  });
});
