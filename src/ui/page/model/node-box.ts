// The inside of one node's frame: its kernel on the left, its pods beside it as cards or, when there are many, as dots
// under the name of their workload. Pure: sizes and places relative to the frame.
import type { PodView } from '../../contract.ts';
import { fitText } from './fit-text.ts';
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
const DOT = { size: 16, gap: 5, label: 18, group: 8, labelSize: 11 };
/** Groups of dots stand in columns of at least this width. */
const GROUP = { least: 160, gap: 18 };

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

/** Each group goes where there is most room left, so that a node with many workloads does not grow long. */
function placeDots(pods: readonly PodView[], left: number, room: number): Inside {
  const groups = [...Map.groupBy(pods, (pod) => `${pod.namespace}/${pod.workload}`)];
  const most = Math.max(1, Math.floor((room + GROUP.gap) / (GROUP.least + GROUP.gap)));
  const columns = Math.max(1, Math.min(most, groups.length));
  const width = (room - (columns - 1) * GROUP.gap) / columns;
  const perRow = Math.max(1, Math.floor((width + DOT.gap) / (DOT.size + DOT.gap)));
  const tops = Array.from({ length: columns }, () => HEADER + 2);
  const placed: Inside['pods'] = [];
  const labels: GroupLabel[] = [];
  for (const [workload, members] of groups) {
    const top = Math.min(...tops);
    const column = tops.indexOf(top);
    const x = left + column * (width + GROUP.gap);
    const ready = members.filter((pod) => pod.ready).length;
    const count = ` · ${ready}/${members.length}`;
    const name = fitText(workload.slice(workload.indexOf('/') + 1), width - count.length * 7, DOT.labelSize);
    labels.push({ text: `${name}${count}`, x, y: top + 11 });
    for (const [i, pod] of members.entries()) {
      const box = {
        x: x + (i % perRow) * (DOT.size + DOT.gap),
        y: top + DOT.label + Math.floor(i / perRow) * (DOT.size + DOT.gap),
        width: DOT.size,
        height: DOT.size,
      };
      placed.push({ pod, box, below: DOT.gap / 2 });
    }
    const rows = Math.ceil(members.length / perRow);
    tops[column] = top + DOT.label + rows * (DOT.size + DOT.gap) - DOT.gap + DOT.group;
  }
  return { pods: placed, labels, bottom: Math.max(...tops) - DOT.group };
}
