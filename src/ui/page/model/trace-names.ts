// The two ends of a trace as the page offers them and as the command names them. Pure.
import type { ClusterFacts, ServiceView, Topology, TraceOrder } from '../../contract.ts';
import { byText } from './selection.ts';

export interface Choice {
  /** As the trace takes it. */
  readonly value: string;
  readonly label: string;
}

export interface ChoiceGroup {
  readonly label: string;
  readonly choices: readonly Choice[];
}

export function clientChoices(topology: Topology, facts: ClusterFacts | undefined): ChoiceGroup[] {
  const pods = Object.values(topology.pods).filter((pod) => pod.running);
  const byNamespace = Map.groupBy(pods.toSorted(byText((pod) => pod.key)), (pod) => pod.namespace);
  const groups = [...byNamespace].map(([namespace, members]) => ({
    label: `Pods in ${namespace}`,
    choices: members.map((pod) => ({ value: `pod/${pod.key}`, label: `${pod.name} (${pod.node})` })),
  }));
  const nodes = Object.keys(topology.nodes)
    .toSorted(byText((name) => name))
    .map((name) => ({ value: `node/${name}`, label: name }));
  const outside = facts?.external === true ? [{ value: 'external', label: 'outside the cluster' }] : [];
  return [...groups, { label: 'Nodes', choices: nodes }, { label: 'Elsewhere', choices: outside }].filter(
    (group) => group.choices.length > 0,
  );
}

/** A choice for each port; its value is `namespace/name port protocol`. */
export function serviceChoices(topology: Topology): ChoiceGroup[] {
  const services = Object.values(topology.services).toSorted(byText((service) => service.key));
  return [...Map.groupBy(services, (service) => service.namespace)].map(([namespace, members]) => ({
    label: `Services in ${namespace}`,
    choices: members.flatMap((service) =>
      service.ports.flatMap((p) =>
        p.protocol === 'SCTP'
          ? []
          : {
              value: targetValue(service, p.port, p.protocol),
              label: `${service.name}:${p.port}/${p.protocol}${p.name === '' ? '' : ` (${p.name})`}`,
            },
      ),
    ),
  }));
}

export const targetValue = (service: ServiceView, port: number, protocol: string) =>
  `${service.key} ${port} ${protocol}`;

/** The first port of a service as a choice; '' when it has none that can be traced. */
export function firstTarget(service: ServiceView): string {
  const port = service.ports.find((p) => p.protocol !== 'SCTP');
  return port === undefined ? '' : targetValue(service, port.port, port.protocol);
}

/** A pod asks for the shortest name that its search path completes; who does not ask DNS names the object. */
export function traceOrder(from: string, target: string): TraceOrder {
  const [key = '', port = '', protocol] = target.split(' ');
  const [namespace = '', name = ''] = key.split('/');
  const clientNamespace = /^pod\/([^/]+)\//.exec(from)?.[1];
  const to =
    clientNamespace === undefined
      ? `svc/${key}:${port}`
      : clientNamespace === namespace
        ? `${name}:${port}`
        : `${name}.${namespace}:${port}`;
  return { from, to, protocol: protocol === 'UDP' ? 'udp' : 'tcp' };
}
