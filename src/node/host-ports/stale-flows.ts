// UDP flows that a change of host ports leaves behind: conntrack would go on sending a client's packets where the port
// led before, for as long as the client keeps sending. Pure.
import type { HostPort } from '../contract.ts';
import type { PodPorts } from './plan.ts';

/** What of a conntrack entry is looked at. */
export interface Flow {
  readonly original: { readonly destination: string; readonly destinationPort: number | undefined };
  readonly reply: { readonly source: string; readonly sourcePort: number | undefined };
}

const udpPorts = (pods: Iterable<PodPorts>): { ips: readonly string[]; port: HostPort }[] =>
  [...pods].flatMap(({ ips, ports }) => ports.filter((p) => p.protocol === 'UDP').map((port) => ({ ips, port })));

/** Numbers of the UDP ports whose meaning differs between two sets of pods. */
export function changedUdpPorts(before: Iterable<PodPorts>, after: Iterable<PodPorts>): number[] {
  const meanings = (pods: Iterable<PodPorts>) =>
    new Map(udpPorts(pods).map(({ ips, port }) => [JSON.stringify([ips, port]), port.hostPort]));
  const [old, now] = [meanings(before), meanings(after)];
  const changed = [...old, ...now].filter(([meaning]) => !(old.has(meaning) && now.has(meaning)));
  return [...new Set(changed.map(([, number]) => number))];
}

/** Does the flow go to a port of this node, but not to a pod that has the port now? */
export function isStaleFlow(flow: Flow, pods: Iterable<PodPorts>, isLocal: (ip: string) => boolean): boolean {
  const { original, reply } = flow;
  if (!isLocal(original.destination)) return false;
  return !udpPorts(pods).some(
    ({ ips, port }) =>
      port.hostPort === original.destinationPort &&
      port.containerPort === reply.sourcePort &&
      ips.includes(reply.source) &&
      (port.hostIp === '' || port.hostIp === original.destination),
  );
}
