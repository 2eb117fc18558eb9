// A small cluster and a walk through it, for tests of the page's models.
import type { Change, Hop, PodView, Topology, Walk } from '../../contract.ts';
import { EMPTY_TOPOLOGY } from '../../topology-change.ts';

export const podOn = (node: string, name: string, more: Partial<PodView> = {}): PodView => ({
  key: `default/${name}`,
  namespace: 'default',
  name,
  uid: name,
  node,
  addresses: ['10.244.0.9'],
  status: 'Running',
  ready: true,
  terminating: false,
  running: true,
  hostNetwork: false,
  workload: name.replace(/-\d+$/, ''),
  ...more,
});

const byKey = <T extends { readonly key: string }>(views: readonly T[]) =>
  Object.fromEntries(views.map((view) => [view.key, view]));

/** `web` behind two pods on node-1, `dns` behind one on node-2, a client on node-2. */
export function smallTopology(...more: readonly PodView[]): Topology {
  const pods = [
    podOn('node-1', 'web-1'),
    podOn('node-1', 'web-2'),
    podOn('node-2', 'dns-1'),
    podOn('node-2', 'client'),
  ];
  const service = (name: string, address: string) => ({
    key: `default/${name}`,
    namespace: 'default',
    name,
    type: 'ClusterIP',
    addresses: [address],
    ports: [{ name: '', protocol: 'TCP' as const, port: 80 }],
  });
  const endpoint = (pod: string, ready = true) => ({
    address: pod,
    pod: `default/${pod}`,
    ready,
    serving: ready,
    terminating: false,
  });
  return {
    ...EMPTY_TOPOLOGY,
    nodes: byKey(['node-1', 'node-2'].map((key) => ({ key, addresses: [], podCidrs: [], ready: true, note: '' }))),
    pods: byKey([...pods, ...more]),
    services: byKey([service('web', '10.96.0.7'), service('dns', '10.96.0.10'), service('alone', '10.96.0.11')]),
    slices: byKey([
      {
        key: 'default/web-x',
        service: 'default/web',
        ports: ['80/TCP'],
        endpoints: [endpoint('web-1'), endpoint('web-2', false)],
      },
      { key: 'default/dns-x', service: 'default/dns', ports: ['80/TCP'], endpoints: [endpoint('dns-1')] },
    ]),
  };
}

const hop = (
  place: string,
  device: string,
  direction: 'in' | 'out',
  atUs: number,
  destination: string,
  changes: readonly Change[] = [],
): Hop => ({
  place: { kind: place.includes('/') ? 'pod' : 'node', name: place, netns: place },
  device,
  direction,
  timeNs: String(atUs * 1000),
  atUs,
  packet: {
    protocol: 'tcp',
    source: '10.244.1.2',
    sourcePort: 41000,
    destination,
    destinationPort: 80,
    flags: 'S',
    ttl: 64,
    length: 60,
  },
  changes,
  rules: [],
});

/** From the client on node-2 to web-1 on node-1, the way there only. */
export const walkToWeb: Walk = {
  protocol: 'tcp',
  client: { kind: 'pod', name: 'default/client', netns: 'c' },
  source: '10.244.1.2',
  sourcePort: 41000,
  destination: '10.96.0.7',
  destinationPort: 80,
  outcome: { kind: 'connected', ms: 1 },
  legs: [
    {
      name: 'request',
      hops: [
        hop('default/client', 'eth0', 'out', 0, '10.96.0.7'),
        hop('node-2', 'lxc1', 'in', 9.5, '10.96.0.7'),
        hop('node-2', 'eth0', 'out', 120, '10.244.0.9', [{ kind: 'dnat', from: '10.96.0.7:80', to: '10.244.0.9:80' }]),
        hop('node-1', 'eth0', 'in', 130, '10.244.0.9'),
        hop('node-1', 'lxc2', 'out', 180, '10.244.0.9'),
        hop('default/web-1', 'eth0', 'in', 1500, '10.244.0.9'),
      ],
      rulesAfter: [],
      changesAfter: [],
    },
  ],
  tracked: [],
  verdict: { ok: true, code: 'ok', sentence: '' },
  notes: [],
};
