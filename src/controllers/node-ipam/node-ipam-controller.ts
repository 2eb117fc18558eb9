// Gives every Node its part of the pod CIDRs and takes it back when the Node is gone.
import { nodes } from '../../api/objects.ts';
import type { Node } from '../../api/objects.ts';
import { parseCidr } from '../../ip/index.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { CidrAllocator } from './cidr-allocator.ts';

export interface NodeIpamOptions {
  /** One, or one of each family, the primary first. */
  podCidrs: readonly string[];
  /** Size of a node's part. @default 24 */
  ipv4?: number;
  /** @default 64 */
  ipv6?: number;
}

export function startNodeIpamController(context: ControllerContext, options: NodeIpamOptions): Running {
  const { client, informers } = context;
  const informer = informers.of(nodes);
  const api = client.resource(nodes);
  const recorder = recorderOf(context, 'cidrAllocator');
  const allocators = options.podCidrs.map((cidr) => {
    const v6 = parseCidr(cidr)?.family === 6;
    return new CidrAllocator(cidr, v6 ? (options.ipv6 ?? 64) : (options.ipv4 ?? 24));
  });
  /** What each node holds, or is about to be given: survives a write whose answer was lost. */
  const held = new Map<string, string[]>();

  const occupy = (key: string, node: Node) => {
    const cidrs = cidrsOf(node);
    if (cidrs.length === 0) return;
    for (const cidr of held.get(key) ?? []) if (!cidrs.includes(cidr)) release(cidr);
    held.set(key, cidrs);
    for (const cidr of cidrs) if (!allocators.some((a) => a.occupy(cidr))) warnOutside(node, cidr);
  };
  const release = (cidr: string) => {
    for (const allocator of allocators) allocator.release(cidr);
  };
  const warned = new Set<string>();
  const warnOutside = (node: Node, cidr: string) => {
    const id = `${node.metadata.uid}/${cidr}`;
    if (warned.has(id)) return;
    warned.add(id);
    const text = `Node ${node.metadata.name} has the pod CIDR ${cidr}, which is outside of ${options.podCidrs.join(', ')}`;
    recorder.event(node, 'Warning', 'CIDRAssignmentFailed', text);
  };

  informer.onChange(({ key, after }) => {
    if (after === undefined) {
      for (const cidr of held.get(key) ?? []) release(cidr);
      held.delete(key);
      // Room for those that got none.
      for (const [other, node] of informer.items) if (cidrsOf(node).length === 0) queue.add(other);
      return;
    }
    occupy(key, after);
    if (cidrsOf(after).length === 0) queue.add(key);
  });

  const allocate = (key: string): string[] | undefined => {
    const known = held.get(key);
    if (known !== undefined) return known;
    const cidrs: string[] = [];
    for (const allocator of allocators) {
      const cidr = allocator.allocate();
      if (cidr === undefined) {
        for (const taken of cidrs) release(taken);
        return undefined;
      }
      cidrs.push(cidr);
    }
    held.set(key, cidrs);
    return cidrs;
  };

  const reconcile = async (key: string): Promise<void> => {
    const node = informer.items.get(key);
    if (node === undefined || isDeleting(node) || cidrsOf(node).length > 0) return;
    const cidrs = allocate(key);
    if (cidrs === undefined) {
      recorder.event(node, 'Normal', 'CIDRNotAvailable', `Node ${key} status is now: CIDRNotAvailable`);
      context.log.warn('no pod CIDR is left for a node', { node: key, podCidrs: options.podCidrs });
      return;
    }
    const spec = { podCIDR: cidrs[0], podCIDRs: cidrs };
    await api.patch(key, { metadata: { uid: node.metadata.uid }, spec }, { type: 'merge' });
  };

  // One worker: parts are handed out one after the other.
  const queue = startReconciler(context, { name: 'node-ipam-controller', needs: [informer], workers: 1, reconcile });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}

function cidrsOf(node: Node): string[] {
  const { podCIDR, podCIDRs } = node.spec ?? {};
  if (podCIDRs !== undefined && podCIDRs.length > 0) return podCIDRs;
  return podCIDR === undefined || podCIDR === '' ? [] : [podCIDR];
}
