// The kernel's packet counters that rules of the iptables mode name. A rule that names one which is missing would fail
// its whole restore, so they are used only where the kernel has them and iptables knows how to say it.
import { spawnSync } from 'node:child_process';
import { ensurePacketCounter, readPacketCounters } from '../../linux/index.ts';
import type { Logger } from '../../log/index.ts';
import { PACKET_COUNTERS } from './fixed-chains.ts';

export interface PacketCounters {
  /** Packets so far; undefined when the kernel could not be asked. */
  read(): { invalid?: number | undefined; localhostNodePorts?: number | undefined };
}

/** Makes the counters; undefined where there can be none. */
export function openPacketCounters(options: { netns: string | undefined; log: Logger }): PacketCounters | undefined {
  const { netns, log } = options;
  try {
    for (const name of Object.values(PACKET_COUNTERS)) ensurePacketCounter(name, netns);
  } catch (error) {
    log.info('the kernel has no named packet counters; rules go without them', { error });
    return undefined;
  }
  if (spawnSync('iptables', ['-m', 'nfacct', '-h'], { stdio: 'ignore', timeout: 5000 }).status !== 0) {
    log.info('iptables does not know the match nfacct; rules go without packet counters');
    return undefined;
  }
  return {
    read() {
      try {
        const packets = new Map(readPacketCounters(netns).map((counter) => [counter.name, counter.packets]));
        return {
          invalid: packets.get(PACKET_COUNTERS.invalid),
          localhostNodePorts: packets.get(PACKET_COUNTERS.localhostNodePorts),
        };
      } catch (error) {
        log.debug('packet counters could not be read', { error });
        return {};
      }
    },
  };
}
