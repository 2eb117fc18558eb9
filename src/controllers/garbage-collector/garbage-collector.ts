// Deletes what has lost its owners, and carries out foreground and orphan deletion.
import { apiVersionOf, isNotFound } from '../../api/objects.ts';
import type { KubeObject, Resource } from '../../api/objects.ts';
import type { Informer } from '../../client/index.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import type { OwnerReference } from '../runtime/owners.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { FOREGROUND, ORPHAN, blocks, decideItem } from './decide-item.ts';
import type { OwnerState } from './decide-item.ts';
import { buildDependencyGraph } from './dependency-graph.ts';
import type { GraphNode } from './dependency-graph.ts';

export function startGarbageCollector(context: ControllerContext, resources: readonly Resource[]): Running {
  const { client, informers } = context;
  const sources = resources.map((r): [Resource, Informer<KubeObject>] => [r, informers.of(r)]);
  const graph = buildDependencyGraph(sources);
  graph.onTouched = (uid) => queue.add(uid);
  const byKind = new Map(resources.map((r) => [`${apiVersionOf(r)}/${r.kind}`, r]));

  /** Asks the server itself about an owner that our copies lack: they may be behind. */
  const lookUp = async (reference: OwnerReference, namespace: string | undefined): Promise<OwnerState> => {
    const resource = byKind.get(`${reference.apiVersion}/${reference.kind}`);
    // A kind nobody serves here: its objects cannot be known to be gone.
    if (resource === undefined) return 'solid';
    // An owner must live in the same namespace or in none.
    if (resource.namespaced && namespace === undefined) return 'absent';
    try {
      const owner = await client.resource(resource).get(reference.name, resource.namespaced ? namespace : undefined);
      return owner.metadata.uid === reference.uid ? stateOf(owner) : 'absent';
    } catch (e) {
      if (isNotFound(e)) return 'absent';
      throw e;
    }
  };
  const ownerState = async (item: KubeObject, reference: OwnerReference): Promise<OwnerState> => {
    const known = graph.get(reference.uid);
    if (known === undefined) return lookUp(reference, item.metadata.namespace);
    const { namespace } = known.object.metadata;
    return namespace !== undefined && namespace !== item.metadata.namespace ? 'absent' : stateOf(known.object);
  };

  const patchOwners = async (node: GraphNode, change: (r: OwnerReference) => OwnerReference | undefined) => {
    const { name, namespace, uid, resourceVersion, ownerReferences = [] } = node.object.metadata;
    const kept = ownerReferences.map(change).filter((r) => r !== undefined);
    const patch = { metadata: { uid, resourceVersion, ownerReferences: kept } };
    await unlessGone(
      client
        .resource(node.resource)
        .patch(name, patch, { type: 'merge', ...(namespace === undefined ? {} : { namespace }) }),
    );
  };
  const removeFinalizer = async (node: GraphNode, finalizer: string) => {
    const { name, namespace, uid, resourceVersion, finalizers = [] } = node.object.metadata;
    const patch = { metadata: { uid, resourceVersion, finalizers: finalizers.filter((f) => f !== finalizer) } };
    await unlessGone(
      client
        .resource(node.resource)
        .patch(name, patch, { type: 'merge', ...(namespace === undefined ? {} : { namespace }) }),
    );
  };

  const deleteForeground = async (node: GraphNode): Promise<void> => {
    const { uid } = node.object.metadata;
    const dependents = graph.dependentsOf(uid);
    for (const dependent of dependents) {
      if (dependent.object.metadata.deletionTimestamp === undefined) queue.add(dependent.object.metadata.uid);
    }
    if (!dependents.some((d) => blocks(d.object, uid))) await removeFinalizer(node, FOREGROUND);
  };
  const deleteOrphaning = async (node: GraphNode): Promise<void> => {
    const { uid } = node.object.metadata;
    await Promise.all(
      graph.dependentsOf(uid).map((dependent) => patchOwners(dependent, (r) => (r.uid === uid ? undefined : r))),
    );
    await removeFinalizer(node, ORPHAN);
  };

  const collect = async (node: GraphNode): Promise<void> => {
    const item = node.object;
    const references = item.metadata.ownerReferences ?? [];
    const states = new Map<OwnerReference, OwnerState>();
    for (const reference of references) states.set(reference, await ownerState(item, reference));
    const dependents = graph.dependentsOf(item.metadata.uid);
    const decision = decideItem(item, (r) => states.get(r) ?? 'solid', dependents.length > 0);
    if (decision.do === 'nothing') return;
    if (decision.do === 'unlink') {
      return patchOwners(node, (r) => (decision.uids.includes(r.uid) ? undefined : r));
    }
    if (decision.unblock && dependents.some((d) => d.object.metadata.deletionTimestamp !== undefined)) {
      await patchOwners(node, (r) => ({ ...r, blockOwnerDeletion: false }));
    }
    const { name, namespace, uid } = item.metadata;
    await unlessGone(
      client.resource(node.resource).delete(name, {
        ...(namespace === undefined ? {} : { namespace }),
        propagationPolicy: decision.policy,
        // The version too: owners may have been added since.
        preconditions: decision.unblock ? { uid } : { uid, resourceVersion: item.metadata.resourceVersion },
      }),
    );
    context.log.debug('collected', { object: `${node.resource.plural} ${namespace ?? ''}/${name}` });
  };

  const reconcile = async (uid: string): Promise<void> => {
    const node = graph.get(uid);
    if (node === undefined) return;
    const { deletionTimestamp, finalizers = [] } = node.object.metadata;
    if (deletionTimestamp === undefined) return collect(node);
    if (finalizers.includes(ORPHAN)) return deleteOrphaning(node);
    if (finalizers.includes(FOREGROUND)) return deleteForeground(node);
  };

  const queue = startReconciler(context, {
    name: 'garbage-collector',
    needs: sources.map(([, informer]) => informer),
    workers: 20,
    reconcile,
  });
  return { stop: () => queue.stop() };
}

function stateOf(owner: KubeObject): OwnerState {
  const { deletionTimestamp, finalizers = [] } = owner.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? 'waiting' : 'solid';
}

async function unlessGone(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (e) {
    if (!isNotFound(e)) throw e;
  }
}
