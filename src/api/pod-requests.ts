// What a pod asks of a node: resources and host ports. For the scheduler, and for the node that has the last word.
import { quantityValue } from './quantity.ts';
import type { Node, Pod, core } from './types.ts';

/** ResourceAmounts by resource name; cpu in cores, memory in bytes. */
export type ResourceAmounts = Map<string, number>;

export interface WantedHostPort {
  ip: string;
  port: number;
  protocol: string;
}

function amounts(list: Readonly<Record<string, string>> | undefined): ResourceAmounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, quantityValue(text)]));
}

function addTo(sum: ResourceAmounts, more: ResourceAmounts): void {
  for (const [name, n] of more) sum.set(name, (sum.get(name) ?? 0) + n);
}

function raiseTo(most: ResourceAmounts, more: ResourceAmounts): void {
  for (const [name, n] of more) most.set(name, Math.max(most.get(name) ?? 0, n));
}

/** A limit without a request is also the request. */
function containerRequests(container: core.Container): ResourceAmounts {
  const requests = amounts(container.resources?.limits);
  for (const [name, n] of amounts(container.resources?.requests)) requests.set(name, n);
  return requests;
}

/** Quantities are exact and slow to read; a pod's object never changes. */
const known = new WeakMap<Pod, ResourceAmounts>();

export function podRequests(pod: Pod): ResourceAmounts {
  let requests = known.get(pod);
  if (requests === undefined) known.set(pod, (requests = sumRequests(pod)));
  return requests;
}

/** Containers and sidecars run together; each init container runs beside the sidecars started before it. */
function sumRequests(pod: Pod): ResourceAmounts {
  const running: ResourceAmounts = new Map();
  const sidecars: ResourceAmounts = new Map();
  const starting: ResourceAmounts = new Map();
  for (const container of pod.spec?.initContainers ?? []) {
    const own = containerRequests(container);
    if (container.restartPolicy === 'Always') addTo(sidecars, own);
    else addTo(own, sidecars);
    raiseTo(starting, container.restartPolicy === 'Always' ? new Map(sidecars) : own);
  }
  for (const container of pod.spec?.containers ?? []) addTo(running, containerRequests(container));
  addTo(running, sidecars);
  raiseTo(running, starting);
  addTo(running, amounts(pod.spec?.overhead));
  return running;
}

export const nodeAllocatable = (node: Node): ResourceAmounts =>
  amounts(node.status?.allocatable ?? node.status?.capacity);

export function podHostPorts(pod: Pod): WantedHostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap((c) => c.ports ?? [])
    .filter((p) => p.hostPort !== undefined && p.hostPort > 0)
    .map((p) => ({ ip: anyAddress(p.hostIP), port: p.hostPort ?? 0, protocol: p.protocol ?? 'TCP' }));
}

const anyAddress = (ip: string | undefined): string => (ip === undefined || ip === '' || ip === '::' ? '0.0.0.0' : ip);

/** An address that means all addresses collides with every other. */
export const hostPortsCollide = (a: WantedHostPort, b: WantedHostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
