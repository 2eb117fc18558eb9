// The trace that the reader asked for, and the play of its walk.
import { computed, effect, signal } from '@preact/signals';

import type { TraceAnswer, Walk } from '../../contract.ts';
import { hopRows } from '../model/hop-rows.ts';
import { buildJourney, hopsOf } from '../model/journey.ts';
import { traceOrder } from '../model/trace-names.ts';
import { askServer } from './live.ts';
import { alwaysShown, picture } from './view.ts';

export const client = signal('');
export const target = signal('');
/** Connections to make, and how long to wait for each. */
export const count = signal(1);
export const timeoutSeconds = signal(3);
export const running = signal(false);
export const failure = signal('');
export const answer = signal<TraceAnswer | undefined>(undefined);

export interface NamedWalk {
  readonly name: string;
  readonly walk: Walk;
}

/** What a client did, in order: the question to DNS, then the connection. */
export const walks = computed((): readonly NamedWalk[] => {
  const report = answer.value?.report;
  if (report === undefined) return [];
  return [
    ...(report.dns === undefined ? [] : [{ name: 'Name (DNS)', walk: report.dns.walk }]),
    ...report.walks.map((walk, i) => ({ name: i === 0 ? 'Connection' : `Connection ${i + 1}`, walk })),
  ];
});
export const chosenWalk = signal(0);
export const walk = computed(() => walks.value[chosenWalk.value]?.walk);
export const rows = computed(() => (walk.value === undefined ? [] : hopRows(walk.value)));
export const journey = computed(() => (walk.value === undefined ? [] : buildJourney(walk.value, picture.value)));

/** Place in the walk: 3 is at the fourth hop, 3.5 half-way to the fifth. */
export const position = signal(0);
export const playing = signal(false);
export const speed = signal(1);
/** The hop whose row is marked: the last one reached. */
export const reached = computed(() => Math.floor(position.value + 1e-6));

export async function runTrace(): Promise<void> {
  if (running.value || client.value === '' || target.value === '') return;
  running.value = true;
  failure.value = '';
  playing.value = false;
  answer.value = undefined;
  try {
    const got = await askServer<TraceAnswer>('api/trace', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...traceOrder(client.value, target.value),
        count: count.value,
        timeoutSeconds: timeoutSeconds.value,
      }),
    });
    answer.value = got;
    chosenWalk.value = got.report.dns !== undefined && got.report.walks.length > 0 ? 1 : 0;
    replay();
  } catch (e) {
    failure.value = e instanceof Error ? e.message : String(e);
  } finally {
    running.value = false;
  }
}

export function chooseWalk(index: number): void {
  chosenWalk.value = index;
  replay();
}

export function replay(): void {
  position.value = 0;
  playing.value = rows.value.length > 0;
}

export function goTo(index: number): void {
  playing.value = false;
  position.value = Math.min(Math.max(0, index), Math.max(0, rows.value.length - 1));
}

export function playOrPause(): void {
  if (!playing.value && position.value >= rows.value.length - 1) replay();
  else playing.value = !playing.value && rows.value.length > 0;
}

export function clearTrace(): void {
  answer.value = undefined;
  failure.value = '';
  playing.value = false;
}

/** Time of one hop at normal speed. */
const HOP_MS = 900;

export function startPlayer(): void {
  effect(() => {
    const names = walk.value === undefined ? [] : hopsOf(walk.value).map(({ hop }) => hop.place);
    alwaysShown.value = new Set(names.flatMap((place) => (place.kind === 'pod' ? place.name : [])));
  });
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  effect(() => {
    if (!playing.value) return undefined;
    let last = performance.now();
    let frame = 0;
    let waited = 0;
    const move = (now: number) => {
      const part = ((now - last) / HOP_MS) * speed.peek();
      last = now;
      const end = rows.peek().length - 1;
      if (still.matches) {
        // No movement: the packet stands at each hop for its time.
        waited += part;
        if (waited >= 1) {
          waited = 0;
          position.value = Math.min(end, Math.floor(position.peek()) + 1);
        }
      } else position.value = Math.min(end, position.peek() + part);
      if (position.peek() >= end) playing.value = false;
      else frame = requestAnimationFrame(move);
    };
    frame = requestAnimationFrame(move);
    return () => cancelAnimationFrame(frame);
  });
}
