// The numbering of a service port's endpoints. The kernel picks a number at random, so numbers have no gaps, and an
// endpoint that comes or goes moves as few others as possible.

import type { EndpointState } from '../contract.ts';

/** Endpoints by number, each as the text of its state: `10.244.0.5:8080` or `[fd00::1]:80`. */
export type Slots = readonly string[];

export const slotsOf = (endpoints: readonly EndpointState[]): Slots => endpoints.map((e) => e.text);

/** @example slotData('[fd00::1]:80') // 'fd00::1 . 80', the endpoint's value in the `endpoints` map */
export function slotData(slot: string): string {
  const colon = slot.lastIndexOf(':');
  const ip = slot.startsWith('[') ? slot.slice(1, colon - 1) : slot.slice(0, colon);
  return `${ip} . ${slot.slice(colon + 1)}`;
}

/** @example slotOfData('10.244.0.5 . 8080') // '10.244.0.5:8080' */
export function slotOfData(data: string): string {
  const [ip = '', port = ''] = data.split(' . ');
  return [ip.includes(':') ? `[${ip}]` : ip, port].join(':');
}

/**
 * The numbering for `wanted`, as close to the old one as can be: who stays keeps its number, newcomers take the
 * numbers that fell free, then the last ones move down into what is still free.
 * @example renumber(['a', 'b', 'c'], ['b', 'c']) // ['c', 'b']
 */
export function renumber(old: Slots, wanted: readonly string[]): Slots {
  if (old.length === 0) return wanted;
  const want = new Set(wanted);
  const kept = new Set(old.filter((e) => want.has(e)));
  if (kept.size === old.length && want.size === old.length) return old;
  const newcomers = [...want].filter((e) => !kept.has(e));
  const slots: (string | undefined)[] = old.map((e) => (want.has(e) ? e : newcomers.shift()));
  slots.push(...newcomers);
  const out: string[] = [];
  for (let i = 0; i < slots.length; i++) {
    let e = slots[i];
    while (e === undefined && slots.length > i + 1) e = slots.pop();
    if (e !== undefined) out.push(e);
  }
  return out;
}
