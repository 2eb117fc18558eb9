// Where everything stands: services first, the underlay between, nodes with their pods. dagre puts services beside the
// nodes that their endpoints are on; nodes keep their order, so that the picture does not jump. Pure.
import { Graph, layout } from '@dagrejs/dagre';

import type { NodeView, PodView, ServiceView, SliceView } from '../../contract.ts';
import type { Box, Point } from './geometry.ts';
import { placePods } from './node-box.ts';
import type { Density, GroupLabel, PlacedPod } from './node-box.ts';

export interface Shown {
  readonly nodes: readonly NodeView[];
  readonly pods: readonly PodView[];
  readonly services: readonly ServiceView[];
  readonly slices: readonly SliceView[];
}

export interface NodeFrame {
  readonly node: NodeView;
  readonly box: Box;
  readonly kernel: Box;
  /** Where the node's own interface meets the underlay. */
  readonly uplink: Point;
  readonly labels: readonly GroupLabel[];
  readonly podCount: number;
}

export interface ServiceMark {
  readonly service: ServiceView;
  readonly box: Box;
  readonly ready: number;
  readonly total: number;
}

export type EdgeState = 'ready' | 'leaving' | 'unready';

export interface Edge {
  readonly service: string;
  readonly pod: string;
  readonly state: EdgeState;
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Services above the nodes instead of beside them. */
  readonly narrow: boolean;
  readonly nodes: readonly NodeFrame[];
  readonly pods: readonly PlacedPod[];
  readonly services: readonly ServiceMark[];
  readonly edges: readonly Edge[];
  /** The line that joins the nodes, from top to bottom. */
  readonly underlay: { readonly x: number; readonly top: number; readonly bottom: number };
  /** Whoever is outside the cluster. */
  readonly outside: Box;
  /** Pods that no node was chosen for yet. */
  readonly waiting: readonly PodView[];
}

const NARROW = 640;
const MARGIN = 14;
const SERVICE = { width: 196, height: 58, gap: 12 };
const BUS = 26;
const NODE_GAP = 18;
/** Frames grow into the room there is, within reason. */
const NODE_HEIGHT = { least: 104, most: 190 };
const OUTSIDE = { width: 84, height: 28 };
const DOTS_ABOVE = 48;

export const chooseDensity = (wish: Density | 'auto', pods: number): Density =>
  wish !== 'auto' ? wish : pods > DOTS_ABOVE ? 'dots' : 'cards';

/** `height` is what is there to fill; the picture may need more. */
export function layoutPicture(shown: Shown, size: { width: number; height: number }, density: Density): Picture {
  const { width } = size;
  const narrow = width < NARROW;
  const edges = edgesOf(shown);
  const gap = narrow ? 0 : Math.min(120, Math.max(64, width * 0.1));
  const left = narrow ? MARGIN + BUS - 8 : MARGIN + SERVICE.width + gap + BUS;
  const nodeWidth = width - left - MARGIN;
  const share = (size.height - MARGIN * 2 - OUTSIDE.height - 10) / Math.max(1, shown.nodes.length) - NODE_GAP;
  const leastHeight = Math.min(NODE_HEIGHT.most, Math.max(NODE_HEIGHT.least, share));
  const byNode = Map.groupBy(shown.pods, (pod) => pod.node);
  const insides = new Map(
    shown.nodes.map((node) => [node.key, placePods(byNode.get(node.key) ?? [], nodeWidth, density, leastHeight)]),
  );
  const sizes = new Map([...insides].map(([key, inside]) => [key, inside.height]));
  const order = orderServices(shown, edges, sizes);
  const top = MARGIN + OUTSIDE.height + 10;
  const nodesHeight = [...sizes.values()].reduce((sum, height) => sum + height + NODE_GAP, -NODE_GAP);
  const services = narrow ? serviceGrid(order, width) : serviceColumn(order, top, Math.max(0, nodesHeight));
  const servicesBottom = Math.max(0, ...services.map(({ box }) => box.y + box.height));
  const outsideTop = narrow ? servicesBottom + 16 : MARGIN;
  const nodes: NodeFrame[] = [];
  const pods: PlacedPod[] = [];
  let y = narrow ? outsideTop + OUTSIDE.height + 10 : top;
  for (const node of shown.nodes) {
    const inside = insides.get(node.key);
    if (inside === undefined) continue;
    const moved = (box: Box): Box => ({ ...box, x: box.x + left, y: box.y + y });
    nodes.push({
      node,
      box: { x: left, y, width: nodeWidth, height: inside.height },
      kernel: moved(inside.kernel),
      uplink: { x: left, y: moved(inside.kernel).y + inside.kernel.height / 2 },
      labels: inside.labels.map((label) => ({ ...label, x: label.x + left, y: label.y + y })),
      podCount: inside.pods.length,
    });
    const top = y;
    for (const { pod, box, wire } of inside.pods) {
      pods.push({ pod, box: moved(box), wire: wire.map((p) => ({ x: p.x + left, y: p.y + top })) });
    }
    y += inside.height + NODE_GAP;
  }
  const counts = endpointCounts(shown.slices);
  const x = left - BUS + 6;
  return {
    width,
    height: Math.max(y - NODE_GAP, servicesBottom) + MARGIN,
    narrow,
    nodes,
    pods,
    services: services.map(({ service, box }) => ({
      service,
      box,
      ready: counts.get(service.key)?.ready ?? 0,
      total: counts.get(service.key)?.total ?? 0,
    })),
    edges,
    underlay: { x, top: outsideTop + OUTSIDE.height / 2, bottom: nodes.at(-1)?.uplink.y ?? outsideTop },
    outside: { x: narrow ? x - 6 : x - OUTSIDE.width / 2, y: outsideTop, ...OUTSIDE },
    waiting: shown.pods.filter((pod) => !insides.has(pod.node)),
  };
}

