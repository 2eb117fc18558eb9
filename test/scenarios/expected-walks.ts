// The whole walk that a connection through a Service must take, hop by hop with addresses, envelopes, translations and
// TTLs, reckoned from what the API, routes and connection tracking say: nothing of it comes from a capture.
import assert from 'node:assert/strict';

import { isIpv6, joinHostPort } from '../../src/ip/index.ts';
import type { Hop, Walk } from '../../src/trace/index.ts';

export type Network = 'native' | 'vxlan';

interface Step {
  readonly place: string;
  readonly device: string;
  readonly direction: 'in' | 'out';
  /** Nodes whose addresses the envelope carries, sender first. */
  readonly envelope?: readonly [string, string];
}

/** Where the nodes' addresses and routes are read. */
export interface Nodes {
  inNode(node: string, ...command: string[]): string;
  kubectl(...args: string[]): string;
}

/** What the walk of this connection must be. `clientNode`: where the first rules are. */
export interface ExpectedWalk {
  readonly client: 'pod' | 'node' | 'external';
  readonly clientNode: string;
  /** Whether the connection's source is replaced: a node as client, a node port, a pod that reaches itself. */
  readonly masquerade: boolean;
}

/** Compares both legs, what happens after the last hop, and the entry of connection tracking. */
export function assertWalk(cluster: Nodes, network: Network, walk: Walk, expected: ExpectedWalk): void {
  const { endpoint } = walk;
  assert.ok(endpoint?.place !== undefined && endpoint.node !== undefined, 'an endpoint that is a pod');
  const { clientNode } = expected;
  const steps = stepsOf(cluster, network, walk, expected);
  const server = joinHostPort(endpoint.address, endpoint.port);
  const client = joinHostPort(walk.source, walk.sourcePort);
  const virtual = joinHostPort(walk.destination, walk.destinationPort);
  const entry = walk.tracked.find((e) => e.node === clientNode);
  assert.ok(entry !== undefined, `no entry on ${clientNode}`);
  const { original, reply: answer } = entry;
  // Its port is the kernel's choice: the entry alone tells it.
  const own = masqueradeAddress(cluster, network, clientNode, walk);
  const masquerade = joinHostPort(own, answer.destinationPort);
  const seenBy = expected.masquerade ? masquerade : client;
  assert.deepEqual(
    [
      joinHostPort(original.source, original.sourcePort),
      joinHostPort(original.destination, original.destinationPort),
      joinHostPort(answer.source, answer.sourcePort),
      joinHostPort(answer.destination, answer.destinationPort),
    ],
    [client, virtual, server, seenBy],
  );

  // The other node knows it as the endpoint does.
  if (endpoint.node !== clientNode) {
    const other = walk.tracked.find((e) => e.node === endpoint.node)?.original;
    assert.ok(other !== undefined, `no entry on ${endpoint.node}`);
    assert.equal(joinHostPort(other.source, other.sourcePort), seenBy);
    assert.equal(joinHostPort(other.destination, other.destinationPort), server);
  }

  const snat = expected.masquerade ? [[client, masquerade] as const] : [];
  const there = [`dnat ${virtual} ${server}`, ...snat.map(([from, to]) => `snat ${from} ${to}`)];
  const back = [...snat.map(([from, to]) => `un-snat ${to} ${from}`), `un-dnat ${server} ${virtual}`];
  // Before this one it is as the client knows it, from here on as the endpoint does.
  const translated = steps.findIndex(
    (step, i) =>
      step.place === clientNode && step.direction === 'out' && (i === 0 || steps[i - 1]?.place === clientNode),
  );
  const requests = ttls(steps).map(({ step, ttl }, i) => {
    const tuple = i < translated ? `${client} > ${virtual}` : `${seenBy} > ${server}`;
    return lineOf(cluster, step, tuple, ttl, i === translated ? there : []);
  });
  const way = steps.toReversed().map(turned);
  const undone = way.length - translated;
  const replies = ttls(way).map(({ step, ttl }, i) => {
    const tuple = i < undone ? `${server} > ${seenBy}` : `${virtual} > ${client}`;
    return lineOf(cluster, step, tuple, ttl, i === undone ? back : []);
  });
  const [request, reply] = walk.legs;
  assert.deepEqual(request?.hops.map(seenLine), requests);
  assert.deepEqual(reply?.hops.map(seenLine), replies);
  const after = reply?.changesAfter.flatMap((change) =>
    'from' in change ? `${change.kind} ${change.from} ${change.to}` : [],
  );
  assert.deepEqual(after, expected.client === 'node' ? back : []);
  assert.deepEqual(request?.changesAfter, []);
  const times = walk.legs.flatMap((leg) => leg.hops.map((hop) => hop.atUs));
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
    'in the order of the clock',
  );
  assert.ok(times[0] === 0 && (times.at(-1) ?? 0) > 0);
}

