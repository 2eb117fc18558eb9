// What the server streams: the topology as it changes, and whether the stream is up.
import { signal } from '@preact/signals';

import type { ClusterFacts, TopologyChange } from '../../contract.ts';
import { applyTopologyChange, EMPTY_TOPOLOGY } from '../../topology-change.ts';

export const topology = signal(EMPTY_TOPOLOGY);
export const facts = signal<ClusterFacts | undefined>(undefined);
/** `lost`: the server is away; the picture is the last one known. */
export const connection = signal<'opening' | 'live' | 'lost'>('opening');

export async function follow(): Promise<void> {
  // EventSource reconnects by itself; each connection begins with the whole value.
  const stream = new EventSource('api/topology');
  const read = (event: Event) => JSON.parse((event as MessageEvent<string>).data) as TopologyChange;
  stream.addEventListener('begin', (event) => {
    topology.value = applyTopologyChange(EMPTY_TOPOLOGY, read(event));
    connection.value = 'live';
  });
  stream.addEventListener('change', (event) => {
    topology.value = applyTopologyChange(topology.value, read(event));
  });
  stream.addEventListener('error', () => (connection.value = 'lost'));
  facts.value = await askServer<ClusterFacts>('api/cluster');
}

/** JSON from the server. @throws Error with the server's own sentence */
export async function askServer<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    throw new Error("the server does not answer: is 'portico ui' still running?", { cause });
  }
  const value = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new Error(value.error ?? `the server answered ${response.status}`);
  return value;
}
