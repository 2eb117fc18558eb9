// The same endpoints as in EndpointSlices, in the older shape of Endpoints objects: pure.
import type { Pod, Service, core } from '../../api/objects.ts';
import { addressTypesOf, desiredGroups } from '../endpointslice/desired-endpoints.ts';
import { isDeleting } from '../runtime/pod-state.ts';

/** Readers of Endpoints were never made for more. */
const MOST_ADDRESSES = 1000;

export interface DesiredSubsets {
  subsets: core.EndpointSubset[];
  truncated: boolean;
}

/** Only the Service's primary family; pods that are going are left out unless unready ones are wanted, too. */
export function desiredSubsets(service: Service, pods: readonly Pod[]): DesiredSubsets {
  const wanted = service.spec?.publishNotReadyAddresses === true ? pods : pods.filter((pod) => !isDeleting(pod));
  const type = addressTypesOf(service, wanted)[0] ?? 'IPv4';
  const groups = desiredGroups(service, wanted, type, () => undefined);
  const subsets: core.EndpointSubset[] = [];
  let total = 0;
  for (const [, { ports, endpoints }] of [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const headlessWithoutPorts = (service.spec?.ports ?? []).length === 0;
    if (ports.length === 0 && !headlessWithoutPorts) continue;
    const ready: core.EndpointAddress[] = [];
    const notReady: core.EndpointAddress[] = [];
    for (const e of endpoints) {
      const address: core.EndpointAddress = {
        ip: e.addresses[0] ?? '',
        ...(e.hostname === undefined ? {} : { hostname: e.hostname }),
        ...(e.nodeName === undefined ? {} : { nodeName: e.nodeName }),
        ...(e.targetRef === undefined ? {} : { targetRef: e.targetRef }),
      };
      (e.conditions?.ready === true ? ready : notReady).push(address);
      total++;
    }
    const byIp = (a: core.EndpointAddress, b: core.EndpointAddress) => (a.ip < b.ip ? -1 : 1);
    subsets.push({
      ...(ready.length === 0 ? {} : { addresses: ready.toSorted(byIp) }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady.toSorted(byIp) }),
      ...(ports.length === 0 ? {} : { ports: ports.map(endpointPort) }),
    });
  }
  return total <= MOST_ADDRESSES ? { subsets, truncated: false } : { subsets: truncate(subsets), truncated: true };
}

/** An unnamed port has no name here, an empty one in slices. */
function endpointPort(p: { name?: string; port?: number; protocol?: string; appProtocol?: string }): core.EndpointPort {
  return {
    ...(p.name === undefined || p.name === '' ? {} : { name: p.name }),
    port: p.port ?? 0,
    ...(p.protocol === undefined ? {} : { protocol: p.protocol }),
    ...(p.appProtocol === undefined ? {} : { appProtocol: p.appProtocol }),
  };
}

/** Every subset keeps its share of the room, ready addresses before the others. */
function truncate(subsets: readonly core.EndpointSubset[]): core.EndpointSubset[] {
  const count = (list: core.EndpointAddress[] | undefined) => list?.length ?? 0;
  const ready = subsets.reduce((n, s) => n + count(s.addresses), 0);
  const others = subsets.reduce((n, s) => n + count(s.notReadyAddresses), 0);
  const readyRoom = Math.min(ready, MOST_ADDRESSES);
  const otherRoom = Math.min(others, MOST_ADDRESSES - readyRoom);
  const cut = (list: core.EndpointAddress[] | undefined, all: number, room: number) =>
    (list ?? []).slice(0, all === 0 ? 0 : Math.floor((count(list) / all) * room));
  return subsets
    .map((s) => {
      const addresses = cut(s.addresses, ready, readyRoom);
      const notReadyAddresses = cut(s.notReadyAddresses, others, otherRoom);
      return {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(s.ports === undefined ? {} : { ports: s.ports }),
      };
    })
    .filter((s) => s.addresses !== undefined || s.notReadyAddresses !== undefined);
}
