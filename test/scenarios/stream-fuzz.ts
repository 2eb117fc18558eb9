// Upgraded connections to a pod, with frames behind them that are nearly WebSocket or SPDY, or nothing of the kind.
import { randomBytes, randomInt } from 'node:crypto';
import { connect } from 'node:tls';
import { deflateSync } from 'node:zlib';

import type { ClientConfig } from '../../src/client/index.ts';

const WEBSOCKET = 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const UPGRADES = [
  ['GET', `${WEBSOCKET}Sec-WebSocket-Protocol: v5.channel.k8s.io`],
  ['GET', `${WEBSOCKET}Sec-WebSocket-Protocol: v4.channel.k8s.io`],
  ['GET', `${WEBSOCKET}Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io`],
  ['POST', 'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io'],
  ['POST', 'Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: portforward.k8s.io'],
] as const;

const pick = <T>(list: readonly T[]): T => list[randomInt(list.length)] as T;

/** A masked frame (RFC 6455 5.2) of any opcode, whose length may be a lie. */
function webSocketFrame(payload: Buffer): Buffer {
  const lie = randomInt(10) === 0 ? randomInt(126) : Math.min(payload.length, 125);
  const mask = randomBytes(4);
  const masked = payload.subarray(0, 125).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([
    Buffer.from([(pick([0x80, 0x80, 0x00, 0xf0]) | randomInt(16)) & 0xff, 0x80 | lie]),
    mask,
    masked,
  ]);
}

/** A control or data frame of SPDY/3.1 of any type, whose length may be a lie. */
function spdyFrame(payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  if (randomInt(3) > 0) head.writeUInt32BE((0x80030000 | randomInt(1, 11)) >>> 0, 0);
  else head.writeUInt32BE(randomInt(12), 0);
  head.writeUInt32BE(
    ((pick([0, 1, 2, 255]) << 24) | (randomInt(10) === 0 ? randomInt(1 << 24) : payload.length)) >>> 0,
    4,
  );
  return Buffer.concat([head, payload]);
}

function frame(isSpdy: boolean): Buffer {
  const noise = randomBytes(randomInt(100));
  // What begins like the ids and headers of a stream gets further than noise.
  const streamish = Buffer.concat([Buffer.from([0, 0, 0, randomInt(8) * 2 + 1, 0, 0, 0, 0, 0, 0]), deflateSync(noise)]);
  const payload = pick([noise, streamish, Buffer.concat([Buffer.from([randomInt(6)]), noise])]);
  return randomInt(8) === 0 ? payload : isSpdy ? spdyFrame(payload) : webSocketFrame(payload);
}

/** One connection; resolves with the status of the upgrade, '' when there was none. Bounded to less than a second. */
export function fuzzStream(config: ClientConfig, path: string): Promise<string> {
  const { hostname, port } = new URL(config.server);
  const [method, upgrade] = pick(UPGRADES);
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect({
      host: hostname,
      port: Number(port),
      ca: config.caPem,
      cert: config.certPem,
      key: config.keyPem,
      ALPNProtocols: ['http/1.1'],
    });
    const limit = setTimeout(() => socket.destroy(), 400);
    socket.on('secureConnect', () =>
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}\r\nConnection: Upgrade\r\n\r\n`),
    );
    socket.on('data', (chunk: Buffer) => {
      const first = heard === '';
      heard += chunk.toString('latin1').slice(0, 100);
      if (!first) return;
      for (let i = randomInt(12); i >= 0; i--) socket.write(frame(upgrade.includes('SPDY')));
      if (randomInt(2) === 0) setTimeout(() => (randomInt(2) === 0 ? socket.end() : socket.destroy()), randomInt(100));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(limit);
      resolve(/^HTTP\/1.1 (\d+)/.exec(heard)?.[1] ?? '');
    });
  });
}
