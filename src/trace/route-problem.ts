// What a node's routing table says of a request that it did not send on, or sent the wrong way.
import { cidrContains } from '../ip/index.ts';
import { openRtnl } from '../linux/index.ts';
import type { Route } from '../linux/index.ts';
import type { Hop, Leg } from './contract.ts';
import type { MtuTrouble } from './mtu-trouble.ts';
import type { PossibleEndpoint } from './walk-connection.ts';

/** For a packet that was last seen on a node. */
export function routeProblem(
  legs: readonly Leg[],
  endpoints: readonly PossibleEndpoint[],
): { readonly routeProblem?: string } {
  const leg = legs.find(({ name, hops }) => name === 'reply' && hops.length > 0) ?? legs[0];
  const last: Hop | undefined = leg?.hops.at(-1);
  if (leg === undefined || last === undefined || last.place.kind !== 'node') return {};
  const { destination } = last.packet;
  const rtnl = openRtnl(last.place.netns);
  try {
    if (last.direction === 'in') {
      const route = rtnl.routeTo(destination);
      if (route !== undefined && route.type !== 'unreachable' && route.type !== 'blackhole') return {};
      const what = `${last.place.name} has no route to ${destination}`;
      return { routeProblem: `${what}: the ${leg.name} arrived on ${last.device} and went no further` };
    }
    const endpoint = endpoints.find(({ address }) => address === destination);
    if (endpoint?.node === undefined) return {};
    const route = bestRoute(rtnl.routes(), destination);
    if (route === undefined || !isDefault(route)) return {};
    const via = route.via === undefined ? '' : ` to ${route.via}`;
    return {
      routeProblem: `${last.place.name} has no route to the pods of ${endpoint.node}: the ${leg.name} to ${destination} left by ${last.device} on the default route${via}`,
    };
  } finally {
    rtnl.close();
  }
}

/** A packet that arrived on a node and was too big to leave: the device that it was to leave by. */
export function nextDevice(trouble: MtuTrouble, destination: string): Pick<MtuTrouble, 'next'> {
  const { place, direction } = trouble.lastSeen;
  if (place.kind !== 'node' || direction !== 'in') return {};
  const rtnl = openRtnl(place.netns);
  try {
    const device = rtnl.routeTo(destination)?.device;
    const link = rtnl.links().find(({ index }) => index === device);
    return link === undefined || link.mtu >= trouble.length ? {} : { next: { device: link.name, mtu: link.mtu } };
  } finally {
    rtnl.close();
  }
}

const isDefault = ({ destination }: Pick<Route, 'destination'>) => destination.endsWith('/0');

/** The longest prefix, then the smallest metric. */
export function bestRoute<T extends Pick<Route, 'destination' | 'metric'>>(
  routes: readonly T[],
  address: string,
): T | undefined {
  const length = (route: T) => Number(route.destination.split('/')[1]);
  return routes
    .filter(({ destination }) => cidrContains(destination, address))
    .toSorted((a, b) => length(b) - length(a) || (a.metric ?? 0) - (b.metric ?? 0))[0];
}
