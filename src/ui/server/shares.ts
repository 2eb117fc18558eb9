// Which endpoint each new connection to a Service was given, as the kernels tell it: connection tracking announces every
// connection with both of its tuples, the address asked for and the one that answers. Listens only while watched.
import { isIpv6, joinHostPort } from '../../ip/index.ts';
import { openConntrack } from '../../linux/index.ts';
import type { ConntrackEntry, ConntrackEvent } from '../../linux/index.ts';
import type { ServiceView, Topology } from '../contract.ts';

type Tuples = Pick<ConntrackEntry, 'original' | 'reply'>;

const door = (protocol: string, address: string, port: number) =>
  `${protocol.toLowerCase()} ${joinHostPort(address, port)}`;

/** Everywhere a client can knock for this Service. Pure. */
export function serviceDoors(service: ServiceView | undefined, topology: Topology): Set<string> {
  const nodeAddresses = Object.values(topology.nodes).flatMap((node) => node.addresses);
  return new Set(
    (service?.ports ?? []).flatMap((p) => [
      ...(service?.addresses ?? []).map((address) => door(p.protocol, address, p.port)),
      ...(p.nodePort === undefined
        ? []
        : nodeAddresses.map((address) => door(p.protocol, address, p.nodePort ?? p.port))),
    ]),
  );
}

/** The endpoint that a connection to one of the doors was sent to; undefined for any other connection. Pure. */
export function chosenEndpoint(entry: Tuples, doors: ReadonlySet<string>): string | undefined {
  const { original, reply } = entry;
  if (original.destinationPort === undefined || reply.sourcePort === undefined) return undefined;
  if (!doors.has(door(original.protocol, original.destination, original.destinationPort))) return undefined;
  if (original.destination === reply.source && original.destinationPort === reply.sourcePort) return undefined;
  return joinHostPort(reply.source, reply.sourcePort);
}

export interface ShareWatch extends Disposable {
  /** Connections since the watch began, by endpoint. */
  readonly counts: Readonly<Record<string, number>>;
  /** Events were lost: the counts are too low. */
  readonly lossy: boolean;
}

/** Counts new connections to a Service in these network namespaces until disposed of. */
export function watchShares(netns: readonly string[], doors: () => ReadonlySet<string>): ShareWatch {
  const counts: Record<string, number> = {};
  let lossy = false;
  const onEvent = (event: ConntrackEvent) => {
    if (event.action === 'overflow') lossy = true;
    else if (event.action === 'new') {
      const endpoint = chosenEndpoint(event.entry, doors());
      if (endpoint !== undefined) counts[endpoint] = (counts[endpoint] ?? 0) + 1;
    }
  };
  const stack = new DisposableStack();
  try {
    for (const name of netns) {
      const tracking = stack.adopt(openConntrack(name), (c) => c.close());
      stack.adopt(tracking.listen(onEvent), (l) => l.close());
    }
  } catch (e) {
    stack.dispose();
    throw e;
  }
  return {
    counts,
    get lossy() {
      return lossy;
    },
    [Symbol.dispose]: () => stack.dispose(),
  };
}

/** The family's word in rule listings. */
export const familyOf = (address: string): 'v4' | 'v6' => (isIpv6(address) ? 'v6' : 'v4');
