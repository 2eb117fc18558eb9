// The pods' sandboxes in the runtime, as the pod network that the agent's workers ask: the runtime makes the namespace and
// calls its CNI plugin, which is ours and asks this very agent's pod network.
import { readFileSync } from 'node:fs';
import { GrpcError, type GrpcClient } from '../../grpc/index.ts';
import type { Logger } from '../../log/index.ts';
import type { PodNetwork, PodToAttach } from '../contract.ts';
import { cri, SANDBOX_READY, type PodSandboxItem } from './api.ts';
import { sandboxConfig } from './config.ts';
import { LABEL } from './names.ts';

const RUN_TIMEOUT_MS = 120_000;
const STATUS_TIMEOUT_MS = 10_000;

export interface CriSandboxesOptions {
  readonly grpc: GrpcClient;
  /** `cluster/node`, by which ours are told from others'. */
  readonly node: string;
  /** The node's pod network, whose readiness is the node's. */
  readonly base: PodNetwork;
  readonly cgroupParent: string | undefined;
  readonly log: Logger;
}

const podOf = (item: PodSandboxItem) => item.labels[LABEL.podUid] ?? '';

export class CriSandboxes implements PodNetwork {
  readonly makesSandboxes = true;
  readonly #o: CriSandboxesOptions;
  #items: readonly PodSandboxItem[] = [];
  #unreachable: string | undefined;
  readonly #lossHandlers = new Set<(uid: string) => void>();

  constructor(o: CriSandboxesOptions) {
    this.#o = o;
  }

  ready(): boolean {
    return this.problem() === undefined;
  }

  problem(): string | undefined {
    if (this.#unreachable !== undefined) return `the container runtime does not answer: ${this.#unreachable}`;
    const { base } = this.#o;
    return base.ready() ? undefined : (base.problem?.() ?? 'the pod network is not ready yet');
  }

  onLoss(handler: (uid: string) => void): Disposable {
    this.#lossHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#lossHandlers.delete(handler) };
  }

  health(uid: string): 'whole' | 'gone' {
    // As long as nobody answers nothing is known, and what runs goes on running.
    return this.#unreachable !== undefined || this.readySandbox(uid) !== undefined ? 'whole' : 'gone';
  }

  /** Id of the pod's sandbox. */
  readySandbox(uid: string): string | undefined {
    return this.#items.find((item) => podOf(item) === uid && item.state === SANDBOX_READY)?.id;
  }

  podUids(): Set<string> {
    return new Set(this.#items.map(podOf));
  }

  /** Reads anew what the runtime has; tells of sandboxes that were ready and are not any more. */
  async refresh(): Promise<void> {
    const wasReady = this.#items.filter((item) => item.state === SANDBOX_READY);
    try {
      const filter = { labelSelector: { [LABEL.node]: this.#o.node } };
      const { items } = await this.#o.grpc.unary(cri.listPodSandbox, { filter }, { timeoutMs: STATUS_TIMEOUT_MS });
      this.#items = items;
      this.#unreachable = undefined;
    } catch (error) {
      this.#unreachable = error instanceof GrpcError ? error.details || error.code : String(error);
      throw error;
    }
    for (const before of wasReady) {
      const isReady = this.#items.some((item) => item.id === before.id && item.state === SANDBOX_READY);
      if (!isReady) for (const handler of this.#lossHandlers) handler(podOf(before));
    }
  }

  async attach(pod: PodToAttach): Promise<{ netns: string; ips: readonly string[] }> {
    const { grpc, node, cgroupParent, log } = this.#o;
    const spec = pod.sandbox;
    if (spec === undefined) throw new Error('a sandbox needs its specification');
    await this.refresh();
    let id = this.readySandbox(pod.uid);
    if (id === undefined) {
      const attempts = this.#items.filter((item) => podOf(item) === pod.uid).map((item) => item.metadata?.attempt ?? 0);
      const attempt = Math.max(-1, ...attempts) + 1;
      const config = sandboxConfig({ node, pod, spec, attempt, cgroupParent });
      id = (await grpc.unary(cri.runPodSandbox, { config }, { timeoutMs: RUN_TIMEOUT_MS })).podSandboxId;
      log.debug('made a sandbox', { pod: `${pod.namespace}/${pod.name}`, id });
      await this.refresh();
    }
    const { status, info } = await grpc.unary(
      cri.podSandboxStatus,
      { podSandboxId: id, verbose: true },
      { timeoutMs: STATUS_TIMEOUT_MS },
    );
    if (spec.hostNetwork) return { netns: '', ips: [] };
    const ips = [status?.network?.ip ?? '', ...(status?.network?.additionalIps ?? []).map((a) => a.ip)].filter(Boolean);
    if (ips.length === 0)
      throw new Error(`sandbox ${id} has no address: is the CNI plugin installed (portico cni install)?`);
    return { netns: netnsOf(info['info'] ?? ''), ips };
  }

  /** Frees the network and ends what runs in the sandbox; containers stay to be asked until `removePod`. */
  async detach(uid: string): Promise<void> {
    await this.refresh();
    for (const { id } of this.#items.filter((item) => podOf(item) === uid)) {
      await this.#o.grpc.unary(cri.stopPodSandbox, { podSandboxId: id }, { timeoutMs: RUN_TIMEOUT_MS });
    }
    await this.refresh();
  }

  async retain(uids: ReadonlySet<string>): Promise<void> {
    await this.refresh();
    for (const uid of this.podUids()) if (!uids.has(uid)) await this.detach(uid);
    // Namespaces of process trees that ran here before.
    await this.#o.base.retain(new Set());
  }

  async remove(uid: string): Promise<void> {
    await this.detach(uid);
    for (const { id } of this.#items.filter((item) => podOf(item) === uid)) {
      await this.#o.grpc.unary(cri.removePodSandbox, { podSandboxId: id }, { timeoutMs: RUN_TIMEOUT_MS });
    }
    await this.refresh();
  }
}

/** Where the sandbox's network namespace is, from what the runtime tells beyond the interface; '' when it does not. */
export function netnsOf(info: string): string {
  try {
    const { pid, runtimeSpec } = JSON.parse(info) as {
      pid?: number;
      runtimeSpec?: { linux?: { namespaces?: { type?: string; path?: string }[] } };
    };
    const path = runtimeSpec?.linux?.namespaces?.find((n) => n.type === 'network')?.path;
    if (path !== undefined && path !== '') return path;
    if (pid !== undefined && pid > 0 && readFileSync(`/proc/${pid}/comm`, 'utf8') !== '') return `/proc/${pid}/ns/net`;
  } catch {
    // Then port-forward cannot work, and says so.
  }
  return '';
}
