// The edge that watches one network namespace: every device, both directions, with the kernel's nanosecond clock.
import { openCapture, openRtnl } from '../linux/index.ts';
import type { BpfInstruction, CapturedPacket } from '../linux/index.ts';
import type { CapturedFrame, Place } from './contract.ts';

export interface PlaceCapture {
  /** Ends the capture and gives what it saw; `dropped` counts what the kernel had no room for. */
  finish(): { frames: CapturedFrame[]; dropped: number };
  /** Ends it at once; again: nothing. */
  abort(): void;
}

/** Starts watching: packets are seen from the moment this returns. */
export function startCapture(place: Place, filter: readonly BpfInstruction[], snapLength: number): PlaceCapture {
  const packets: CapturedPacket[] = [];
  const capture = openCapture({ netns: place.netns, snapLength, filter }, (packet) => packets.push(packet));
  return {
    finish: () => {
      capture.drain();
      const { dropped } = capture.statistics();
      capture.close();
      return { frames: toFrames(packets, place), dropped };
    },
    abort: () => capture.close(),
  };
}

const LOOPBACK = 1;
const DROP_ALL: readonly BpfInstruction[] = [{ code: 0x06, jumpTrue: 0, jumpFalse: 0, k: 0 }];

/**
 * Makes the kernel take the time of packets, on the whole machine, which it begins to do a moment after the first socket
 * wants it: a packet that is captured before bears the time at which it was read. Costs others next to nothing: it
 * listens to the loopback device alone. @returns what ends it
 */
export function askForTimes(place: Place): () => void {
  const capture = openCapture({ netns: place.netns, device: LOOPBACK, snapLength: 1, filter: DROP_ALL }, () => {});
  return () => capture.close();
}

/** Device names belong to the namespace: another one has other devices under the same numbers. */
function toFrames(packets: readonly CapturedPacket[], place: Place): CapturedFrame[] {
  const rtnl = openRtnl(place.netns);
  try {
    const links = new Map(rtnl.links().map((link) => [link.index, link]));
    return packets.map(({ device, direction, timeNs, bytes, length }) => {
      const link = links.get(device);
      const mtu = link === undefined ? {} : { mtu: link.mtu };
      return { place, device: link?.name ?? `if${device}`, direction, timeNs, bytes, length, ...mtu };
    });
  } finally {
    rtnl.close();
  }
}
