// Node agents are users named system:node:NAME in the group system:nodes.
import type { User } from '../contract.ts';

const PREFIX = 'system:node:';

/** The node an agent speaks for; undefined for any other user. */
export function nodeNameOf(user: User): string | undefined {
  if (!user.name.startsWith(PREFIX) || !user.groups.includes('system:nodes')) return undefined;
  const name = user.name.slice(PREFIX.length);
  return name === '' ? undefined : name;
}
