// Service + EndpointSlices + facts about this node → ServiceState. Pure, one Service and one family at a time.
import { parseCidr } from '../ip/index.ts';
import type { EndpointState, Family, NodeFacts, PortState, Protocol, ServiceState } from './contract.ts';
import { selectEndpoints, type Hints } from './topology.ts';
import { familyOf, type ServicePortView, type ServiceView, type SliceEndpointView, type SliceView } from './views.ts';

/** Addresses of views are canonical already. Joined, not added up: a sum would stay three pieces in memory. */
const hostPort = (ip: string, port: number) => [ip.includes(':') ? `[${ip}]` : ip, port].join(':');

const byText = (a: EndpointState, b: EndpointState) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);

/** Of two entries for one address the one that can do more wins, whatever the order of the slices. */
const rank = (e: EndpointState): number => (e.terminating ? 0 : 4) + (e.ready ? 2 : 0) + (e.serving ? 1 : 0);

/** Of neighbours with one address the best; `sorted` by text. */
function distinct(sorted: readonly EndpointState[]): EndpointState[] {
  const out: EndpointState[] = [];
  for (const e of sorted) {
    const last = out.at(-1);
    if (last?.text !== e.text) out.push(e);
    else if (rank(e) > rank(last)) out[out.length - 1] = e;
  }
  return out;
}

const NO_HINTS: Hints = new Map();

/** Every endpoint of a port in the family, sorted by `text`, and the hints they carry. */
function endpointsOf(
  port: { name: string; protocol: Protocol },
  slices: readonly SliceView[],
  family: Family,
  node: NodeFacts,
): { all: readonly EndpointState[]; hints: Hints } {
  const all: EndpointState[] = [];
  let hints: Map<EndpointState, SliceEndpointView> | undefined;
  let inOrder = true;
  let last = '';
  for (const slice of slices) {
    if (slice.family !== family) continue;
    for (const p of slice.ports) {
      if (p.name !== port.name || p.protocol !== port.protocol) continue;
      for (const view of slice.endpoints) {
        const text = hostPort(view.ip, p.port);
        const { ip, ready, serving, terminating } = view;
        const local = view.node !== undefined && view.node === node.name;
        const state: EndpointState = { ip, port: p.port, text, local, ready, serving, terminating };
        all.push(state);
        if (view.zoneHints !== undefined || view.nodeHints !== undefined) (hints ??= new Map()).set(state, view);
        inOrder &&= last < text;
        last = text;
      }
    }
  }
  return { all: inOrder ? all : distinct(all.toSorted(byText)), hints: hints ?? NO_HINTS };
}

/** Keeps one array where two would hold the same endpoints: most services use all of theirs. */
function shared(list: readonly EndpointState[], all: readonly EndpointState[]): readonly EndpointState[] {
  return list.length === all.length ? all : list;
}

function portState(
  service: ServiceView,
  port: ServicePortView,
  slices: readonly SliceView[],
  family: Family,
  clusterIp: string,
  node: NodeFacts,
): PortState {
  const ofFamily = (ips: readonly string[]) => ips.filter((ip) => familyOf(ip) === family);
  const externalIps = ofFamily(service.externalIps);
  const loadBalancerIps = ofFamily(service.loadBalancerIps);
  const ranges = service.sourceRanges.filter((r) => familyOf(r) === family);
  // A range that holds everybody switches the filter off.
  const open = ranges.some((r) => parseCidr(r)?.prefix === 0);
  const exposed = port.nodePort !== 0 || externalIps.length > 0 || loadBalancerIps.length > 0;
  const usesCluster = !service.internalLocal || exposed;
  const usesLocal = service.internalLocal || (service.externalLocal && exposed);
  const { all, hints } = endpointsOf(port, slices, family, node);
  const selection = selectEndpoints(all, hints, { usesCluster, usesLocal, node });
  return {
    id: port.name === '' ? service.key : `${service.key}:${port.name}`,
    namespace: service.namespace,
    service: service.name,
    portName: port.name,
    protocol: port.protocol,
    clusterIp,
    port: port.port,
    nodePort: port.nodePort,
    externalIps,
    loadBalancerIps,
    sourceRanges: open ? [] : ranges,
    healthCheckNodePort: service.healthCheckNodePort,
    internalLocal: service.internalLocal,
    externalLocal: service.externalLocal,
    affinitySeconds: service.affinitySeconds,
    usesCluster,
    usesLocal,
    cluster: shared(selection.cluster, all),
    local: shared(selection.local, all),
    hasEndpoints: selection.hasEndpoints,
    all,
  };
}

/** What a Service means for a family on this node; undefined: nothing (headless, other family, no port). */
export function serviceState(
  service: ServiceView,
  slices: readonly SliceView[],
  family: Family,
  node: NodeFacts,
): ServiceState | undefined {
  const clusterIp = service.clusterIps.find((ip) => familyOf(ip) === family);
  if (clusterIp === undefined || service.ports.length === 0) return undefined;
  const ports = service.ports.map((p) => portState(service, p, slices, family, clusterIp, node));
  return { key: service.key, family, ports };
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((v, i) => v === b[i]));

function sameEndpoints(a: readonly EndpointState[], b: readonly EndpointState[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((x, i) => {
    const y = b[i];
    return (
      y !== undefined &&
      x.text === y.text &&
      x.local === y.local &&
      x.ready === y.ready &&
      x.serving === y.serving &&
      x.terminating === y.terminating
    );
  });
}

function samePort(a: PortState, b: PortState): boolean {
  return (
    a.id === b.id &&
    a.protocol === b.protocol &&
    a.clusterIp === b.clusterIp &&
    a.port === b.port &&
    a.nodePort === b.nodePort &&
    a.healthCheckNodePort === b.healthCheckNodePort &&
    a.internalLocal === b.internalLocal &&
    a.externalLocal === b.externalLocal &&
    a.affinitySeconds === b.affinitySeconds &&
    a.usesCluster === b.usesCluster &&
    a.usesLocal === b.usesLocal &&
    a.hasEndpoints === b.hasEndpoints &&
    sameList(a.externalIps, b.externalIps) &&
    sameList(a.loadBalancerIps, b.loadBalancerIps) &&
    sameList(a.sourceRanges, b.sourceRanges) &&
    sameEndpoints(a.all, b.all) &&
    sameEndpoints(a.cluster, b.cluster) &&
    sameEndpoints(a.local, b.local)
  );
}

/** Whether two states would give the same rules. */
export function sameState(a: ServiceState | undefined, b: ServiceState | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.ports.length === b.ports.length &&
    a.ports.every((p, i) => {
      const q = b.ports[i];
      return q !== undefined && samePort(p, q);
    })
  );
}
