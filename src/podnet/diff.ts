// The steps that turn one network state into another. Pure: `apply(have, diff(have, want))` gives `want`, and the
// second diff is empty.
import type {
  DeviceAddress,
  ForwardingEntry,
  Neighbor,
  NetworkState,
  PodLink,
  Route,
  VxlanLink,
} from './network-state.ts';

export type Step =
  | { readonly do: 'delete-vxlan'; readonly name: string }
  | { readonly do: 'create-vxlan'; readonly link: VxlanLink }
  | { readonly do: 'set-vxlan'; readonly link: VxlanLink }
  | { readonly do: 'set-pod-mtu'; readonly link: PodLink }
  | { readonly do: 'add-address' | 'delete-address'; readonly address: DeviceAddress }
  | { readonly do: 'replace-neighbor' | 'delete-neighbor'; readonly neighbor: Neighbor }
  | { readonly do: 'replace-forwarding' | 'delete-forwarding'; readonly entry: ForwardingEntry }
  | { readonly do: 'replace-route' | 'delete-route'; readonly route: Route };

export const addressKey = (a: DeviceAddress) => `${a.device} ${a.address}`;
export const neighborKey = (n: Neighbor) => `${n.device} ${n.address}`;
export const forwardingKey = (f: ForwardingEntry) => `${f.device} ${f.mac}`;
export const routeKey = (r: Route) => r.destination;

const routeText = (r: Route) => [r.type, r.via, r.device, r.onlink ?? false, r.source].join(' ');

export function diffNetwork(have: NetworkState, want: NetworkState): Step[] {
  const steps: Step[] = [];
  const vxlan = vxlanSteps(have.vxlan, want.vxlan);
  steps.push(...vxlan);
  // A device that goes takes its entries along.
  const rebuilt = vxlan.some((step) => step.do === 'delete-vxlan') ? have.vxlan?.name : undefined;
  const kept = <T extends { readonly device?: string }>(list: readonly T[]) =>
    rebuilt === undefined ? list : list.filter((item) => item.device !== rebuilt);

  const mtus = new Map(have.podLinks.map((link) => [link.name, link.mtu]));
  for (const link of want.podLinks) {
    const mtu = mtus.get(link.name);
    if (mtu !== undefined && mtu !== link.mtu) steps.push({ do: 'set-pod-mtu', link });
  }

  const addresses = compare(kept(have.addresses), want.addresses, addressKey, () => '');
  const neighbors = compare(kept(have.neighbors), want.neighbors, neighborKey, (n) => n.mac);
  const forwarding = compare(kept(have.forwarding), want.forwarding, forwardingKey, (f) => f.destination);
  const routes = compare(kept(have.routes), want.routes, routeKey, routeText);

  // Taking away runs from the route inwards and putting in from the neighbour outwards: a route never stands without
  // what it needs.
  steps.push(
    ...routes.gone.map((route) => ({ do: 'delete-route', route }) as const),
    ...forwarding.gone.map((entry) => ({ do: 'delete-forwarding', entry }) as const),
    ...neighbors.gone.map((neighbor) => ({ do: 'delete-neighbor', neighbor }) as const),
    ...addresses.gone.map((address) => ({ do: 'delete-address', address }) as const),
    ...addresses.put.map((address) => ({ do: 'add-address', address }) as const),
    ...neighbors.put.map((neighbor) => ({ do: 'replace-neighbor', neighbor }) as const),
    ...forwarding.put.map((entry) => ({ do: 'replace-forwarding', entry }) as const),
    ...routes.put.map((route) => ({ do: 'replace-route', route }) as const),
  );
  return steps;
}

function vxlanSteps(have: VxlanLink | undefined, want: VxlanLink | undefined): Step[] {
  if (have === undefined) return want === undefined ? [] : [{ do: 'create-vxlan', link: want }];
  if (want === undefined) return [{ do: 'delete-vxlan', name: have.name }];
  // These cannot be changed on a standing device.
  if (have.vni !== want.vni || have.port !== want.port || have.local !== want.local || have.device !== want.device) {
    return [
      { do: 'delete-vxlan', name: have.name },
      { do: 'create-vxlan', link: want },
    ];
  }
  return have.mac === want.mac && have.mtu === want.mtu ? [] : [{ do: 'set-vxlan', link: want }];
}

function compare<T>(have: readonly T[], want: readonly T[], key: (item: T) => string, text: (item: T) => string) {
  const before = new Map(have.map((item) => [key(item), text(item)]));
  const after = new Set(want.map(key));
  return {
    gone: have.filter((item) => !after.has(key(item))),
    put: want.filter((item) => before.get(key(item)) !== text(item)),
  };
}