/** The devices that the request passes, in order. */
function stepsOf(cluster: Nodes, network: Network, walk: Walk, { client, clientNode }: ExpectedWalk): Step[] {
  const { endpoint } = walk;
  const node = endpoint?.node ?? '';
  const step = (place: string, device: string, direction: 'in' | 'out'): Step => ({ place, device, direction });
  const first = {
    pod: () => [
      step(walk.client.name, 'eth0', 'out'),
      step(clientNode, podDevice(cluster, clientNode, walk.source), 'in'),
    ],
    node: () => [],
    // The bridge and its port to the node stand in the namespace that the client is in.
    external: () => [
      step('external', 'br0', 'out'),
      step('external', clientNode, 'out'),
      step(clientNode, 'eth0', 'in'),
    ],
  }[client]();
  const last = [
    step(node, podDevice(cluster, node, endpoint?.address ?? ''), 'out'),
    step(endpoint?.place?.name ?? '', 'eth0', 'in'),
  ];
  if (node === clientNode) return [...first, ...last];
  const wire = [
    step(clientNode, 'eth0', 'out'),
    // Between the nodes it passes the ports of that bridge.
    ...(client === 'external' ? [step('external', clientNode, 'in'), step('external', node, 'out')] : []),
    step(node, 'eth0', 'in'),
  ];
  if (network === 'native') return [...first, ...wire, ...last];
  const between = [
    step(clientNode, 'portico.vxlan', 'out'),
    ...wire.map((s): Step => ({ ...s, envelope: [clientNode, node] })),
    step(node, 'portico.vxlan', 'in'),
  ];
  return [...first, ...between, ...last];
}

const turned = (step: Step): Step => ({
  ...step,
  direction: step.direction === 'in' ? 'out' : 'in',
  ...(step.envelope === undefined ? {} : { envelope: [step.envelope[1], step.envelope[0]] }),
});

/** A packet starts with 64, and each node that it came into and leaves takes one. */
function ttls(steps: readonly Step[]): { step: Step; ttl: number }[] {
  let ttl = 64;
  return steps.map((step, i) => {
    const before = steps[i - 1];
    if (step.direction === 'out' && before?.direction === 'in' && before.place === step.place && isNode(step.place))
      ttl -= 1;
    return { step, ttl };
  });
}

const isNode = (place: string) => place !== 'external' && !place.includes('/');

function lineOf(cluster: Nodes, step: Step, tuple: string, ttl: number, changes: readonly string[]): string {
  const [from, to] = (step.envelope ?? []).map((node) => nodeAddress(cluster, node));
  const envelope = from === undefined ? '' : ` in ${from} > ${to}`;
  return `${step.place} ${step.device} ${step.direction} ${tuple} ttl ${ttl}${envelope}${changes.map((c) => ` ${c}`).join('')}`;
}

function seenLine({ place, device, direction, packet, envelope, changes }: Hop): string {
  const [from, to] = [
    joinHostPort(packet.source, packet.sourcePort),
    joinHostPort(packet.destination, packet.destinationPort),
  ];
  const tuple = `${from} > ${to}`;
  const outer = envelope === undefined ? '' : ` in ${envelope.source} > ${envelope.destination}`;
  const texts = changes.flatMap((change) => ('from' in change ? ` ${change.kind} ${change.from} ${change.to}` : []));
  return `${place.name} ${device} ${direction} ${tuple} ttl ${packet.ttl}${outer}${texts.join('')}`;
}

/** On its link to the other nodes. */
function nodeAddress(cluster: Nodes, node: string, v6 = false): string {
  const shown = cluster.inNode(node, 'ip', v6 ? '-6' : '-4', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'global');
  return /inet6? ([\w.:]+)/.exec(shown)?.[1] ?? '';
}

/** The node's address on the device that leads to the endpoint; the overlay's own one is that of its pod range. */
function masqueradeAddress(cluster: Nodes, network: Network, clientNode: string, { source, endpoint }: Walk): string {
  if (network === 'native' || clientNode === endpoint?.node) return nodeAddress(cluster, clientNode, isIpv6(source));
  const cidr = cluster.kubectl('get', 'node', clientNode, '-o', 'jsonpath={.spec.podCIDR}');
  return cidr.replace(/\/.*/, '');
}

function podDevice(cluster: Nodes, node: string, address: string): string {
  const v6 = isIpv6(address);
  const route = cluster.inNode(node, 'ip', v6 ? '-6' : '-4', 'route', 'show', `${address}/${v6 ? 128 : 32}`);
  return / dev (lxc\S+)/.exec(route)?.[1] ?? '';
}
