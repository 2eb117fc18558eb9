import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { after, describe, it } from 'node:test';
import type { CapturedPacket, PacketFilter } from '../index.ts';
import { createNetns, deleteNetns, openCapture, openRtnl, openUdpSocketIn } from '../index.ts';

const [left, right] = [`test-${process.pid}-a`, `test-${process.pid}-b`];
createNetns(left);
createNetns(right);
const rtnl = openRtnl(left);
rtnl.addLink({ kind: 'veth', name: 'eth0', up: true, peer: { name: 'eth0', netns: right, up: true } });
rtnl.addAddress('eth0', '10.9.0.1/24');
rtnl.addAddress('eth0', 'fd00:9::1/64', { noDad: true });
const other = openRtnl(right);
other.addAddress('eth0', '10.9.0.2/24');
other.addAddress('eth0', 'fd00:9::2/64', { noDad: true });
after(() => {
  rtnl.close();
  other.close();
  deleteNetns(left);
  deleteNetns(right);
});

async function send(text: string, address: string, port: number): Promise<void> {
  const v6 = address.includes(':');
  const socket = createSocket(v6 ? 'udp6' : 'udp4').bind({
    fd: openUdpSocketIn(left, { address: v6 ? '::' : '0.0.0.0', port: 0 }),
  });
  await new Promise<void>((resolve, reject) =>
    socket.send(text, port, address, (error) => (error ? reject(error) : resolve())),
  );
  socket.close();
}

const holds = (packets: readonly CapturedPacket[], text: string) => packets.filter((p) => p.bytes.includes(text));

async function captured(
  filter: PacketFilter | undefined,
  sends: readonly (readonly [string, string, number])[],
): Promise<CapturedPacket[]> {
  const packets: CapturedPacket[] = [];
  const capture = openCapture({ netns: left, ...(filter && { filter }) }, (packet) => packets.push(packet));
  for (const [text, address, port] of sends) await send(text, address, port);
  capture.drain();
  capture.close();
  return packets;
}

describe('openCapture', () => {
  it('sees a packet leave one namespace and arrive in the next, in the order of the clock', async () => {
    const seen: (CapturedPacket & { place: string })[] = [];
    const captures = [left, right].map((netns) => openCapture({ netns }, (p) => seen.push({ ...p, place: netns })));
    const before = BigInt(Date.now()) * 1_000_000n;
    await send('needle-1', '10.9.0.2', 4000);
    for (const capture of captures) capture.drain();
    const hops = seen
      .filter((p) => p.bytes.includes('needle-1') && p.bytes[9] === 17)
      .toSorted((a, b) => Number(a.timeNs - b.timeNs));
    assert.deepEqual(
      hops.map((p) => [p.place, p.direction, p.protocol, p.hardwareType, p.addressed]),
      [
        [left, 'out', 0x0800, 1, 'outgoing'],
        [right, 'in', 0x0800, 1, 'host'],
      ],
    );
    const [out, arrival] = hops;
    assert.equal(out?.device, rtnl.link('eth0')?.index);
    assert.equal(arrival?.device, other.link('eth0')?.index);
    assert.equal(out?.length, 20 + 8 + 8);
    assert.equal(out?.bytes.readUInt8(0), 0x45);
    assert.ok(out !== undefined && out.timeNs >= before - 50_000_000n && out.timeNs < before + 5_000_000_000n);
    // A veth pair never computes the checksum of what stays on the machine.
    assert.equal(out?.checksumReady, false);
    for (const capture of captures) {
      const { received, dropped } = capture.statistics();
      assert.ok(received > 0);
      assert.equal(dropped, 0);
      capture.close();
    }
  });

  it('comes through the event loop too, and takes one device, Ethernet framing and a snap length', async () => {
    const { promise, resolve } = Promise.withResolvers<CapturedPacket>();
    const device = rtnl.link('eth0')?.index ?? 0;
    const capture = openCapture({ netns: left, device, framing: 'ethernet', snapLength: 40 }, (p) => {
      if (p.protocol === 0x0800) resolve(p);
    });
    const keepAlive = setTimeout(() => {}, 5000);
    await send('x'.repeat(100), '10.9.0.2', 4000);
    const packet = await promise;
    clearTimeout(keepAlive);
    capture.close();
    assert.equal(packet.length, 14 + 20 + 8 + 100);
    assert.equal(packet.bytes.length, 40);
    assert.equal(packet.bytes.readUInt16BE(12), 0x0800);
  });

  const sends = [
    ['to-4000', '10.9.0.2', 4000],
    ['to-4789', '10.9.0.2', 4789],
    ['to-lo', '127.0.0.1', 4001],
    ['six-4000', 'fd00:9::2', 4000],
    ['six-4789', 'fd00:9::2', 4789],
  ] as const;
  const texts = (packets: readonly CapturedPacket[]) =>
    sends.map(([text]) => text).filter((text) => holds(packets, text).length > 0);
  const cases: readonly [string, PacketFilter | undefined, readonly string[]][] = [
    ['nothing given', undefined, sends.map(([text]) => text)],
    ['an IPv4 host', { hosts: ['10.9.0.2'] }, ['to-4000', 'to-4789']],
    ['a source', { hosts: ['10.9.0.1'] }, ['to-4000', 'to-4789']],
    ['an IPv6 host', { hosts: ['fd00:9::2'] }, ['six-4000', 'six-4789']],
    ['a UDP port', { udpPorts: [4789] }, ['to-4789', 'six-4789']],
    ['a TCP port', { tcpPorts: [4789] }, []],
    ['host or port', { hosts: ['127.0.0.1', 'fd00:9::9'], udpPorts: [1, 4789] }, ['to-4789', 'to-lo', 'six-4789']],
    ['somebody else', { hosts: ['10.9.0.3', 'fd00:9::3'] }, []],
  ];
  for (const [what, filter, expected] of cases) {
    it(`filters in the kernel: ${what}`, async () => {
      assert.deepEqual(texts(await captured(filter, sends)), expected);
    });
  }

  it('takes a program of the caller, as tcpdump -dd prints it', async () => {
    const rows = execFileSync('tcpdump', ['-y', 'RAW', '-ddd', 'udp dst port 4789'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const filter = rows
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => {
        const [code = 0, jumpTrue = 0, jumpFalse = 0, k = 0] = row.split(' ').map(Number);
        return { code, jumpTrue, jumpFalse, k };
      });
    const packets: CapturedPacket[] = [];
    const capture = openCapture({ netns: left, filter }, (p) => packets.push(p));
    for (const [text, address, port] of sends) await send(text, address, port);
    capture.drain();
    capture.close();
    assert.deepEqual(texts(packets), ['to-4789', 'six-4789']);
  });
});
