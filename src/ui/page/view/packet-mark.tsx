// The packet on its way, the trail behind it, and what a node's kernel did to it.
import { useEffect, useRef } from 'preact/hooks';

import { alongPath, pathThrough } from '../model/geometry.ts';
import type { Point } from '../model/geometry.ts';
import { changeName, changeText } from '../model/journey.ts';
import { journey, playing, position, reached, rows } from '../state/trace.ts';
import { picture, STACKED } from '../state/view.ts';

/** The way so far, request and reply apart. */
export function TrailMark() {
  const steps = journey.value;
  if (steps.length === 0) return null;
  return (
    <g class="trail" aria-hidden="true">
      {steps.map((step, i) =>
        i <= reached.value && step.path.length > 1 ? (
          <path
            key={i}
            class={`${step.leg}${i === reached.value ? ' now' : ''}`}
            d={pathThrough(aside(step.path, step.leg))}
          />
        ) : null,
      )}
    </g>
  );
}

/** Request and reply go the same way: each keeps to its own side of it. */
const aside = (path: readonly Point[], leg: string): Point[] => {
  const by = leg === 'request' ? -2.5 : 2.5;
  return path.map((p) => ({ x: p.x + by, y: p.y + by }));
};

const LABEL = { width: 176, height: 36, character: 6.7 };

/** What a kernel did, where it did it. */
function Badge({ at, text }: { at: Point; text: string }) {
  const width = text.length * 6.3 + 18;
  return (
    <g class="change" style={{ transform: `translate(${at.x}px, ${at.y}px)` }}>
      <rect x={-width / 2} y={-13} width={width} height={26} rx={13} />
      <text text-anchor="middle" y={4}>
        {text}
      </text>
    </g>
  );
}

export function PacketMark() {
  const mark = useRef<SVGGElement>(null);
  const hop = reached.value;
  useEffect(() => {
    // A picture higher than the window follows the packet.
    if (playing.peek() && matchMedia(STACKED).matches) {
      mark.current?.scrollIntoView({ block: 'center', behavior: 'smooth' });
    }
  }, [hop]);
  const steps = journey.value;
  const at = position.value;
  const from = Math.min(Math.floor(at + 1e-6), steps.length - 1);
  const part = at - from;
  const moving = part > 1e-6 ? steps[from + 1] : undefined;
  const step = moving ?? steps[from];
  if (step === undefined) return null;
  const spot = alongPath(aside(step.path, step.leg), moving === undefined ? 1 : part);
  // The addresses change where the kernel changes them, about half-way.
  const shown = rows.value[moving === undefined ? from : part < 0.5 ? from : from + 1];
  const changes = moving === undefined || part >= 0.4 ? step.hop.changes : [];
  // IPv6 needs more room.
  const characters = Math.max(shown?.source.length ?? 0, (shown?.destination.length ?? 0) + 2);
  const width = Math.max(LABEL.width, characters * LABEL.character + 18);
  const x = Math.max(6, Math.min(spot.x - width / 2, picture.value.width - width - 6));
  const badge = changes.length > 0 ? step.changedAt : undefined;
  const covers =
    badge !== undefined &&
    Math.abs(badge.x - (x + width / 2)) < width / 2 + 42 &&
    spot.y > badge.y - 22 &&
    spot.y - badge.y < 80;
  const below = spot.y < LABEL.height + 26 || covers;
  const y = below ? spot.y + 14 : spot.y - LABEL.height - 14;
  return (
    <g ref={mark} class={`packet ${step.leg}`} aria-hidden="true" data-hop={step.index}>
      {badge !== undefined && <Badge at={badge} text={changes.map(changeName).join(' ')} />}
      <circle class="halo" cx={spot.x} cy={spot.y} r={11} />
      <circle class="core" cx={spot.x} cy={spot.y} r={5.5} />
      {shown !== undefined && (
        <g
          class={`label${shown.changes.length > 0 ? ' changed' : ''}`}
          style={{ transform: `translate(${x}px, ${y}px)` }}
        >
          <rect width={width} height={LABEL.height} rx={6} />
          <text x={9} y={15}>
            {shown.source}
          </text>
          <text x={9} y={29}>
            → {shown.destination}
          </text>
        </g>
      )}
      {changes.length > 0 && <desc>{changes.map(changeText).join(', ')}</desc>}
    </g>
  );
}
