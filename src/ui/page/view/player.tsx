import type { HopRow } from '../model/hop-rows.ts';
import {
  chooseWalk,
  chosenWalk,
  goTo,
  playing,
  playOrPause,
  position,
  reached,
  replay,
  rows,
  speed,
  walks,
} from '../state/trace.ts';

const SPEEDS = [0.5, 1, 2, 4];

const Icon = ({ path }: { path: string }) => (
  <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
    <path d={path} />
  </svg>
);

const hopText = (row: HopRow, hops: number): string =>
  [
    `hop ${row.index + 1} of ${hops}, ${row.leg}`,
    `${row.place} ${row.direction} ${row.device}`,
    `${row.source} to ${row.destination}`,
    ...row.changes,
  ].join(', ');

/** Which walk, and where in it. */
export function Player() {
  const last = Math.max(0, rows.value.length - 1);
  const row = rows.value[reached.value];
  return (
    <div class="player" role="group" aria-label="Player">
      {/* Who steps by key hears where the packet is; a walk that plays would only chatter. */}
      <p class="unseen" role="status">
        {playing.value || row === undefined ? '' : hopText(row, last + 1)}
      </p>
      {walks.value.length > 1 && (
        <div class="walks" role="group" aria-label="Walk">
          {walks.value.map(({ name }, i) => (
            <button key={name} type="button" aria-pressed={chosenWalk.value === i} onClick={() => chooseWalk(i)}>
              {name}
            </button>
          ))}
        </div>
      )}
      <div class="controls">
        <button type="button" aria-label="Replay from the start" title="Replay" onClick={replay}>
          <Icon path="M3 2h2v5l8-5v12L5 9v5H3z" />
        </button>
        <button
          type="button"
          aria-label="One hop back"
          title="Back  ( , )"
          onClick={() => goTo(reached.value - (position.value > reached.value ? 0 : 1))}
        >
          <Icon path="M2 2h2v12H2zM14 2v12L5 8z" />
        </button>
        <button
          type="button"
          class="play"
          aria-label={playing.value ? 'Pause' : 'Play'}
          title="Play or pause  ( p )"
          onClick={playOrPause}
        >
          <Icon path={playing.value ? 'M3 2h4v12H3zM9 2h4v12H9z' : 'M3 2v12l11-6z'} />
        </button>
        <button type="button" aria-label="One hop on" title="On  ( . )" onClick={() => goTo(reached.value + 1)}>
          <Icon path="M2 2v12l9-6zM12 2h2v12h-2z" />
        </button>
        <input
          type="range"
          aria-label="Hop"
          aria-valuetext={
            row === undefined ? '' : `hop ${reached.value + 1} of ${last + 1}, ${row.place} ${row.device}`
          }
          min={0}
          max={last}
          step={1}
          value={reached.value}
          onInput={(event) => goTo(Number(event.currentTarget.value))}
        />
        <select
          aria-label="Speed"
          value={String(speed.value)}
          onChange={(event) => (speed.value = Number(event.currentTarget.value))}
        >
          {SPEEDS.map((s) => (
            <option key={s} value={String(s)}>
              {s}×
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}
