// What a pod has before and beside its containers: a network namespace, addresses, ports of the node.
import type { Pod } from '../../api/index.ts';
import { errorText } from '../../errors/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PodContext } from './pod-context.ts';
import { sandboxSpec } from './sandbox-spec.ts';
import { hostPorts, isHostNetwork, namespaceOf, podKey } from './pod-spec.ts';

const RETRY_MS = [100, 300, 1000, 3000, 10_000];
/** A network that has just begun (its agent has started anew) is nothing to warn of. */
const NETWORK_PATIENCE_MS = 5000;

export class PodSandbox {
  readonly #ctx: PodContext;
  readonly #log: Logger;
  #current: { netns: string | undefined; ips: readonly string[] } | undefined;
  #failures = 0;
  #failingSinceMs: number | undefined;
  #isCutOff = false;
  #isLost = false;
  #remadeAtMs: number | undefined;

  constructor(ctx: PodContext, log: Logger) {
    this.#ctx = ctx;
    this.#log = log;
  }

  get exists(): boolean {
    return this.#current !== undefined;
  }

  /** Undefined on the host network, and as long as there is no sandbox. */
  get netns(): string | undefined {
    return this.#current?.netns;
  }

  get ips(): readonly string[] | undefined {
    return this.#current?.ips;
  }

  /** Containers may run, but nobody can reach them. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** Its network is gone, and what ran in it has not all ended yet. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** When the place of a lost one was cleared: what ran before then ran in another sandbox. */
  get remadeAtMs(): number | undefined {
    return this.#remadeAtMs;
  }

  /** Does the pod network know of the pod? Of one on the host network only a runtime does that makes sandboxes. */
  #isAttached(pod: Pod): boolean {
    return !isHostNetwork(pod) || this.#ctx.podNetwork.makesSandboxes === true;
  }

  /** Looks whether the network in which the pod's containers run is still there. */
  check(pod: Pod): void {
    if (this.#isLost || !this.#isAttached(pod)) return;
    const { podNetwork, events } = this.#ctx;
    const health = podNetwork.health?.(pod.metadata.uid) ?? 'whole';
    if (health === 'whole') return;
    this.#current = undefined;
    this.#isCutOff = true;
    this.#isLost = health === 'gone';
    if (!this.#isLost) return;
    // Attaching again would make a network that the containers are not in.
    events.event(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    this.#log.warn('a pod has lost its network namespace: it is made anew');
  }

  /** Removes what is left of a lost one. */
  async clear(pod: Pod): Promise<void> {
    await this.remove(pod);
    this.#remadeAtMs = this.#ctx.clock.now();
  }

  /** Makes it, unless it is there. Returns when to try again if that failed. */
  async ensure(pod: Pod): Promise<number | undefined> {
    if (this.#current !== undefined) return undefined;
    const { podNetwork, nodeIps } = this.#ctx;
    if (!this.#isAttached(pod)) {
      this.#current = { netns: undefined, ips: nodeIps() };
      return undefined;
    }
    const { name, uid } = pod.metadata;
    try {
      if (!podNetwork.ready()) throw new Error(podNetwork.problem?.() ?? 'the pod network is not ready yet');
      const sandbox = podNetwork.makesSandboxes === true ? { sandbox: sandboxSpec(pod, this.#ctx) } : {};
      const { netns, ips } = await podNetwork.attach({ uid, namespace: namespaceOf(pod), name, ...sandbox });
      if (isHostNetwork(pod)) this.#current = { netns: undefined, ips: nodeIps() };
      else {
        await this.#ctx.hostPorts.set(uid, { pod: podKey(pod), ips, ports: hostPorts(pod) });
        this.#current = { netns, ips };
      }
      this.#isCutOff = false;
      this.#failures = 0;
      this.#failingSinceMs = undefined;
      return undefined;
    } catch (error) {
      this.#report(pod, errorText(error));
      return RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    }
  }

  #report(pod: Pod, message: string): void {
    const { events, podNetwork, clock } = this.#ctx;
    this.#failingSinceMs ??= clock.monotonic();
    if (!podNetwork.ready()) {
      if (clock.monotonic() - this.#failingSinceMs < NETWORK_PATIENCE_MS) return;
      events.event(pod, 'Warning', 'NetworkNotReady', `network is not ready: ${message}`);
      return;
    }
    events.event(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`);
    this.#log.warn('a pod got no network', { error: message });
  }

  /** The pod's work is done: what it holds is free for others. */
  async release(pod: Pod): Promise<void> {
    if (this.#current !== undefined) await this.remove(pod);
  }

  /** Removes also what an earlier agent made. */
  async remove(pod: Pod): Promise<void> {
    this.#current = undefined;
    this.#isLost = false;
    if (!this.#isAttached(pod)) return;
    await this.#ctx.hostPorts.remove(pod.metadata.uid);
    await this.#ctx.podNetwork.detach(pod.metadata.uid);
  }
}
