// Keeps the Node object and its Lease on the API server: registers, reports Ready, sends the heartbeat.
import { statfsSync } from 'node:fs';
import { isAlreadyExists, isNotFound, leases, nodes, type Lease, type Node } from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import type { Clock, Timer } from '../clock/index.ts';
import { errorText } from '../errors/index.ts';
import type { Logger } from '../log/index.ts';
import {
  isNodeStatusNews,
  newNode,
  nodeAnnotations,
  nodeLabels,
  nodeStatus,
  readMachine,
  type Machine,
  type NodeFacts,
} from './node-object.ts';
import { localVolumesDir } from './volumes/local-volumes-dir.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const DEFAULT_HEARTBEAT_MS = 10_000;
/** A Lease says that its holder may be silent for four heartbeats. */
const BEATS_PER_LEASE = 4;
const FAST_RETRY_MS = 500;
/** The status is written anew now and then even without news, as kubelet does. */
const STATUS_EVERY_MS = 300_000;
/** A new agent on a node that runs well finds the network as it was: so long it says nothing of a network it does not know yet. */
const TAKE_OVER_MS = 5_000;
/** While the network is not ready: how soon to look again. */
const NETWORK_CHECK_MS = 100;

export interface NodeRegistrationOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly name: string;
  readonly ips: () => readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly maxPods: number;
  readonly stateDir: string;
  /** @default 10000 */
  readonly heartbeatMs?: number | undefined;
  readonly kubeletPort: number | undefined;
  /** `NAME://VERSION`. */
  readonly runtimeVersion: string;
  readonly networkProblem: () => string | undefined;
  readonly peers?: () => NodeFacts['peers'];
  /** The network became ready. */
  readonly onReady: () => void;
}

const isReady = (node: Node) =>
  node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

function missingFrom(present: Readonly<Record<string, string>> | undefined, wanted: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => present?.[key] !== value));
}

export class NodeRegistration {
  readonly #o: NodeRegistrationOptions;
  readonly machine: Machine;
  readonly #heartbeatMs: number;
  #timers = new Set<Timer>();
  #stopped = false;
  #writing = false;
  #again = false;
  #startedAtMs = 0;
  #writtenAtMs = -Infinity;
  #lastProblem: string | undefined = 'not looked yet';
  #lease: Lease | undefined;
  #known: Node | undefined;

  constructor(o: NodeRegistrationOptions) {
    this.#o = o;
    this.#heartbeatMs = o.heartbeatMs ?? DEFAULT_HEARTBEAT_MS;
    const disk = statfsSync(o.stateDir);
    this.machine = readMachine(disk.blocks * disk.bsize);
  }