function edgesOf(shown: Shown): Edge[] {
  const services = new Set(shown.services.map((service) => service.key));
  const pods = new Set(shown.pods.map((pod) => pod.key));
  const edges = new Map<string, Edge>();
  for (const slice of shown.slices) {
    if (!services.has(slice.service)) continue;
    for (const { pod, ready, serving } of slice.endpoints) {
      if (pod === undefined || !pods.has(pod)) continue;
      const state = ready ? 'ready' : serving ? 'leaving' : 'unready';
      edges.set(`${slice.service} ${pod}`, { service: slice.service, pod, state });
    }
  }
  return [...edges.values()];
}

/** One line of a Service to a node instead of one to each of its pods there. */
export function leadEdges(edges: readonly Edge[], pods: readonly PlacedPod[]): Edge[] {
  const place = new Map(pods.map(({ pod, box }) => [pod.key, { node: pod.node, y: box.y, x: box.x }]));
  const leads = new Map<string, { edge: Edge; y: number; x: number }>();
  for (const edge of edges) {
    const at = place.get(edge.pod);
    if (at === undefined) continue;
    const key = `${edge.service} ${at.node}`;
    const lead = leads.get(key);
    if (lead === undefined || at.y < lead.y || (at.y === lead.y && at.x < lead.x)) leads.set(key, { edge, ...at });
  }
  return [...leads.values()].map(({ edge }) => edge);
}

function endpointCounts(slices: readonly SliceView[]): Map<string, { ready: number; total: number }> {
  const states = new Map<string, Map<string, boolean>>();
  for (const slice of slices) {
    const of = states.get(slice.service) ?? new Map<string, boolean>();
    states.set(slice.service, of);
    // A pod of two families is one endpoint.
    for (const e of slice.endpoints) of.set(e.pod ?? e.address, e.ready);
  }
  return new Map(
    [...states].map(([key, of]) => [key, { ready: [...of.values()].filter(Boolean).length, total: of.size }]),
  );
}

/** Services in the order in which their lines to the nodes cross least. */
function orderServices(shown: Shown, edges: readonly Edge[], heights: ReadonlyMap<string, number>): ServiceView[] {
  const graph = new Graph().setGraph({ rankdir: 'LR', nodesep: SERVICE.gap, ranksep: 80 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const service of shown.services) {
    graph.setNode(`service ${service.key}`, { width: SERVICE.width, height: SERVICE.height });
  }
  for (const node of shown.nodes)
    graph.setNode(`node ${node.key}`, { width: 300, height: heights.get(node.key) ?? 100 });
  const nodeOf = new Map(shown.pods.map((pod) => [pod.key, pod.node]));
  for (const { service, pod } of edges) {
    const node = nodeOf.get(pod) ?? '';
    if (!heights.has(node)) continue;
    const weight = Number(graph.edge(`service ${service}`, `node ${node}`)?.weight ?? 0) + 1;
    graph.setEdge(`service ${service}`, `node ${node}`, { weight });
  }
  const names = shown.nodes.map((node) => `node ${node.key}`);
  layout(graph, { constraints: names.slice(1).map((right, i) => ({ left: names[i] ?? '', right })) });
  const at = (service: ServiceView) => {
    const key = `service ${service.key}`;
    // Services that lead nowhere stand below the others.
    return (graph.outEdges(key)?.length ?? 0) === 0 ? Number.MAX_VALUE : (graph.node(key).y ?? 0);
  };
  return shown.services.toSorted((a, b) => at(a) - at(b));
}

interface PlacedService {
  readonly service: ServiceView;
  readonly box: Box;
}

function serviceColumn(services: readonly ServiceView[], top: number, height: number): PlacedService[] {
  const needed = services.length * (SERVICE.height + SERVICE.gap) - SERVICE.gap;
  const spread = services.length > 1 ? Math.max(0, Math.min(40, (height - needed) / (services.length - 1))) : 0;
  return services.map((service, i) => ({
    service,
    box: {
      x: MARGIN,
      y: top + i * (SERVICE.height + SERVICE.gap + spread),
      width: SERVICE.width,
      height: SERVICE.height,
    },
  }));
}

function serviceGrid(services: readonly ServiceView[], width: number): PlacedService[] {
  const columns = 2;
  const cell = (width - 2 * MARGIN - SERVICE.gap) / columns;
  return services.map((service, i) => ({
    service,
    box: {
      x: MARGIN + (i % columns) * (cell + SERVICE.gap),
      y: MARGIN + Math.floor(i / columns) * (SERVICE.height + SERVICE.gap),
      width: cell,
      height: SERVICE.height,
    },
  }));
}
