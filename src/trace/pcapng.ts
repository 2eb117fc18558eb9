// Writes captured packets as pcapng (draft-ietf-opsawg-pcapng): one interface for each place and device, direction
// flags, and a comment where a packet was changed. Pure. Packets begin with their IP header (LINKTYPE_RAW).
import type { CapturedFrame, Place } from './contract.ts';

const BLOCK = { section: 0x0a0d0d0a, interface: 1, packet: 6 };
const OPTION = { end: 0, comment: 1, interfaceName: 2, timeResolution: 9, application: 4, packetFlags: 2 };
const LINKTYPE_RAW = 101;
const NANOSECONDS = 9;
const SNAP_LENGTH = 65_535;

export interface PcapPacket {
  readonly frame: CapturedFrame;
  readonly comment?: string;
}

/** `node-1/lxc0123456789a`, `default/web/eth0`. */
export const interfaceName = (place: Place, device: string): string => `${place.name}/${device}`;

export function buildPcapng(packets: readonly PcapPacket[]): Buffer {
  const blocks = [sectionHeader()];
  const interfaces = new Map<string, number>();
  for (const { frame } of packets) {
    const name = interfaceName(frame.place, frame.device);
    if (interfaces.has(name)) continue;
    interfaces.set(name, interfaces.size);
    blocks.push(interfaceDescription(name));
  }
  for (const packet of packets) {
    const id = interfaces.get(interfaceName(packet.frame.place, packet.frame.device)) ?? 0;
    blocks.push(enhancedPacket(packet, id));
  }
  return Buffer.concat(blocks);
}

function block(type: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const frame = Buffer.alloc(12);
  const total = body.length + 12;
  frame.writeUInt32LE(type, 0);
  frame.writeUInt32LE(total, 4);
  frame.writeUInt32LE(total, 8);
  return Buffer.concat([frame.subarray(0, 8), body, frame.subarray(8)]);
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes], Math.ceil(bytes.length / 4) * 4);

function option(code: number, value: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(code, 0);
  header.writeUInt16LE(value.length, 2);
  return Buffer.concat([header, padded(value)]);
}

const endOfOptions = option(OPTION.end, Buffer.alloc(0));

function sectionHeader(): Buffer {
  const fixed = Buffer.alloc(16);
  fixed.writeUInt32LE(0x1a2b3c4d, 0);
  fixed.writeUInt16LE(1, 4);
  // Length of the section: not known in advance.
  fixed.writeBigInt64LE(-1n, 8);
  return block(BLOCK.section, fixed, option(OPTION.application, Buffer.from('portico trace')), endOfOptions);
}

function interfaceDescription(name: string): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(LINKTYPE_RAW, 0);
  fixed.writeUInt32LE(SNAP_LENGTH, 4);
  const options = [
    option(OPTION.interfaceName, Buffer.from(name)),
    option(OPTION.timeResolution, Buffer.from([NANOSECONDS])),
    endOfOptions,
  ];
  return block(BLOCK.interface, fixed, ...options);
}

function enhancedPacket({ frame, comment }: PcapPacket, interfaceId: number): Buffer {
  const fixed = Buffer.alloc(20);
  fixed.writeUInt32LE(interfaceId, 0);
  fixed.writeUInt32LE(Number(frame.timeNs >> 32n), 4);
  fixed.writeUInt32LE(Number(frame.timeNs & 0xffffffffn), 8);
  fixed.writeUInt32LE(frame.bytes.length, 12);
  fixed.writeUInt32LE(frame.length, 16);
  const flags = Buffer.alloc(4);
  // Bits 0 and 1: 01 inbound, 10 outbound.
  flags.writeUInt32LE(frame.direction === 'in' ? 1 : 2);
  const options = [
    ...(comment === undefined ? [] : [option(OPTION.comment, Buffer.from(comment))]),
    option(OPTION.packetFlags, flags),
    endOfOptions,
  ];
  return block(BLOCK.packet, fixed, padded(frame.bytes), ...options);
}
