// Takes the whole pod network off a node: its routes, neighbours, devices, rules, and what is left of pods.
import { setTimeout as sleep } from 'node:timers/promises';
import { openRtnl, type Rtnl } from '../linux/index.ts';
import { NodeRules } from './apply-node-rules.ts';
import { AttachmentRecord } from './attachment-record.ts';
import { diffNetwork } from './diff.ts';
import { removeHostFirewall } from './host-firewall.ts';
import { applyStep, readKernelNetwork } from './kernel-network.ts';
import { isHostLinkName } from './names.ts';
import { EMPTY_STATE } from './network-state.ts';
import { planNodeRules } from './node-rules.ts';
import { removeSandbox, type NodeSide } from './sandbox.ts';

const LOOK_MS = 50;
const LOOKS = 40;

/** Without an agent: the record in its folder says which pods had what. What ran in them must have ended. */
export async function removePodNetwork(o: { readonly stateDir: string; readonly netns?: string }): Promise<void> {
  const rtnl = openRtnl(o.netns);
  try {
    for (const attachment of new AttachmentRecord(o.stateDir).attachments.values()) removeSandbox(rtnl, attachment);
    await clearKernel({ netns: o.netns, rtnl }, new Set());
  } finally {
    rtnl.close();
  }
}

/** Names of the network namespaces of the node's pods, by its record. */
export function recordedNamespaces(stateDir: string): string[] {
  return [...new AttachmentRecord(stateDir).attachments.values()].flatMap((a) =>
    a.device === undefined ? a.netns : [],
  );
}

export async function clearKernel(node: NodeSide, knownLinks: ReadonlySet<string>): Promise<void> {
  // The kernel takes the links of namespaces down in the background, and their neighbours with them: look again.
  for (let left = LOOKS; left > 0; left--) {
    const { state } = readKernelNetwork(node.rtnl, '');
    const steps = diffNetwork(state, EMPTY_STATE);
    if (steps.length === 0) break;
    for (const step of steps) {
      try {
        applyStep(node, step, () => undefined);
      } catch (error) {
        if (left === 1) throw error;
      }
    }
    await sleep(LOOK_MS);
  }
  removeStrayLinks(node.rtnl, knownLinks);
  await removeHostFirewall(node.netns);
  await new NodeRules(node.netns).apply(planNodeRules({ pods: [] }));
}

/** Links that look like ours but are in no record: a process holds the pod's namespace, or the record was lost. */
export function removeStrayLinks(rtnl: Rtnl, known: ReadonlySet<string>): { name: string; alias: string }[] {
  const strays = rtnl.links().flatMap(({ name, alias }) => {
    const isOurs = isHostLinkName(name) && !known.has(name) && alias?.startsWith('portico ') === true;
    return isOurs ? [{ name, alias: alias ?? '' }] : [];
  });
  for (const { name } of strays) rtnl.deleteLink(name);
  return strays;
}
