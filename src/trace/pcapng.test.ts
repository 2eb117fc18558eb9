import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frames, node, pod, tcp } from './fixtures.ts';
import { buildPcapng } from './pcapng.ts';

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

function readBlocks(bytes: Buffer): Block[] {
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.length;) {
    const total = bytes.readUInt32LE(at + 4);
    assert.equal(total % 4, 0);
    assert.equal(bytes.readUInt32LE(at + total - 4), total, 'the length stands at both ends');
    blocks.push({ type: bytes.readUInt32LE(at), body: bytes.subarray(at + 8, at + total - 4) });
    at += total;
  }
  return blocks;
}

function readOptions(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt16LE(at + 2);
    options.set(bytes.readUInt16LE(at), bytes.subarray(at + 4, at + 4 + size));
    at += 4 + Math.ceil(size / 4) * 4;
  }
  return options;
}

test('buildPcapng() writes a section, an interface a device, and each packet with direction and comment', () => {
  const packet = tcp({ from: ['10.0.0.1', 1], to: ['10.0.0.2', 2] });
  const [a, b, c] = frames([
    [pod('web'), 'eth0', 'out', packet],
    [node('node-1'), 'lxc1', 'in', packet],
    [node('node-1'), 'lxc1', 'out', packet],
  ]);
  assert.ok(a && b && c);
  const blocks = readBlocks(buildPcapng([{ frame: a }, { frame: b, comment: 'DNAT a -> b' }, { frame: c }]));
  assert.deepEqual(
    blocks.map((block) => block.type),
    [0x0a0d0d0a, 1, 1, 6, 6, 6],
  );
  const names = blocks.slice(1, 3).map((block) => readOptions(block.body.subarray(8)).get(2)?.toString());
  assert.deepEqual(names, ['default/web/eth0', 'node-1/lxc1']);
  const second = blocks[4]?.body ?? Buffer.alloc(0);
  assert.equal(second.readUInt32LE(0), 1);
  assert.equal((BigInt(second.readUInt32LE(4)) << 32n) | BigInt(second.readUInt32LE(8)), b.timeNs);
  assert.deepEqual(second.subarray(20, 20 + packet.length), packet);
  const options = readOptions(second.subarray(20 + packet.length));
  assert.equal(options.get(1)?.toString(), 'DNAT a -> b');
  assert.equal(options.get(2)?.readUInt32LE(), 1);
});
