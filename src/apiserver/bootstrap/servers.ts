// Which servers of the cluster are there: each holds a key that goes when the server does (Kubernetes' masterleases).
// What is in them becomes the endpoints of `default/kubernetes`.
import type { Held, Store } from '../../store/index.ts';

export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

export const SERVERS_PREFIX = '/registry/masterleases/';

/** A server that ended without a word is forgotten after this time. */
const SECONDS = 15;

export function announceServer(store: Store, { address, port }: ServerAddress): Promise<Held> {
  return store.hold(`${SERVERS_PREFIX}${address}:${port}`, JSON.stringify({ address, port }), SECONDS);
}

/**
 * The servers that share a port, in order of address; `own` is among the candidates in any case. An EndpointSlice has one
 * port for all its endpoints: servers on another port than most are left out.
 */
export async function knownServers(store: Store, own: ServerAddress): Promise<ServerAddress[]> {
  const { entries } = await store.list(SERVERS_PREFIX);
  const others = entries.map((entry) => JSON.parse(entry.value) as ServerAddress);
  const all = [...others.filter((o) => o.address !== own.address || o.port !== own.port), own];
  const byPort = new Map<number, ServerAddress[]>();
  for (const server of all) byPort.set(server.port, [...(byPort.get(server.port) ?? []), server]);
  const [most = []] = [...byPort.values()].sort((a, b) => b.length - a.length || (a[0]?.port ?? 0) - (b[0]?.port ?? 0));
  return most.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}
