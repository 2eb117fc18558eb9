// Hints that let proxies prefer near endpoints: pure.
import type { Node, Service } from '../../api/objects.ts';
import { quantityValue } from '../../api/objects.ts';
import type { discovery } from '../../api/objects.ts';
import type { EndpointGroup } from './desired-endpoints.ts';

type Groups = Map<string, EndpointGroup>;

/** More load than this above its fair share would come to some endpoint: then no hints at all. */
const OVERLOAD = 0.2;

/** The groups with hints as the Service asks for them; without hints when they would do harm or nothing is asked. */
export function addHints(service: Service, groups: Groups, nodes: Iterable<Node>): Groups {
  const mode =
    service.metadata.annotations?.['service.kubernetes.io/topology-mode'] ??
    service.metadata.annotations?.['service.kubernetes.io/topology-aware-hints'];
  if (mode === 'Auto' || mode === 'auto') return proportionalHints(groups, nodes);
  const distribution = service.spec?.trafficDistribution;
  if (distribution === undefined || distribution === '') return groups;
  const sameNode = distribution === 'PreferSameNode';
  const sameZone = sameNode || distribution === 'PreferClose' || distribution === 'PreferSameZone';
  return sameZone ? mapEndpoints(groups, (e) => nearHints(e, sameNode)) : groups;
}

interface Hints {
  forZones?: { name: string }[];
  forNodes?: { name: string }[];
}

function mapEndpoints(groups: Groups, hintsOf: (e: discovery.Endpoint) => Hints | undefined): Groups {
  return new Map(
    [...groups].map(([key, group]) => {
      const endpoints = group.endpoints.map((e) => {
        const hints = hintsOf(e);
        return hints === undefined ? e : ({ ...e, hints } as discovery.Endpoint);
      });
      return [key, { ...group, endpoints }];
    }),
  );
}

function nearHints(e: discovery.Endpoint, sameNode: boolean): Hints | undefined {
  if (e.conditions?.ready !== true) return undefined;
  const hints: Hints = {
    ...(e.zone === undefined ? {} : { forZones: [{ name: e.zone }] }),
    ...(sameNode && e.nodeName !== undefined ? { forNodes: [{ name: e.nodeName }] } : {}),
  };
  return Object.keys(hints).length === 0 ? undefined : hints;
}

/** Each zone's part of the CPU of all nodes that take pods. */
function zoneShares(nodes: Iterable<Node>): Map<string, number> | undefined {
  const cpu = new Map<string, number>();
  for (const node of nodes) {
    const labels = node.metadata.labels ?? {};
    if ('node-role.kubernetes.io/control-plane' in labels || 'node-role.kubernetes.io/master' in labels) continue;
    if (node.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') !== true) continue;
    const zone = labels['topology.kubernetes.io/zone'];
    const amount = node.status?.allocatable?.['cpu'];
    if (zone === undefined || zone === '' || amount === undefined) return undefined;
    cpu.set(zone, (cpu.get(zone) ?? 0) + quantityValue(amount));
  }
  if (cpu.size < 2) return undefined;
  const total = [...cpu.values()].reduce((a, b) => a + b, 0);
  return total === 0 ? undefined : new Map([...cpu].map(([zone, n]) => [zone, n / total]));
}

function proportionalHints(groups: Groups, nodes: Iterable<Node>): Groups {
  const shares = zoneShares(nodes);
  const ready = [...groups.values()].flatMap((g) => g.endpoints).filter((e) => e.conditions?.ready === true);
  if (shares === undefined || ready.some((e) => e.zone === undefined)) return groups;
  const wanted = endpointsPerZone(shares, ready.length);
  if (wanted === undefined) return groups;
  const assigned = assignZones(ready, wanted);
  return mapEndpoints(groups, (e) => {
    const zone = assigned.get(e);
    return zone === undefined ? undefined : { forZones: [{ name: zone }] };
  });
}

/** How many endpoints each zone gets; undefined if some zone's endpoints would be overloaded. */
export function endpointsPerZone(shares: ReadonlyMap<string, number>, total: number): Map<string, number> | undefined {
  if (total < shares.size) return undefined;
  const wanted = new Map<string, number>();
  for (const [zone, share] of shares) wanted.set(zone, Math.max(1, Math.floor(share * total)));
  let left = total - [...wanted.values()].reduce((a, b) => a + b, 0);
  const need = (zone: string) => (shares.get(zone) ?? 0) * total - (wanted.get(zone) ?? 0);
  while (left > 0) {
    const zone = [...wanted.keys()].toSorted((a, b) => need(b) - need(a) || (a < b ? -1 : 1))[0] ?? '';
    wanted.set(zone, (wanted.get(zone) ?? 0) + 1);
    left--;
  }
  while (left < 0) {
    const zone = [...wanted.keys()].toSorted((a, b) => need(a) - need(b)).find((z) => (wanted.get(z) ?? 0) > 1) ?? '';
    if (zone === '') return undefined;
    wanted.set(zone, (wanted.get(zone) ?? 0) - 1);
    left++;
  }
  for (const [zone, n] of wanted) {
    if (((shares.get(zone) ?? 0) * total) / n - 1 > OVERLOAD) return undefined;
  }
  return wanted;
}

/** Endpoints serve their own zone as far as it wants them; the surplus serves zones that lack some. */
function assignZones(
  ready: readonly discovery.Endpoint[],
  wanted: ReadonlyMap<string, number>,
): Map<discovery.Endpoint, string> {
  const left = new Map(wanted);
  const assigned = new Map<discovery.Endpoint, string>();
  const surplus: discovery.Endpoint[] = [];
  for (const e of ready) {
    const zone = e.zone ?? '';
    const n = left.get(zone) ?? 0;
    if (n > 0) {
      left.set(zone, n - 1);
      assigned.set(e, zone);
    } else surplus.push(e);
  }
  for (const e of surplus) {
    const zone = [...left].find(([, n]) => n > 0)?.[0];
    if (zone === undefined) break;
    left.set(zone, (left.get(zone) ?? 0) - 1);
    assigned.set(e, zone);
  }
  return assigned;
}
