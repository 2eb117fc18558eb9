// The kernel settings that kube-proxy makes, in the node's own namespace only.
import { availableParallelism } from 'node:os';
import { isErrno, readSysctl, writeSysctl } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import type { ConntrackSettings } from './config.ts';

export interface Setting {
  readonly key: string;
  readonly value: number;
  /** Only ever raised, never lowered. */
  readonly atLeast: boolean;
}

/** kube-proxy 1.36's cap: more would cost memory that nobody asked for. */
const CONNTRACK_MAX_CAP = 1_048_576;

/** Which settings the conntrack configuration means. Pure. */
export function conntrackSettings(c: ConntrackSettings, cores: number): Setting[] {
  const out: Setting[] = [];
  const set = (key: string, value: number, atLeast = false) =>
    out.push({ key: `net.netfilter.${key}`, value, atLeast });
  if (c.maxPerCore > 0) {
    const scaled = Math.max(c.maxPerCore * cores, c.min);
    const max = Math.max(Math.min(scaled, CONNTRACK_MAX_CAP), c.min);
    set('nf_conntrack_max', max, true);
    // The hash table of the machine (`hashsize` of the module): more than four entries a bucket would be slow.
    set('nf_conntrack_buckets', Math.trunc(max / 4), true);
  }
  const seconds = (ms: number) => Math.trunc(ms / 1000);
  const timeouts: readonly (readonly [string, number])[] = [
    ['nf_conntrack_tcp_timeout_established', c.tcpEstablishedTimeoutMs],
    ['nf_conntrack_tcp_timeout_close_wait', c.tcpCloseWaitTimeoutMs],
    ['nf_conntrack_udp_timeout', c.udpTimeoutMs],
    ['nf_conntrack_udp_timeout_stream', c.udpStreamTimeoutMs],
  ];
  for (const [key, ms] of timeouts) if (ms > 0) set(key, seconds(ms));
  if (c.tcpBeLiberal) set('nf_conntrack_tcp_be_liberal', 1);
  return out;
}

/** Applies settings; one that this namespace may not change is told and left. */
export function applySettings(netns: string | undefined, settings: readonly Setting[], log: Logger): void {
  for (const { key, value, atLeast } of settings) {
    try {
      const current = Number(readSysctl(netns, key) ?? Number.NaN);
      if (current === value || (atLeast && current > value)) continue;
      writeSysctl(netns, key, String(value));
      log.info('set a kernel setting', { key, value, before: current });
    } catch (error) {
      // nf_conntrack_max and the hash table belong to the machine and are read-only in a network namespace of its own.
      const expected = isErrno(error, 'EPERM', 'EACCES', 'EROFS', 'ENOENT');
      log[expected ? 'debug' : 'warn']('could not change a kernel setting', { key, value, error });
    }
  }
}

export const machineCores = (): number => availableParallelism();

/** Whether the administrator told conntrack to accept packets outside the TCP window. */
export const isConntrackLiberal = (netns: string | undefined): boolean =>
  (readSysctl(netns, 'net.netfilter.nf_conntrack_tcp_be_liberal') ?? '0') !== '0';

/** Whether the namespace speaks IPv6 at all. */
export function hasIpv6(netns: string | undefined): boolean {
  return (readSysctl(netns, 'net.ipv6.conf.all.disable_ipv6') ?? '1') === '0';
}
