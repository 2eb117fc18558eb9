// Keeps the rules for `hostPort` in the node's kernel. Touches nothing until the first pod asks for a port.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Clock, Timer } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import {
  detectIptables,
  openConntrack,
  openIptables,
  openRtnl,
  writeSysctl,
  type Iptables,
  type IptablesFamily,
} from '../../linux/index.ts';
import type { Logger } from '../../log/index.ts';
import { CHAIN, hostPortRules, JUMPS, MASQ_CHAIN, type PodPorts } from './plan.ts';
import { changedUdpPorts, isStaleFlow } from './stale-flows.ts';

/** Pods that start together make one change. */
const GATHER_MS = 10;
const RETRY_MS = 2000;

export interface HostPortsOptions {
  /** Remembers who has which ports: the next agent must know what the rules mean that it finds. */
  readonly stateFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class HostPorts {
  readonly #o: HostPortsOptions;
  readonly #pods: Map<string, PodPorts>;
  /** What the rules in the kernel stand for. */
  #written: readonly PodPorts[];
  #iptables: Iptables | undefined;
  #timer: Timer;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(o: HostPortsOptions) {
    this.#o = o;
    this.#pods = new Map(readState(o.stateFile));
    this.#written = [...this.#pods.values()];
  }

  /** Resolves when the ports lead to the pod. Without ports there is nothing to do. */
  async set(uid: string, pod: PodPorts): Promise<void> {
    if (pod.ports.length === 0) return;
    this.#pods.set(uid, pod);
    await this.#soon();
  }

  async remove(uid: string): Promise<void> {
    if (this.#pods.delete(uid)) await this.#soon();
  }

  /** Removes the ports of every pod that is not in the set. */
  async retain(uids: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#pods.keys()].filter((uid) => !uids.has(uid));
    await Promise.all(gone.map((uid) => this.remove(uid)));
  }

  stop(): void {
    this.#stopped = true;
    this.#o.clock.clear(this.#timer);
  }

  #soon(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#o.clock.after(GATHER_MS, () => {
      this.#work = this.#work.then(() => this.#write()).then(resolve, reject);
    });
    return promise;
  }

  async #write(): Promise<void> {
    if (this.#stopped) return;
    const { stateFile, log, clock } = this.#o;
    const pods = [...this.#pods.values()];
    const ips = [...pods, ...this.#written].flatMap((p) => p.ips);
    const families = new Set(ips.map((ip): IptablesFamily => (ip.includes(':') ? 'IPv6' : 'IPv4')));
    try {
      writeFileSync(stateFile, JSON.stringify([...this.#pods]), { mode: 0o600 });
      this.#iptables ??= await this.#open();
      for (const family of families) {
        await this.#iptables.restore({ family, input: hostPortRules(pods, family) });
        for (const { table, chain, rule, families: only } of JUMPS) {
          if (only?.includes(family) === false) continue;
          await this.#iptables.ensureRule({ family, table, chain, rule: [...rule], position: 'append' });
        }
      }
      forgetFlows(this.#written, pods);
      this.#written = pods;
      openLoopback(pods);
    } catch (error) {
      log.warn('ports of the node could not be opened, trying again', { error: errorText(error) });
      this.#timer = clock.after(RETRY_MS, () => void this.#soon());
    }
  }

  async #open(): Promise<Iptables> {
    const variant = await detectIptables();
    if (variant === undefined) {
      throw new Error(`hostPort needs iptables (chains ${CHAIN}, ${MASQ_CHAIN}): install the package iptables`);
    }
    return openIptables({ variant });
  }
}

function readState(file: string): [string, PodPorts][] {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as [string, PodPorts][];
  } catch {
    return [];
  }
}

/** Packets from 127.0.0.1 may leave by the links of these pods only, where rules give them another source. */
function openLoopback(pods: readonly PodPorts[]): void {
  const rtnl = openRtnl();
  try {
    for (const ip of pods.flatMap(({ ips }) => ips.filter((x) => !x.includes(':')))) {
      const index = rtnl.routeTo(ip)?.device;
      const link = index === undefined ? undefined : rtnl.link(index);
      if (link !== undefined) writeSysctl(undefined, `net.ipv4.conf.${link.name}.route_localnet`, '1');
    }
  } finally {
    rtnl.close();
  }
}

/** Clients of UDP that keep sending must reach who has the port now. */
function forgetFlows(before: readonly PodPorts[], now: readonly PodPorts[]): void {
  const ports = changedUdpPorts(before, now);
  if (ports.length === 0) return;
  const rtnl = openRtnl();
  const conntrack = openConntrack();
  try {
    const local = new Set(rtnl.addresses().map((a) => a.address.split('/')[0]));
    const isLocal = (ip: string) => local.has(ip) || ip.startsWith('127.');
    for (const destinationPort of ports) {
      const flows = conntrack.entries({ protocol: 'udp', destinationPort });
      conntrack.deleteAll(flows.filter((flow) => isStaleFlow(flow, now, isLocal)));
    }
  } finally {
    conntrack.close();
    rtnl.close();
  }
}
