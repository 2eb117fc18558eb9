// The recent events about an object, as lines.
import { events as eventResource } from '../api/objects.ts';
import type { Client } from '../client/index.ts';

const RECENT_EVENTS = 10;

export interface EventsOf {
  /** Undefined for objects without one: their events stand in the namespace `default`. */
  readonly namespace?: string;
  readonly kinds: readonly string[];
  readonly name: string;
}

export async function recentEvents(client: Client, of: EventsOf): Promise<string[]> {
  const { items } = await client.resource(eventResource).list({ namespace: of.namespace ?? 'default' });
  const time = (event: (typeof items)[number]) =>
    event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
  return items
    .filter((event) => event.involvedObject.name === of.name && of.kinds.includes(event.involvedObject.kind ?? ''))
    .toSorted((a, b) => (time(a) < time(b) ? -1 : 1))
    .slice(-RECENT_EVENTS)
    .map((event) => {
      const times = (event.count ?? 1) > 1 ? ` (${event.count} times)` : '';
      return `${time(event)} ${event.type ?? ''} ${event.reason ?? ''}: ${event.message ?? ''}${times}`;
    });
}
