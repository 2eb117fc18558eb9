// Everything about one pod or node, as `portico inspect` says it, for its page.
import { inspectNode, inspectPod } from '../../trace/index.ts';
import type { InspectOptions } from '../../trace/index.ts';
import type { ObjectPage } from '../contract.ts';

export async function readPodPage(options: InspectOptions): Promise<ObjectPage> {
  const { pod, network, services, dns, counters, events, notes, drift } = await inspectPod(options);
  const where = pod.node === undefined ? 'on no node yet' : `on ${pod.node}`;
  return {
    kind: 'pod',
    name: `${pod.namespace}/${pod.name}`,
    facts: [
      `${pod.phase} ${where}, ${pod.addresses.join(' ') || 'without an address'}${pod.hostNetwork ? ', host network' : ''}`,
      pod.ready ? 'ready' : `not ready: ${pod.why ?? 'it has not said why'}`,
      ...pod.containers.map((container) => `container ${container}`),
    ],
    network,
    rules: [],
    services,
    dns,
    counters: [`connections now: ${counters.connectionsFrom} from the pod, ${counters.connectionsTo} to it`],
    events,
    notes,
    drift,
  };
}

export async function readNodePage(options: InspectOptions): Promise<ObjectPage> {
  const { node, pods, network, rules, rulesCompared, mode, counters, events, notes, drift } =
    await inspectNode(options);
  return {
    kind: 'node',
    name: node.name,
    facts: [
      `${node.addresses.join(', ')}, pods ${node.podCidrs.join(', ') || 'without a range yet'}`,
      `${node.ready ? 'ready' : `not ready: ${node.why ?? ''}`}${node.unschedulable ? ', takes no new pods' : ''}`,
      `${pods.length} pods, ${pods.filter((pod) => pod.ready).length} ready`,
    ],
    network,
    rules,
    services: [],
    dns: [],
    counters: [
      `rules of Services (${mode}): ${rulesCompared} compared, ${rules.length} differ`,
      `connections now: ${counters.connections} of at most ${counters.connectionsMax}`,
    ],
    events,
    notes,
    drift,
  };
}
