// Who exists and who depends on whom, for all resources, kept up to date by their informers.
import type { KubeObject, Resource } from '../../api/objects.ts';
import type { Informer } from '../../client/index.ts';

/** What of an object counts here; not its content. */
export interface GraphNode {
  readonly resource: Resource;
  readonly object: KubeObject;
}

export interface DependencyGraph {
  get(uid: string): GraphNode | undefined;
  dependentsOf(uid: string): GraphNode[];
  /** Called with the uid of each object that appeared or changed, and of each dependent of one that went. */
  onTouched: (uid: string) => void;
}

export function buildDependencyGraph(sources: readonly [Resource, Informer<KubeObject>][]): DependencyGraph {
  const objects = new Map<string, GraphNode>();
  const dependents = new Map<string, Map<string, GraphNode>>();
  const graph: DependencyGraph = {
    get: (uid) => objects.get(uid),
    dependentsOf: (uid) => [...(dependents.get(uid)?.values() ?? [])],
    onTouched: () => undefined,
  };
  const ownersOf = (object: KubeObject | undefined) => object?.metadata.ownerReferences?.map((r) => r.uid) ?? [];
  const unlink = (owner: string, uid: string) => {
    const group = dependents.get(owner);
    group?.delete(uid);
    if (group?.size === 0) dependents.delete(owner);
  };

  for (const [resource, informer] of sources) {
    informer.onChange(({ before, after }) => {
      const uid = (after ?? before)?.metadata.uid ?? '';
      const kept = ownersOf(after);
      for (const owner of ownersOf(before)) {
        if (kept.includes(owner)) continue;
        unlink(owner, uid);
        // An owner in foreground deletion may have waited for this one.
        if (objects.has(owner)) graph.onTouched(owner);
      }
      if (after === undefined) {
        objects.delete(uid);
        for (const dependent of graph.dependentsOf(uid)) graph.onTouched(dependent.object.metadata.uid);
        return;
      }
      const node = { resource, object: after };
      objects.set(uid, node);
      for (const owner of kept) {
        let group = dependents.get(owner);
        if (group === undefined) dependents.set(owner, (group = new Map()));
        group.set(uid, node);
        // A dependent that no longer blocks may be what its owner waited for.
        if (objects.get(owner)?.object.metadata.deletionTimestamp !== undefined) graph.onTouched(owner);
      }
      if (kept.length > 0 || after.metadata.deletionTimestamp !== undefined) graph.onTouched(uid);
    });
  }
  return graph;
}
