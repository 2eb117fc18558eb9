// The inside of one node's frame: its kernel on the left, its pods beside it as cards or, when there are many, as dots
// under the name of their workload. Pure: sizes and places relative to the frame.
import type { PodView } from '../../contract.ts';
import { bottomMiddle, rightMiddle } from './geometry.ts';
import type { Box, Point } from './geometry.ts';

export type Density = 'cards' | 'dots';

export interface PlacedPod {
  readonly pod: PodView;
  readonly box: Box;
  /** From the kernel to the pod's interface, below its row so that it crosses no other pod. */
  readonly wire: readonly Point[];
}

export interface GroupLabel {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

export interface NodeInside {
  readonly height: number;
  readonly kernel: Box;
  readonly pods: readonly PlacedPod[];
  readonly labels: readonly GroupLabel[];
}

const HEADER = 34;
const PAD = 12;
const CARD = { width: 142, height: 40, gap: 10, rowGap: 20 };
const DOT = { size: 16, gap: 5, label: 18, group: 8 };

export function placePods(pods: readonly PodView[], width: number, density: Density, leastHeight: number): NodeInside {
  const kernelWidth = width < 420 ? 58 : 76;
  const left = PAD + kernelWidth + (width < 420 ? 22 : 34);
  const room = width - left - PAD;
  const inside = density === 'cards' ? placeCards(pods, left, room) : placeDots(pods, left, room);
  const height = Math.max(leastHeight, inside.bottom + PAD);
  const kernel = { x: PAD, y: HEADER + 4, width: kernelWidth, height: height - HEADER - 4 - PAD };
  const spare = density === 'cards' ? (height - PAD - inside.bottom) / 2 : 0;
  const out = rightMiddle(kernel);
  const riser = (out.x + left) / 2;
  return {
    height,
    kernel,
    pods: inside.pods.map(({ pod, box: placed, below }) => {
      const box = { ...placed, y: placed.y + spare };
      const port = bottomMiddle(box);
      const level = port.y + below;
      return { pod, box, wire: [out, { x: riser, y: out.y }, { x: riser, y: level }, { x: port.x, y: level }, port] };
    }),
    labels: inside.labels,
  };
}

interface Inside {
  /** `below`: how far under the box its row's wire runs. */
  pods: { pod: PodView; box: Box; below: number }[];
  labels: GroupLabel[];
  bottom: number;
}

function placeCards(pods: readonly PodView[], left: number, room: number): Inside {
  const columns = Math.max(1, Math.floor((room + CARD.gap) / (CARD.width + CARD.gap)));
  const width = Math.min(210, (room - (columns - 1) * CARD.gap) / columns);
  const placed = pods.map((pod, i) => ({
    pod,
    box: {
      x: left + (i % columns) * (width + CARD.gap),
      y: HEADER + 4 + Math.floor(i / columns) * (CARD.height + CARD.rowGap),
      width,
      height: CARD.height,
    },
    below: CARD.rowGap / 2,
  }));
  const rows = Math.ceil(pods.length / columns);
  return { pods: placed, labels: [], bottom: HEADER + 4 + rows * (CARD.height + CARD.rowGap) - CARD.rowGap / 2 };
}

function placeDots(pods: readonly PodView[], left: number, room: number): Inside {
  const columns = Math.max(1, Math.floor((room + DOT.gap) / (DOT.size + DOT.gap)));
  const placed: Inside['pods'] = [];
  const labels: GroupLabel[] = [];
  let top = HEADER + 2;
  for (const [workload, members] of Map.groupBy(pods, (pod) => `${pod.namespace}/${pod.workload}`)) {
    const ready = members.filter((pod) => pod.ready).length;
    labels.push({
      text: `${workload.slice(workload.indexOf('/') + 1)} · ${ready}/${members.length}`,
      x: left,
      y: top + 11,
    });
    top += DOT.label;
    for (const [i, pod] of members.entries()) {
      const x = left + (i % columns) * (DOT.size + DOT.gap);
      const y = top + Math.floor(i / columns) * (DOT.size + DOT.gap);
      placed.push({ pod, box: { x, y, width: DOT.size, height: DOT.size }, below: DOT.gap / 2 });
    }
    top += Math.ceil(members.length / columns) * (DOT.size + DOT.gap) - DOT.gap + DOT.group;
  }
  return { pods: placed, labels, bottom: top - DOT.group };
}
