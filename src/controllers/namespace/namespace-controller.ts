// Empties namespaces that are being deleted, then lets them go.
import { events, isNotFound, namespaces, pods } from '../../api/objects.ts';
import type { KubeObject, Namespace, Resource, core } from '../../api/objects.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { sameValue } from '../runtime/canonical.ts';
import { messageOf } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { remainingConditions } from './deletion-conditions.ts';
import type { Remaining } from './deletion-conditions.ts';

const FINALIZER = 'kubernetes';
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 2000;

export function startNamespaceController(context: ControllerContext, resources: readonly Resource[]): Running {
  const { client, informers, clock } = context;
  const informer = informers.of(namespaces);
  const podInformer = informers.of(pods);
  const api = client.resource(namespaces);
  // Pods first: what they use must outlive them. Events last, so that the end can be told.
  const order = (r: Resource) => (r === pods ? 0 : r === events ? 2 : 1);
  const contents = resources.filter((r) => r.namespaced).toSorted((a, b) => order(a) - order(b));
  const looks = new Map<string, number>();

  informer.onChange(({ key, after }) => {
    if (after === undefined) looks.delete(key);
    else if (isDeleting(after)) queue.add(key);
  });
  // A pod takes its time to stop: go on the moment it is gone.
  podInformer.onChange(({ before, after }) => {
    const namespace = before?.metadata.namespace ?? '';
    if (after === undefined && looks.has(namespace)) queue.add(namespace);
  });

  /** Asks for the deletion of everything of one kind; what then remains is waited for. */
  const empty = async (namespace: string, resource: Resource): Promise<KubeObject[]> => {
    const target = client.resource(resource);
    const { items } = await target.list({ namespace });
    await Promise.all(
      items.map(async ({ metadata: { name, uid, deletionTimestamp } }) => {
        if (deletionTimestamp !== undefined) return;
        try {
          await target.delete(name, { namespace, propagationPolicy: 'Background', preconditions: { uid } });
        } catch (e) {
          if (!isNotFound(e)) throw e;
        }
      }),
    );
    return items.length === 0 ? [] : (await target.list({ namespace })).items;
  };

  const setConditions = async (namespace: Namespace, conditions: core.NamespaceCondition[]): Promise<void> => {
    if (sameValue(namespace.status?.conditions, conditions)) return;
    await api.updateStatus({ ...namespace, status: { ...namespace.status, phase: 'Terminating', conditions } });
  };

  const reconcile = async (name: string): Promise<void> => {
    const namespace = informer.items.get(name);
    if (namespace === undefined || !isDeleting(namespace)) return;
    if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return;
    const remaining: Remaining[] = [];
    const failures: string[] = [];
    for (const resource of contents) {
      try {
        const objects = await empty(name, resource);
        if (objects.length > 0) remaining.push({ resource, objects });
      } catch (e) {
        if (!isNotFound(e)) failures.push(messageOf(e));
      }
      // While pods remain, only pods are asked to go.
      if (resource === pods && remaining.length > 0) break;
    }
    if (remaining.length === 0 && failures.length === 0) {
      const finalizers = (namespace.spec?.finalizers ?? []).filter((f) => f !== FINALIZER);
      await api.updateSubresource(name, 'finalize', { ...namespace, spec: { ...namespace.spec, finalizers } });
      return;
    }
    const look = looks.get(name) ?? FIRST_LOOK_MS;
    looks.set(name, Math.min(look * 2, LONGEST_LOOK_MS));
    queue.addAfter(name, look);
    const conditions = remainingConditions(namespace.status?.conditions ?? [], remaining, failures, clock.now());
    await setConditions(namespace, conditions);
  };

  const queue = startReconciler(context, { name: 'namespace-controller', needs: [informer, podInformer], reconcile });
  return { stop: () => queue.stop() };
}
