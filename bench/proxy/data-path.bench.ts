// What the rules cost the packets: the first packet's round trip at 1 and at 30,000 services, and connections a second
// through a cluster IP against the same pod's own address. The client and the pod are namespaces on one node.
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import {
  connectTcpIn,
  createNetns,
  deleteNetns,
  openRtnl,
  openTcpListenerIn,
  writeSysctl,
} from '../../src/linux/index.ts';
import { NftBook } from '../../src/proxy/nftables/book.ts';
import { fixedOps } from '../../src/proxy/nftables/fixed-table.ts';
import { openNftKernel } from '../../src/proxy/nftables/kernel.ts';
import { InformedTracker } from '../../src/proxy/fixtures/informed-tracker.ts';
import { service, slice } from '../../src/proxy/fixtures/objects.ts';
import { median, report } from '../report.ts';
import { NFT_CONTEXT, benchService, benchSlice, inThrowawayNetns } from './synthetic-cluster.ts';

const POD = '10.200.0.2';
const CLIENT = '10.200.0.3';
const NODE = '10.200.0.1';
const VIP = '10.96.250.1';
const ROUNDS = 9;
const CONNECTIONS = 400;

/** The veth of a pod, with the node as its gateway. */
function connectPod(node: string, netns: string, ip: string, device: string): void {
  createNetns(netns);
  const outside = openRtnl(node);
  const inside = openRtnl(netns);
  outside.addLink({ kind: 'veth', name: device, up: true, peer: { name: 'eth0', netns, up: true } });
  outside.replaceRoute({ destination: `${ip}/32`, device });
  inside.addAddress('eth0', `${ip}/32`);
  inside.replaceRoute({ destination: `${NODE}/32`, device: 'eth0' });
  inside.replaceRoute({ destination: 'default', via: NODE, device: 'eth0' });
  outside.close();
  inside.close();
}

/** Time from connect() to established, ms. */
function connectMs(netns: string, host: string, port: number): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const socket: Socket = connectTcpIn(netns, { host, port });
    socket.on('connect', () => {
      const taken = performance.now() - began;
      socket.resetAndDestroy();
      resolve(taken);
    });
    socket.on('error', reject);
  });
}

async function round(netns: string, host: string, port: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < CONNECTIONS; i++) times.push(await connectMs(netns, host, port));
  return median(times);
}

interface Place {
  /** Median time to connect through the cluster IP, or to the pod itself, ms. */
  service(): Promise<number>;
  pod(): Promise<number>;
}

/** A node with so many services; `use` may measure as long as it runs. */
function withPlace<T>(services: number, use: (place: Place) => Promise<T>): Promise<T> {
  return inThrowawayNetns(async (node) => {
    writeSysctl(node, 'net.ipv4.ip_forward', 1);
    const [pod, client] = [`${node}-pod`, `${node}-client`];
    const outside = openRtnl(node);
    outside.addAddress('lo', `${NODE}/32`);
    outside.close();
    const kernel = openNftKernel('IPv4', { netns: node, apply: 'netlink' });
    try {
      connectPod(node, pod, POD, 'v-pod');
      connectPod(node, client, CLIENT, 'v-client');
      const server = createServer((s) => s.on('error', () => undefined));
      server.listen({ fd: openTcpListenerIn(pod, { address: POD, port: 8080 }) });
      const tracker = new InformedTracker([
        service('bench/target', { clusterIP: VIP, ports: [{ port: 80 }] }),
        slice('bench/target', [{ ip: POD }], { ports: [{ name: '', port: 8080 }] }),
      ]);
      for (let i = 0; i < services - 1; i++) {
        tracker.apply({ kind: 'service', key: `bench/svc-${i}`, object: benchService(i) });
        tracker.apply({ kind: 'slice', key: `bench/svc-${i}`, object: benchSlice(i, 1) });
      }
      const plan = new NftBook().plan(tracker.take(), NFT_CONTEXT);
      await kernel.apply([...fixedOps(NFT_CONTEXT), ...plan.ops]);
      try {
        return await use({ service: () => round(client, VIP, 80), pod: () => round(client, POD, 8080) });
      } finally {
        server.close();
      }
    } finally {
      kernel.close();
      deleteNetns(client);
      deleteNetns(pod);
    }
  });
}

// Both places at once and in turn, so that the machine's mood cancels out; the median of the ratios counts.
await withPlace(1, (small) =>
  withPlace(30_000, async (large) => {
    await small.pod();
    await large.service();
    const one: number[] = [];
    const many: number[] = [];
    const direct: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      one.push(await small.service());
      many.push(await large.service());
      direct.push(await small.pod());
    }
    const ratios = (a: number[], b: number[]) => median(a.map((v, i) => v / (b[i] ?? v)));
    report({ bench: 'proxy/nftables/connect', services: 1, medianUs: median(one) * 1000 });
    report({ bench: 'proxy/nftables/connect', services: 30_000, medianUs: median(many) * 1000 });
    report({ bench: 'proxy/nftables/connect', to: 'pod address', medianUs: median(direct) * 1000 });
    report({ bench: 'proxy/nftables/first-packet/30000-to-1', ratio: ratios(many, one) });
    report({ bench: 'proxy/nftables/connections-per-second/service-to-pod', ratio: ratios(direct, one) });
  }),
);
