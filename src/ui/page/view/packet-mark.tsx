// The packet on its way, the trail behind it, and what a node's kernel did to it.
import { alongPath, pathThrough } from '../model/geometry.ts';
import type { Point } from '../model/geometry.ts';
import { changeName, changeText } from '../model/journey.ts';
import { journey, position, reached, rows } from '../state/trace.ts';
import { picture } from '../state/view.ts';

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

const LABEL = { width: 176, height: 36 };

export function PacketMark() {
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
  const { width } = picture.value;
  const x = Math.min(Math.max(6, spot.x - LABEL.width / 2), width - LABEL.width - 6);
  const below = spot.y < LABEL.height + 26;
  const y = below ? spot.y + 14 : spot.y - LABEL.height - 14;
  return (
    <g class={`packet ${step.leg}`} aria-hidden="true" data-hop={step.index}>
      {step.changedAt !== undefined && changes.length > 0 && (
        <g class="change" style={{ transform: `translate(${step.changedAt.x}px, ${step.changedAt.y}px)` }}>
          <circle r={20} />
          <text text-anchor="middle" y={4}>
            {changes.map(changeName).join(' ')}
          </text>
        </g>
      )}
      <circle class="halo" cx={spot.x} cy={spot.y} r={11} />
      <circle class="core" cx={spot.x} cy={spot.y} r={5.5} />
      {shown !== undefined && (
        <g
          class={`label${shown.changes.length > 0 ? ' changed' : ''}`}
          style={{ transform: `translate(${x}px, ${y}px)` }}
        >
          <rect width={LABEL.width} height={LABEL.height} rx={6} />
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