  start(): void {
    this.#startedAtMs = this.#o.clock.monotonic();
    this.#after(TAKE_OVER_MS, () => this.refresh());
    this.refresh();
    void this.#beat();
    this.#watchNetwork();
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) this.#o.clock.clear(timer);
  }

  /**
   * The Node object as it was seen last, which may be a heartbeat ago.
   * @param isFresh as the API server has it now
   * @throws Error when the API server does not answer, or has not heard yet what the node has to give
   */
  async node(isFresh: boolean): Promise<Node> {
    if (!isFresh && this.#known !== undefined) return this.#known;
    const node = await this.#o.client.resource(nodes).get(this.#o.name);
    if (node.status?.allocatable === undefined) throw new Error(`node ${this.#o.name} is not registered yet`);
    this.#known = node;
    return node;
  }

  /** Writes the Node's status soon, if it says something new. */
  refresh(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (!this.#writing) void this.#write();
  }

  #facts(): NodeFacts {
    const { name, ips, labels, maxPods, kubeletPort, runtimeVersion, networkProblem } = this.#o;
    return {
      name,
      ips: ips(),
      labels,
      maxPods,
      kubeletPort,
      runtimeVersion,
      machine: this.machine,
      networkProblem: networkProblem(),
      peers: this.#o.peers?.(),
      localVolumesDir: localVolumesDir(this.#o.stateDir),
    };
  }

  #after(ms: number, run: () => void): void {
    if (this.#stopped) return;
    const timer = this.#o.clock.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  /** Until it is ready; after that a look with every heartbeat is enough. */
  #watchNetwork(): void {
    const problem = this.#o.networkProblem();
    if (problem !== this.#lastProblem) {
      this.#lastProblem = problem;
      this.refresh();
      if (problem === undefined) this.#o.onReady();
    }
    this.#after(problem === undefined ? this.#heartbeatMs : NETWORK_CHECK_MS, () => this.#watchNetwork());
  }

  /** Call when the network may have become ready. */
  networkChanged(): void {
    const problem = this.#o.networkProblem();
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.refresh();
    if (problem === undefined) this.#o.onReady();
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#writeOnce();
      }
    } catch (error) {
      this.#o.log.debug('writing the Node failed, trying again', { error: errorText(error) });
      this.#after(FAST_RETRY_MS, () => this.refresh());
    } finally {
      this.#writing = false;
    }
  }

  async #writeOnce(): Promise<void> {
    const { client, clock, name } = this.#o;
    const api = client.resource(nodes);
    const facts = this.#facts();
    let node = await this.#getOrCreate(facts);
    const labels = missingFrom(node.metadata.labels, nodeLabels(facts));
    const annotations = missingFrom(node.metadata.annotations, nodeAnnotations(facts));
    if (Object.keys({ ...labels, ...annotations }).length > 0) {
      node = await api.patch(name, { metadata: { labels, annotations } }, { type: 'merge' });
    }
    const isTakingOver = clock.monotonic() - this.#startedAtMs < TAKE_OVER_MS;
    if (isTakingOver && facts.networkProblem !== undefined && isReady(node)) return;
    const status = nodeStatus(facts, node.status, clock.now());
    const isDue = clock.now() - this.#writtenAtMs > STATUS_EVERY_MS;
    if (!isDue && !isNodeStatusNews(node.status, status)) {
      this.#known = node;
      return;
    }
    this.#known = await api.patch(name, { status }, { type: 'merge', subresource: 'status' });
    this.#writtenAtMs = clock.now();
  }

  async #getOrCreate(facts: NodeFacts): Promise<Node> {
    const api = this.#o.client.resource(nodes);
    try {
      return await api.get(facts.name);
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
    try {
      return await api.create(newNode(facts));
    } catch (e) {
      if (isAlreadyExists(e)) return api.get(facts.name);
      throw e;
    }
  }

  async #beat(): Promise<void> {
    let waitMs = this.#heartbeatMs;
    try {
      await this.#renewLease();
      // The control plane may have given the node up meanwhile, and only we can take that back.
      this.refresh();
    } catch (error) {
      this.#lease = undefined;
      this.#o.log.debug('the heartbeat failed, trying again', { error: errorText(error) });
      waitMs = FAST_RETRY_MS;
    }
    this.#after(waitMs, () => void this.#beat());
  }

  async #renewLease(): Promise<void> {
    const { client, clock, name } = this.#o;
    const api = client.resource(leases);
    // MicroTime has six digits.
    const renewTime = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const leaseDurationSeconds = Math.max(1, Math.round((BEATS_PER_LEASE * this.#heartbeatMs) / 1000));
    const spec = { holderIdentity: name, leaseDurationSeconds, renewTime };
    if (this.#lease === undefined) {
      try {
        this.#lease = await api.get(name, LEASE_NAMESPACE);
      } catch (e) {
        if (!isNotFound(e)) throw e;
        const node = await client.resource(nodes).get(name);
        const owner = { apiVersion: 'v1', kind: 'Node', name, uid: node.metadata.uid };
        const metadata = { name, namespace: LEASE_NAMESPACE, ownerReferences: [owner] };
        this.#lease = await api.create({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
        return;
      }
    }
    this.#lease = await api.update({ ...this.#lease, spec: { ...this.#lease.spec, ...spec } });
  }
}
