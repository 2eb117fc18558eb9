// Services and endpoints for the benches of the proxy.
import process from 'node:process';
import type { EndpointSlice, Service } from '../../src/api/objects.ts';
import { createNetns, deleteNetns } from '../../src/linux/index.ts';
import { ChangeTracker } from '../../src/proxy/changes.ts';
import { fixedChains } from '../../src/proxy/iptables/fixed-chains.ts';
import { nodePortTail, type PlanContext } from '../../src/proxy/iptables/plan.ts';
import type { TableContext } from '../../src/proxy/nftables/fixed-table.ts';
import { serviceView, sliceView } from '../../src/proxy/views.ts';

const META = { uid: '0', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', namespace: 'bench' };

export const serviceName = (i: number): string => `svc-${i}`;
export const serviceIp = (i: number): string => `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
export const endpointIp = (n: number): string => `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

export function benchService(i: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...META, name: serviceName(i) },
    spec: { clusterIP: serviceIp(i + 1), clusterIPs: [serviceIp(i + 1)], ports: [{ port: 80, protocol: 'TCP' }] },
  };
}

/** A slice of e endpoints; `shift` gives other addresses. */
export function benchSlice(i: number, e: number, shift = 0): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...META, name: serviceName(i), labels: { 'kubernetes.io/service-name': serviceName(i) } },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: e }, (_, j) => ({
      addresses: [endpointIp(i * e + j + 1 + shift)],
      nodeName: `node-${j % 3}`,
      conditions: { ready: true, serving: true, terminating: false },
    })),
  };
}

/** A tracker that has seen S services of E endpoints, as after the first list. */
export function filledTracker(services: number, endpoints: number): ChangeTracker {
  const tracker = new ChangeTracker('IPv4', { name: 'node-0' });
  for (let i = 0; i < services; i++) {
    tracker.setService(`bench/${serviceName(i)}`, serviceView(benchService(i)));
    tracker.setSlice(undefined, sliceView(benchSlice(i, endpoints)));
  }
  return tracker;
}

const MARK = 0x4000;
export const DETECTOR = { kind: 'cidr', cidr: '10.128.0.0/9' } as const;

export const NFT_CONTEXT: TableContext = {
  family: 'IPv4',
  detector: DETECTOR,
  masqueradeAll: false,
  masqueradeMark: MARK,
  nodePortAddresses: ['172.31.0.1'],
  serviceCidrs: [],
  nodeIp: '172.31.0.1',
};

const fixed = {
  family: 'IPv4',
  masqueradeMark: MARK,
  randomFully: true,
  localhostNodePorts: true,
  dropInvalid: true,
  nfacct: false,
} as const;

export const IPTABLES_CONTEXT: PlanContext = {
  family: 'IPv4',
  detector: DETECTOR,
  masqueradeAll: false,
  nodeIp: '172.31.0.1',
  localhostNodePorts: true,
  nfacct: false,
  fixed: fixedChains(fixed),
  tail: nodePortTail({ family: 'IPv4', addresses: undefined, localhostNodePorts: true }),
};

let namespaces = 0;
/** A namespace of its own for a measurement. */
export async function inThrowawayNetns<T>(run: (netns: string) => Promise<T>): Promise<T> {
  const netns = `bench-proxy-${process.pid}-${namespaces++}`;
  createNetns(netns);
  try {
    return await run(netns);
  } finally {
    deleteNetns(netns);
  }
}

export async function seconds(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return (performance.now() - began) / 1000;
}
