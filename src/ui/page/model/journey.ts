// The walk of a packet over the picture: for each hop the way that led to it. Pure.
import type { Change, Hop, Leg, Walk } from '../../contract.ts';
import { bottomMiddle, centre, leftMiddle } from './geometry.ts';
import type { Point } from './geometry.ts';
import type { NodeFrame, Picture } from './picture.ts';

export interface Step {
  readonly leg: Leg['name'];
  readonly hop: Hop;
  /** Index within the walk, from 0. */
  readonly index: number;
  /** From the hop before to this one; one point for the first. */
  readonly path: readonly Point[];
  /** Where the changes on the way happened. */
  readonly changedAt?: Point;
}

/** Hops of both legs, in order. */
export const hopsOf = (walk: Walk): { leg: Leg['name']; hop: Hop }[] =>
  walk.legs.flatMap((leg) => leg.hops.map((hop) => ({ leg: leg.name, hop })));

export function buildJourney(walk: Walk, picture: Picture): Step[] {
  const hops = hopsOf(walk);
  const frames = new Map(picture.nodes.map((frame) => [frame.node.key, frame]));
  const pods = new Map(picture.pods.map(({ pod, box }) => [pod.key, box]));
  const placeOf = (index: number): Point => {
    const { hop } = hops[index] ?? {};
    if (hop === undefined || hop.place.kind === 'external') return bottomMiddle(picture.outside);
    if (hop.place.kind === 'pod') {
      const box = pods.get(hop.place.name);
      return box === undefined ? bottomMiddle(picture.outside) : centre(box);
    }
    const frame = frames.get(hop.place.name);
    if (frame === undefined) return bottomMiddle(picture.outside);
    // A node's device whose other end is in a pod is drawn at that pod: the neighbour in the walk tells which.
    const other = hops[hop.direction === 'in' ? index - 1 : index + 1]?.hop;
    const box =
      other?.place.kind === 'pod' && other.place.name !== hop.place.name ? pods.get(other.place.name) : undefined;
    return box === undefined ? frame.uplink : leftMiddle(box);
  };
  return hops.map(({ leg, hop }, index): Step => {
    const to = placeOf(index);
    const before = hops[index - 1];
    if (before === undefined) return { leg, hop, index, path: [to] };
    const via = betweenHops(before.hop, hop, frames, picture);
    return {
      leg,
      hop,
      index,
      path: [placeOf(index - 1), ...via, to],
      ...(hop.changes.length > 0 && { changedAt: via[0] ?? to }),
    };
  });
}

/** Through the node's kernel, or along the underlay from one node to the other. */
function betweenHops(from: Hop, to: Hop, frames: ReadonlyMap<string, NodeFrame>, { underlay }: Picture): Point[] {
  if (from.place.name === to.place.name) {
    const frame = from.place.kind === 'node' ? frames.get(from.place.name) : undefined;
    return frame === undefined ? [] : [centre(frame.kernel)];
  }
  const ends = [from, to].map((hop) => (hop.place.kind === 'node' ? frames.get(hop.place.name)?.uplink.y : undefined));
  if (from.place.kind === 'pod' || to.place.kind === 'pod') return [];
  return ends.flatMap((y) => (y === undefined ? [] : [{ x: underlay.x, y }]));
}

const NAMES: Readonly<Record<Change['kind'], string>> = {
  dnat: 'DNAT',
  'un-dnat': 'un-DNAT',
  snat: 'SNAT',
  'un-snat': 'un-SNAT',
  encapsulated: 'VXLAN',
  decapsulated: 'VXLAN off',
};

/** @example changeText({ kind: 'dnat', from: '10.96.0.7:80', to: '10.244.1.1:80' }) */
export function changeText(change: Change): string {
  switch (change.kind) {
    case 'encapsulated':
      return `VXLAN on: ${change.envelope.source} → ${change.envelope.destination}, VNI ${change.envelope.vni}`;
    case 'decapsulated':
      return 'VXLAN off';
    default:
      return `${NAMES[change.kind]} ${change.from} → ${change.to}`;
  }
}

export const changeName = (change: Change): string => NAMES[change.kind];
