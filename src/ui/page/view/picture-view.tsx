// The picture: frames, marks and lines in their order, and the packet above them all.
import { useEffect, useRef } from 'preact/hooks';

import { pathThrough, curve, leftMiddle, rightMiddle, bottomMiddle, topMiddle } from '../model/geometry.ts';
import { leadEdges } from '../model/picture.ts';
import type { Edge, Picture } from '../model/picture.ts';
import { connection } from '../state/live.ts';
import { answer, journey } from '../state/trace.ts';
import { picture, pictureSize, related, selected, shownDensity, STACKED } from '../state/view.ts';
import { NodeMark, NodeTexts } from './node-mark.tsx';
import { PacketMark, TrailMark } from './packet-mark.tsx';
import { moveFocus } from './picture-keys.ts';
import { PodMark } from './pod-mark.tsx';
import { ServiceBoxMark } from './service-mark.tsx';

const LEGEND_HEIGHT = 40;

export function PictureView() {
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    const box = frame.current;
    if (box === null) return undefined;
    const observer = new ResizeObserver(() => {
      const height = document.documentElement.clientHeight - box.offsetTop - LEGEND_HEIGHT;
      pictureSize.value = { width: Math.max(320, box.clientWidth), height };
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  const drawn = picture.value;
  const traced = answer.value;
  useEffect(() => {
    // Where the panel stands below, the walk would play out of sight.
    if (traced !== undefined && matchMedia(STACKED).matches) frame.current?.scrollIntoView();
  }, [traced]);
  return (
    <section class="picture" ref={frame} aria-label="Topology">
      {connection.value === 'opening' && <p class="hint">Reading the cluster…</p>}
      <svg
        width={drawn.width}
        height={drawn.height}
        role="group"
        class={journey.value.length > 0 ? 'walking' : ''}
        aria-label={`${drawn.nodes.length} nodes, ${drawn.pods.length} pods, ${drawn.services.length} services; arrow keys move between them`}
        onKeyDown={moveFocus}
      >
        <Underlay drawn={drawn} />
        {drawn.services.map((mark) => (
          <ServiceBoxMark key={mark.service.key} mark={mark} />
        ))}
        {drawn.nodes.map((node) => (
          <NodeMark key={node.node.key} frame={node} />
        ))}
        <Wires drawn={drawn} />
        <Edges drawn={drawn} />
        {drawn.nodes.map((node) => (
          <NodeTexts key={node.node.key} frame={node} />
        ))}
        <TrailMark />
        {drawn.pods.map((placed) => (
          <PodMark key={placed.pod.uid} placed={placed} dots={shownDensity.value === 'dots'} />
        ))}
        <PacketMark />
      </svg>
      {drawn.waiting.length > 0 && (
        <p class="hint">Waiting for a node: {drawn.waiting.map((pod) => `${pod.key} (${pod.status})`).join(', ')}</p>
      )}
      <p class="legend" aria-hidden="true">
        <span class="key ready" /> ready <span class="key leaving" /> going, still serving <span class="key unready" />{' '}
        not ready
      </p>
    </section>
  );
}

function Underlay({ drawn }: { drawn: Picture }) {
  const { x, top, bottom } = drawn.underlay;
  const { outside } = drawn;
  return (
    <g class="underlay" aria-hidden="true">
      <path d={`M${x} ${top} V${bottom}`} />
      {drawn.nodes.map(({ node, uplink }) => (
        <path key={node.key} d={`M${x} ${uplink.y} H${uplink.x}`} />
      ))}
      <rect x={outside.x} y={outside.y} width={outside.width} height={outside.height} rx={6} />
      <text x={outside.x + outside.width / 2} y={outside.y + 18} text-anchor="middle">
        outside
      </text>
    </g>
  );
}

/** Each pod's link to its node. */
function Wires({ drawn }: { drawn: Picture }) {
  if (shownDensity.value === 'dots') return null;
  return (
    <g class="wires" aria-hidden="true">
      {drawn.pods.map(({ pod, wire }) => (
        <path key={pod.uid} d={pathThrough(wire)} />
      ))}
    </g>
  );
}

function Edges({ drawn }: { drawn: Picture }) {
  const chosen = selected.value;
  const touches = (edge: Edge) =>
    (chosen?.kind === 'service' && edge.service === chosen.key) || (chosen?.kind === 'pod' && edge.pod === chosen.key);
  // Among dots one line leads to each group; that the others fade shows which belong.
  const drawnEdges = shownDensity.value === 'dots' ? leadEdges(drawn.edges, drawn.pods) : drawn.edges;
  const quiet = drawn.narrow ? drawnEdges.filter(touches) : drawnEdges;
  const edges = chosen?.kind === 'pod' ? [...new Set([...quiet, ...drawn.edges.filter(touches)])] : quiet;
  const services = new Map(drawn.services.map((mark) => [mark.service.key, mark.box]));
  const pods = new Map(drawn.pods.map(({ pod, box }) => [pod.key, box]));
  return (
    <g class="edges" aria-hidden="true">
      {edges.map((edge) => {
        const from = services.get(edge.service);
        const to = pods.get(edge.pod);
        const lit = touches(edge);
        if (from === undefined || to === undefined) return null;
        const line = drawn.narrow
          ? curve(bottomMiddle(from), topMiddle(to), 'down')
          : curve(rightMiddle(from), leftMiddle(to), 'across');
        const dim = related.value.size > 0 && !lit;
        return (
          <path
            key={`${edge.service} ${edge.pod}`}
            class={`edge ${edge.state}${lit ? ' lit' : ''}${dim ? ' dim' : ''}`}
            d={line}
          />
        );
      })}
    </g>
  );
}
