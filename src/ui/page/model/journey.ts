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
  const pods = new Map(picture.pods.map((placed) => [placed.pod.key, placed]));
  const placeOf = (index: number): Point => {
    const { hop } = hops[index] ?? {};
    if (hop === undefined || hop.place.kind === 'external') return bottomMiddle(picture.outside);
    if (hop.place.kind === 'pod') {
      const placed = pods.get(hop.place.name);
      return placed === undefined ? bottomMiddle(picture.outside) : centre(placed.box);
    }
    const frame = frames.get(hop.place.name);
    if (frame === undefined) return bottomMiddle(picture.outside);
    return wireOf(index)?.at(-1) ?? (isTunnel(index) ? leftMiddle(frame.kernel) : frame.uplink);
  };
  /** The device of the overlay: bare packets beside those in an envelope. It is drawn where the node's kernel ends. */
  const isTunnel = (index: number): boolean => {
    const hop = hops[index]?.hop;
    return (
      hop?.envelope === undefined &&
      [hops[index - 1]?.hop, hops[index + 1]?.hop].some(
        (other) => other?.envelope !== undefined && other.place.name === hop?.place.name,
      )
    );
  };
  /** A node's device whose other end is in a pod is drawn at that pod: the neighbour in the walk tells which. */
  const wireOf = (index: number): readonly Point[] | undefined => {
    const hop = hops[index]?.hop;
    const other = hops[hop?.direction === 'in' ? index - 1 : index + 1]?.hop;
    if (hop?.place.kind !== 'node' || other?.place.kind !== 'pod') return undefined;
    return pods.get(other.place.name)?.wire;
  };
  return hops.map(({ leg, hop }, index): Step => {
    const to = placeOf(index);
    const before = hops[index - 1];
    if (before === undefined) return { leg, hop, index, path: [to] };
    const frame = before.hop.place.name === hop.place.name ? frames.get(hop.place.name) : undefined;
    const wrapped = (before.hop.envelope === undefined) !== (hop.envelope === undefined);
    const via =
      frame === undefined
        ? betweenNodes(before.hop, hop, frames, picture)
        : wrapped
          ? []
          : [...(wireOf(index - 1)?.toReversed() ?? []), centre(frame.kernel), ...(wireOf(index) ?? [])];
    const changedAt = frame === undefined ? to : wrapped ? leftMiddle(frame.kernel) : centre(frame.kernel);
    return {
      leg,
      hop,
      index,
      path: [placeOf(index - 1), ...via, to],
      ...(hop.changes.length > 0 && { changedAt }),
    };
  });
}

/** Along the underlay, from one node to another or to whoever is outside. */
function betweenNodes(from: Hop, to: Hop, frames: ReadonlyMap<string, NodeFrame>, { underlay }: Picture): Point[] {
  if (from.place.kind === 'pod' || to.place.kind === 'pod') return [];
  return [from, to].flatMap((hop) => {
    const y = hop.place.kind === 'node' ? frames.get(hop.place.name)?.uplink.y : undefined;
    return y === undefined ? [] : [{ x: underlay.x, y }];
  });
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
