// The pod network of one node, running in the agent's process inside the node's network namespace: hands out addresses,
// attaches pods, and keeps the kernel's routes, neighbours and forwarding entries equal to the plan.
import { nodes as nodeResource } from '../api/objects.ts';
import type { Node } from '../api/objects.ts';
import { createInformer } from '../client/index.ts';
import type { Informer } from '../client/index.ts';
import { errorText } from '../errors/index.ts';
import { canonicalIp, isIpv6 } from '../ip/index.ts';
import { netnsExists, openRtnl } from '../linux/index.ts';
import type { Rtnl } from '../linux/index.ts';
import type { Logger } from '../log/index.ts';
import { nextAddress } from './address-pool.ts';
import { AttachmentRecord } from './attachment-record.ts';
import type { RecordedAttachment } from './attachment-record.ts';
import type { Attached, AttachmentHealth, PeersState, PodNetwork, PodNetworkOptions, PodToAttach } from './contract.ts';
import { diffNetwork } from './diff.ts';
import { startHostFirewall, type HostFirewall } from './host-firewall.ts';
import { applyStep, readKernelNetwork } from './kernel-network.ts';
import { GATEWAY_V4, GATEWAY_V6, HOST_MAC, hostLinkName, podMac, podNetnsName } from './names.ts';
import { NodeRules } from './apply-node-rules.ts';
import { planNodeRules } from './node-rules.ts';
import type { FamilyRules } from './node-rules.ts';
import { watchNetnsNames, type NetnsWatch } from './netns-watch.ts';
import { ensureNodeSysctls } from './node-sysctls.ts';
import { startPeerCheck, type PeerCheck } from './peer-check.ts';
import { clearKernel, removeStrayLinks } from './remove-network.ts';
import { planNetwork } from './plan.ts';
import type { NodeFacts, Plan, Uplink } from './plan.ts';
import { ensureSandbox, removeSandbox, sandboxFaults, setSandboxMtu } from './sandbox.ts';
import type { NodeSide } from './sandbox.ts';

/** Long enough to gather a burst of events, short enough that nobody waits for a route. */
const SETTLE_MS = 10;
/** Kernel events that were lost, and changes that send none, are found by looking again. */
const RESYNC_MS = 30_000;
/** A link that is still there this long after its pod was detached is deleted by us. */
const STRAY_MS = 1000;
const RETRY_MS = { first: 200, longest: 10_000 };

export type RunOptions = Omit<PodNetworkOptions, 'client'> & {
  readonly nodes: Informer<NodeFacts>;
  /** The node's network namespace; undefined is that of the process. */
  readonly netns?: string;
};

/** What the plan needs of a Node object. */
export function nodeFacts(node: Node): NodeFacts {
  const podCidrs = node.spec?.podCIDRs ?? (node.spec?.podCIDR ? [node.spec.podCIDR] : []);
  const internal = (node.status?.addresses ?? []).filter((address) => address.type === 'InternalIP');
  return {
    name: node.metadata.name,
    podCidrs,
    internalIps: internal.flatMap((address) => canonicalIp(address.address) ?? []),
  };
}

/** Starts the pod network and returns at once; `ready()` says when pods can be attached. */
export async function startPodNetwork(options: PodNetworkOptions): Promise<PodNetwork> {
  const nodes = createInformer(options.client, nodeResource, { transform: nodeFacts, log: options.log });
  try {
    return runPodNetwork({ ...options, nodes });
  } catch (error) {
    nodes.stop();
    throw error;
  }
}

/** The same with an informer of one's own; `stop()` stops it as well. */
export function runPodNetwork(options: RunOptions): PodNetwork {
  return new NodePodNetwork(options);
}

