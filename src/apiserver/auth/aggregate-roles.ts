// ClusterRoles with an aggregationRule hold the rules of all ClusterRoles that it selects; the server keeps them so.
import { clusterRoles, deepEqual, labelSelectorMatches, type ClusterRole } from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { keyPrefix } from '../objects/storage-key.ts';
import type { ServerWrites } from '../bootstrap/server-writes.ts';

/** Roles aggregate roles that aggregate roles; deeper than this is a circle. */
const MAX_DEPTH = 8;

/** Writes those whose rules are not the union of their parts, until all are. */
export async function aggregateRoles(store: Store, writes: ServerWrites): Promise<void> {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if ((await aggregateOnce(store, writes)) === 0) return;
  }
}

async function aggregateOnce(store: Store, writes: ServerWrites): Promise<number> {
  let written = 0;
  const { entries } = await store.list(keyPrefix(clusterRoles));
  const all = entries.map((entry) => storedObject(entry).object as ClusterRole);
  for (const role of all) {
    const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
    if (selectors.length === 0) continue;
    const parts = all.filter(
      (part) => part !== role && selectors.some((s) => labelSelectorMatches(s, part.metadata.labels)),
    );
    const rules = unique(parts.flatMap((part) => part.rules ?? []));
    if (deepEqual(rules, role.rules ?? [])) continue;
    await writes.update(clusterRoles, { ...role, rules });
    written += 1;
  }
  return written;
}

function unique<T>(rules: readonly T[]): T[] {
  const seen = new Set<string>();
  return rules.filter((rule) => {
    const text = JSON.stringify(rule);
    return !seen.has(text) && seen.add(text) !== undefined;
  });
}
