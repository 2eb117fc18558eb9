// What a pod asks of a node: resources and host ports. Pure.
import { quantityValue } from '../api/objects.ts';
import type { Node, Pod, core } from '../api/objects.ts';

/** Amounts by resource name; cpu in cores, memory in bytes. */
export type Amounts = Map<string, number>;

export interface HostPort {
  ip: string;
  port: number;
  protocol: string;
}

function amounts(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, quantityValue(text)]));
}

function addTo(sum: Amounts, more: Amounts): void {
  for (const [name, n] of more) sum.set(name, (sum.get(name) ?? 0) + n);
}

function raiseTo(most: Amounts, more: Amounts): void {
  for (const [name, n] of more) most.set(name, Math.max(most.get(name) ?? 0, n));
}

/** A limit without a request is also the request. */
function containerRequests(container: core.Container): Amounts {
  const requests = amounts(container.resources?.limits);
  for (const [name, n] of amounts(container.resources?.requests)) requests.set(name, n);
  return requests;
}

/** Quantities are exact and slow to read; a pod's object never changes. */
const known = new WeakMap<Pod, Amounts>();

export function podRequests(pod: Pod): Amounts {
  let requests = known.get(pod);
  if (requests === undefined) known.set(pod, (requests = sumRequests(pod)));
  return requests;
}

/** A pod without requests still uses something: otherwise one node would look free however many it has. */
const USUAL: readonly [string, number][] = [
  ['cpu', 0.1],
  ['memory', 200 * 1024 * 1024],
];

/** cpu and memory only, with a usual amount where none is asked for: for choosing, not for refusing. */
export function usualRequests(pod: Pod): Amounts {
  const requests = podRequests(pod);
  return new Map(USUAL.map(([name, usual]) => [name, requests.get(name) ?? usual]));
}

/** Containers and sidecars run together; each init container runs beside the sidecars started before it. */
function sumRequests(pod: Pod): Amounts {
  const running: Amounts = new Map();
  const sidecars: Amounts = new Map();
  const starting: Amounts = new Map();
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

export const nodeAllocatable = (node: Node): Amounts => amounts(node.status?.allocatable ?? node.status?.capacity);

export function hostPorts(pod: Pod): HostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap((c) => c.ports ?? [])
    .filter((p) => p.hostPort !== undefined && p.hostPort > 0)
    .map((p) => ({ ip: anyAddress(p.hostIP), port: p.hostPort ?? 0, protocol: p.protocol ?? 'TCP' }));
}

const anyAddress = (ip: string | undefined): string => (ip === undefined || ip === '' || ip === '::' ? '0.0.0.0' : ip);

/** An address that means all addresses collides with every other. */
export const portsCollide = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