class NodePodNetwork implements PodNetwork {
  readonly #options: RunOptions;
  readonly #log: Logger;
  readonly #node: NodeSide;
  readonly #rtnl: Rtnl;
  readonly #record: AttachmentRecord;
  readonly #rules: NodeRules;
  readonly #monitor: { close(): void };
  readonly #resync: NodeJS.Timeout;
  #strayTimer: NodeJS.Timeout | undefined;
  #timer: { due: number; handle: NodeJS.Timeout } | undefined;
  #retryMs = RETRY_MS.first;
  #podMtu: number | undefined;
  #problem: string | undefined = 'the list of nodes has not arrived yet';
  readonly #readyHandlers = new Set<() => void>();
  readonly #lossHandlers = new Set<(uid: string) => void>();
  readonly #peersHandlers = new Set<() => void>();
  readonly #peerCheck: PeerCheck;
  readonly #firewall: HostFirewall;
  readonly #names: NetnsWatch;
  #reported = '';
  #stopped = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#log = options.log.with({ component: 'podnet' });
    this.#record = new AttachmentRecord(options.stateDir);
    this.#rtnl = openRtnl(options.netns);
    this.#node = { netns: options.netns, rtnl: this.#rtnl };
    this.#rules = new NodeRules(options.netns);
    if (this.#rtnl.link(options.uplink) === undefined) {
      this.#rtnl.close();
      throw new Error(
        `there is no network device ${options.uplink} on node ${options.nodeName}; name the one that leads to the other nodes`,
      );
    }
    this.#peerCheck = startPeerCheck({
      ...options.peerCheck,
      netns: options.netns,
      log: this.#log,
      onChange: () => {
        for (const handler of this.#peersHandlers) handler();
      },
    });
    const { netns, podCidrs } = options;
    this.#firewall = startHostFirewall({ netns, podCidrs, log: this.#log });
    this.#removeStrayLinks();
    options.nodes.onChange(({ before, after }) => {
      if (JSON.stringify(before) !== JSON.stringify(after)) this.#schedule(SETTLE_MS);
    });
    void options.nodes.synced().then(() => this.#schedule(0));
    this.#monitor = this.#rtnl.monitor(['link', 'address', 'route'], () => this.#schedule(RETRY_MS.first));
    // A name that is deleted while processes hold the namespace is no event of the network.
    this.#names = watchNetnsNames((name) => {
      if (this.#record.holds(name)) this.#schedule(0);
    });
    this.#resync = setInterval(() => this.#schedule(0), RESYNC_MS).unref();
  }

  ready(): boolean {
    return this.#problem === undefined;
  }

  problem(): string | undefined {
    return this.#problem;
  }

  onReadyChange(handler: () => void): Disposable {
    this.#readyHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#readyHandlers.delete(handler) };
  }

  peers(): PeersState | undefined {
    return this.#peerCheck.state();
  }

  onPeersChange(handler: () => void): Disposable {
    this.#peersHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#peersHandlers.delete(handler) };
  }

  #setProblem(problem: string | undefined): void {
    const before = this.#problem;
    this.#problem = problem;
    if (before !== problem) for (const handler of this.#readyHandlers) handler();
  }

  health(uid: string): AttachmentHealth {
    const attachment = this.#record.attachments.get(uid);
    if (attachment === undefined || !netnsExists(attachment.netns)) return 'gone';
    return this.#rtnl.link(hostLinkName(uid)) === undefined ? 'linkless' : 'whole';
  }

  onLoss(handler: (uid: string) => void): Disposable {
    this.#lossHandlers.add(handler);
    return { [Symbol.dispose]: () => void this.#lossHandlers.delete(handler) };
  }

  attachments(): ReadonlyMap<string, RecordedAttachment> {
    return this.#record.attachments;
  }

  async attach(pod: PodToAttach): Promise<Attached> {
    if (this.#problem !== undefined || this.#podMtu === undefined) {
      throw new Error(`the pod network of node ${this.#options.nodeName} is not ready: ${this.#problem}`);
    }
    const known = this.#known(pod);
    const attachment = known ?? this.#allocate(pod);
    try {
      ensureSandbox(this.#node, { ...attachment, mtu: this.#podMtu });
    } catch (error) {
      if (known === undefined) await this.detach(pod.uid);
      throw error;
    }
    if (attachment.hostPorts !== undefined) await this.#rules.apply(this.#nodeRules());
    const families = new Set(attachment.ips.map((ip) => isIpv6(ip)));
    return {
      netns: attachment.netns,
      ips: [...attachment.ips],
      hostLink: hostLinkName(pod.uid),
      hostMac: HOST_MAC,
      podMac: podMac(pod.uid),
      mtu: this.#podMtu,
      gateways: [...families].map((v6) => (v6 ? GATEWAY_V6 : GATEWAY_V4)),
    };
  }

  /** The attachment on record; one that the same pod has meanwhile in another namespace keeps its addresses. */
  #known(pod: PodToAttach): RecordedAttachment | undefined {
    const known = this.#record.attachments.get(pod.uid);
    if (known === undefined || pod.into === undefined) return known;
    if (known.netns === pod.into.netns && known.device === pod.into.device) return known;
    const moved = { ...known, ...pod.into };
    this.#record.put(moved, new Map());
    return moved;
  }

  check(uid: string): readonly string[] {
    const attachment = this.#record.attachments.get(uid);
    return attachment === undefined ? ['no address is recorded for it'] : sandboxFaults(this.#rtnl, attachment);
  }

  #allocate(pod: PodToAttach): RecordedAttachment {
    const used = this.#record.usedAddresses();
    const given = new Map<string, string>();
    for (const cidr of this.#self()?.podCidrs ?? []) {
      const ip = nextAddress(cidr, used, this.#record.lastAddress(cidr));
      if (ip === undefined) {
        throw new Error(
          `no address is left in ${cidr} of node ${this.#options.nodeName}: ${this.#record.attachments.size} pods have one; ` +
            'remove pods or give the nodes larger pod CIDRs',
        );
      }
      given.set(cidr, ip);
    }
    const place = pod.into ?? { netns: podNetnsName(this.#options.clusterName, pod.uid) };
    const { uid, namespace, name, hostPorts = [] } = pod;
    const ports = hostPorts.length === 0 ? {} : { hostPorts };
    const attachment = { uid, namespace, name, ...place, ips: [...given.values()], ...ports };
    this.#record.put(attachment, given);
    return attachment;
  }

  async detach(uid: string): Promise<void> {
    const attachment = this.#record.attachments.get(uid);
    const netns = podNetnsName(this.#options.clusterName, uid);
    removeSandbox(this.#rtnl, attachment ?? { uid, netns, ips: [] });
    this.#record.remove(uid);
    if (attachment?.hostPorts !== undefined) await this.#rules.apply(this.#nodeRules());
    this.#strayTimer ??= setTimeout(() => {
      this.#strayTimer = undefined;
      this.#removeStrayLinks();
    }, STRAY_MS).unref();
  }

  async retain(uids: ReadonlySet<string>): Promise<void> {
    const ours = [...this.#record.attachments.values()].filter((a) => a.device === undefined);
    for (const { uid } of ours) if (!uids.has(uid)) await this.detach(uid);
  }

  async leave(): Promise<void> {
    for (const uid of this.#record.attachments.keys()) await this.detach(uid);
    this.#stopWatching();
    await this.#firewall.idle();
    await clearKernel(this.#node, new Set());
    this.#rtnl.close();
  }

  stop(): void {
    this.#stopWatching();
    this.#rtnl.close();
  }

  #stopWatching(): void {
    this.#stopped = true;
    this.#peerCheck.stop();
    this.#firewall.stop();
    clearInterval(this.#resync);
    clearTimeout(this.#strayTimer);
    if (this.#timer !== undefined) clearTimeout(this.#timer.handle);
    this.#options.nodes.stop();
    this.#monitor.close();
    this.#names.close();
  }

  #self(): NodeFacts | undefined {
    return this.#options.nodes.items.get(this.#options.nodeName);
  }

  #removeStrayLinks(): void {
    const known = new Set([...this.#record.attachments.keys()].map(hostLinkName));
    for (const { name, alias } of removeStrayLinks(this.#rtnl, known)) {
      this.#log.warn('removed a pod link that no record knows', { link: name, alias });
    }
  }

  /** Namespaces of others that are gone took their links along; whoever made them did not tell us. */
  async #dropVanished(): Promise<void> {
    for (const { uid, netns, device } of this.#record.attachments.values()) {
      if (device === undefined || netnsExists(netns)) continue;
      this.#log.warn('released the addresses of a namespace that is gone', { netns });
      await this.detach(uid);
    }
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    const due = performance.now() + delayMs;
    if (this.#timer !== undefined) {
      if (this.#timer.due <= due) return;
      clearTimeout(this.#timer.handle);
    }
    this.#timer = { due, handle: setTimeout(() => this.#run(), delayMs) };
  }

  #run(): void {
    this.#timer = undefined;
    if (!this.#options.nodes.hasSynced) return;
    try {
      this.#setProblem(this.#sync());
      this.#retryMs = RETRY_MS.first;
    } catch (error) {
      // What stands in the kernel goes on working; a node that was ready stays so.
      if (this.#podMtu === undefined) this.#setProblem(errorText(error));
      this.#log.error('the pod network could not be synced; trying again', { error, retryMs: this.#retryMs });
      this.#schedule(this.#retryMs);
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.longest);
    }
  }

  /** One turn of plan, diff and apply. Returns why pods cannot be attached, if so; throws when a step failed. */
  #sync(): string | undefined {
    const { nodeName, uplink: uplinkName, nodes } = this.#options;
    const ipv6 = this.#options.podCidrs.some((cidr) => isIpv6(cidr.slice(0, cidr.indexOf('/'))));
    const mended = ensureNodeSysctls(this.#node.netns, uplinkName, ipv6);
    const { uplink, state: have, downPodLinks } = readKernelNetwork(this.#rtnl, uplinkName);
    if (uplink === undefined) throw new Error(`the network device ${uplinkName} is gone from node ${nodeName}`);
    const self = this.#self() ?? { name: nodeName, podCidrs: [], internalIps: [] };
    mended.push(...this.#raiseLinks(downPodLinks));
    const present = new Set(have.podLinks.map((link) => link.name));
    this.#tellLosses(present);
    const plan = planNetwork({
      mode: this.#options.network,
      uplink,
      self,
      others: [...nodes.items.values()].filter((node) => node.name !== nodeName),
      serviceCidrs: this.#options.serviceCidrs,
      // A pod whose link is gone is attached again by the node agent; a route to nowhere would help nobody.
      pods: [...this.#record.attachments.values()].filter((pod) => present.has(hostLinkName(pod.uid))),
      vxlanPort: this.#options.vxlanPort ?? 4789,
      vxlanVni: this.#options.vxlanVni ?? 1,
    });
    this.#report(plan.problems);
    const failures: unknown[] = [];
    const steps = diffNetwork(have, plan.state);
    for (const step of steps) {
      try {
        applyStep(this.#node, step, (link, mtu) => this.#setPodMtu(link, mtu));
      } catch (error) {
        failures.push(error);
      }
    }
    if (steps.length > 0 || mended.length > 0) {
      this.#log.info('synced', { steps: steps.length - failures.length, failed: failures.length, mended });
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(errorText).join('; '));
    void this.#dropVanished()
      .then(() => this.#rules.apply(this.#nodeRules()))
      .catch((error: unknown) => {
        this.#log.error('the rules for host ports and masquerade could not be set; trying again', { error });
        this.#schedule(RETRY_MS.longest);
      });
    if (self.podCidrs.length === 0) return `node ${nodeName} has no pod CIDR yet`;
    this.#podMtu = plan.podMtu;
    this.#checkPeers(plan, uplink);
    return undefined;
  }

  #checkPeers({ state: { vxlan, addresses }, peers, podMtu }: Plan, uplink: Uplink): void {
    const source = addresses[0]?.address.split('/')[0];
    if (vxlan === undefined || source === undefined) return this.#peerCheck.networkIs(undefined);
    const own = { ip: vxlan.local, uplink: uplink.name, uplinkMtu: uplink.mtu, podMtu, vxlanPort: vxlan.port };
    this.#peerCheck.networkIs({ own, source, peers });
  }

  /** @param present Names of the pod links that are there. */
  #tellLosses(present: ReadonlySet<string>): void {
    for (const { uid, netns } of this.#record.attachments.values()) {
      if (present.has(hostLinkName(uid)) && netnsExists(netns)) continue;
      for (const handler of this.#lossHandlers) handler(uid);
    }
  }

  #nodeRules(): FamilyRules[] {
    const { masquerade, podCidrs, serviceCidrs, nodes } = this.#options;
    const pods = [...this.#record.attachments.values()].map(({ ips, hostPorts = [] }) => ({ ips, hostPorts }));
    if (masquerade !== true) return planNodeRules({ pods });
    const nodeIps = [...nodes.items.values()].flatMap((node) => node.internalIps);
    const inside = [...podCidrs, ...serviceCidrs, ...nodeIps];
    return planNodeRules({ pods, masquerade: { podCidrs: this.#self()?.podCidrs ?? [], inside } });
  }

  #setPodMtu(link: string, mtu: number): void {
    for (const pod of this.#record.attachments.values()) {
      if (hostLinkName(pod.uid) === link) setSandboxMtu(this.#rtnl, pod, mtu);
    }
  }

  /** An agent killed while it attached a pod leaves its link down, and no route can lead over it. */
  #raiseLinks(down: readonly string[]): string[] {
    const known = new Set([...this.#record.attachments.keys()].map(hostLinkName));
    const ours = down.filter((name) => known.has(name));
    for (const name of ours) this.#rtnl.setLink(name, { up: true });
    return ours.map((name) => `${name} up`);
  }

  /** Each set of problems is logged once, not at every turn. */
  #report(problems: readonly string[]): void {
    const text = problems.join('\n');
    if (text === this.#reported) return;
    this.#reported = text;
    for (const problem of problems) this.#log.warn(problem);
  }
}
