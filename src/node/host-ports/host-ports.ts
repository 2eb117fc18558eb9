// Keeps the rules for `hostPort` in the node's kernel. Touches nothing until the first pod asks for a port.
import type { Clock, Timer } from '../../clock/index.ts';
import { errorText } from '../../errors/index.ts';
import { detectIptables, openIptables, type Iptables, type IptablesFamily } from '../../linux/index.ts';
import type { Logger } from '../../log/index.ts';
import { CHAIN, hostPortRules, JUMPS, MASQ_CHAIN, type PodPorts } from './plan.ts';

/** Pods that start together make one change. */
const GATHER_MS = 10;
const RETRY_MS = 2000;

export class HostPorts {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #pods = new Map<string, PodPorts>();
  readonly #families = new Set<IptablesFamily>();
  #iptables: Iptables | undefined;
  #timer: Timer;
  #work: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(o: { clock: Clock; log: Logger }) {
    this.#clock = o.clock;
    this.#log = o.log;
  }

  /** Resolves when the ports lead to the pod. Without ports there is nothing to do. */
  async set(uid: string, pod: PodPorts): Promise<void> {
    if (pod.ports.length === 0) return;
    this.#pods.set(uid, pod);
    for (const ip of pod.ips) this.#families.add(ip.includes(':') ? 'IPv6' : 'IPv4');
    await this.#soon();
  }

  async remove(uid: string): Promise<void> {
    if (this.#pods.delete(uid)) await this.#soon();
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.clear(this.#timer);
  }

  #soon(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#clock.after(GATHER_MS, () => {
      this.#work = this.#work.then(() => this.#write()).then(resolve, reject);
    });
    return promise;
  }

  async #write(): Promise<void> {
    if (this.#stopped) return;
    try {
      this.#iptables ??= await this.#open();
      for (const family of this.#families) {
        await this.#iptables.restore({ family, input: hostPortRules(this.#pods.values(), family) });
        for (const { chain, rule } of JUMPS) {
          await this.#iptables.ensureRule({ family, table: 'nat', chain, rule, position: 'append' });
        }
      }
    } catch (error) {
      this.#log.warn('ports of the node could not be opened, trying again', { error: errorText(error) });
      this.#timer = this.#clock.after(RETRY_MS, () => void this.#soon());
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
