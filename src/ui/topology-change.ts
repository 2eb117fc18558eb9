// The difference between two topologies, and its application. Pure; the server makes it, the page applies it. Views are
// frozen values: one that did not change is the same object, so comparing costs no look inside.
import type { Part, Topology, TopologyChange } from './contract.ts';

export const EMPTY_TOPOLOGY: Topology = { nodes: {}, pods: {}, services: {}, slices: {} };

const PARTS = ['nodes', 'pods', 'services', 'slices'] as const;
type Views = Readonly<Record<string, { readonly key: string }>>;

function diffPart(before: Views, after: Views): Part<{ readonly key: string }> | undefined {
  const set = Object.values(after).filter((view) => before[view.key] !== view);
  const gone = Object.keys(before).filter((key) => after[key] === undefined);
  return set.length === 0 && gone.length === 0 ? undefined : { set, gone };
}

/** Undefined when nothing changed. */
export function diffTopology(before: Topology, after: Topology): TopologyChange | undefined {
  const parts = PARTS.flatMap((name) => {
    const part = diffPart(before[name], after[name]);
    return part === undefined ? [] : [[name, part] as const];
  });
  return parts.length === 0 ? undefined : Object.fromEntries(parts);
}

function applyPart(before: Views, part: Part<{ readonly key: string }> | undefined): Views {
  if (part === undefined) return before;
  const after = { ...before };
  for (const key of part.gone) delete after[key];
  for (const view of part.set) after[view.key] = view;
  return after;
}

export function applyTopologyChange(before: Topology, change: TopologyChange): Topology {
  return Object.fromEntries(PARTS.map((name) => [name, applyPart(before[name], change[name])])) as unknown as Topology;
}
