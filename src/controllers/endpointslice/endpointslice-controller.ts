// Keeps the EndpointSlices of every Service that selects pods.
import { endpointSlices, isAlreadyExists, isNotFound, nodes, pods, services } from '../../api/objects.ts';
import type { EndpointSlice, Node, Pod, Service } from '../../api/objects.ts';
import { indexBy, keyOf, objectKey } from '../../client/index.ts';
import { allDone } from '../runtime/all-done.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { messageOf } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { servicePodsOf } from '../runtime/service-pods.ts';
import { addressTypesOf, desiredGroups, needsSlices, podFacts } from './desired-endpoints.ts';
import type { AddressType } from './desired-endpoints.ts';
import { addHints } from './topology-hints.ts';
import { planSlices } from './plan-slices.ts';
import { CONTROLLER_NAME, MANAGED_BY, SERVICE_NAME, newSlice, sliceLabels, sliceName } from './slice-object.ts';
import { withTriggerTime } from './slice-object.ts';
import { TriggerTimes } from './trigger-time.ts';

const COMPONENT = 'endpoint-slice-controller';

export interface EndpointSliceOptions {
  /** @default 100 */
  maxEndpointsPerSlice?: number | undefined;
}

export function startEndpointSliceController(context: ControllerContext, options: EndpointSliceOptions = {}): Running {
  const { client, informers } = context;
  const max = options.maxEndpointsPerSlice ?? 100;
  const serviceInformer = informers.of(services);
  const podInformer = informers.of(pods);
  const nodeInformer = informers.of(nodes);
  const sliceInformer = informers.of(endpointSlices);
  const servicePods = servicePodsOf(informers);
  const slicesByService = indexBy(sliceInformer, (slice) => {
    const service = slice.metadata.labels?.[SERVICE_NAME];
    return service === undefined ? [] : [objectKey(slice.metadata.namespace, service)];
  });
  const podsByNode = indexBy(podInformer, (pod) => [pod.spec?.nodeName ?? '']);
  const recorder = recorderOf(context, COMPONENT);
  const api = client.resource(endpointSlices);
  const triggers = new TriggerTimes();
  const unwritten = new Map<string, string>();
  /** Raised when a name turned out to be somebody else's. */
  const salts = new Map<string, number>();

  serviceInformer.onChange(({ key, after }) => {
    if (after === undefined) {
      triggers.forget(key);
      unwritten.delete(key);
      salts.delete(key);
    } else queue.add(key);
  });
  podInformer.onChange(({ before, after }) => {
    if (before !== undefined && after !== undefined && podFacts(before) === podFacts(after)) return;
    for (const pod of [before, after]) {
      if (pod !== undefined) for (const key of servicePods.servicesOf(pod)) queue.add(key);
    }
  });
  nodeInformer.onChange(({ key, before, after }) => {
    const zone = (node: Node | undefined) => node?.metadata.labels?.['topology.kubernetes.io/zone'];
    if (zone(before) === zone(after)) return;
    for (const pod of podsByNode.get(key).values())
      for (const service of servicePods.servicesOf(pod)) queue.add(service);
  });
  sliceInformer.onChange(({ before, after }) => {
    // Somebody changed or removed a slice of ours; our own writes come by as well and find nothing to do.
    const slice = after ?? before;
    const name = slice?.metadata.labels?.[SERVICE_NAME];
    if (slice === undefined || name === undefined || slice.metadata.labels?.[MANAGED_BY] !== CONTROLLER_NAME) return;
    queue.add(objectKey(slice.metadata.namespace, name));
  });

  const syncFamily = async (
    service: Service,
    selected: readonly Pod[],
    type: AddressType,
    all: readonly EndpointSlice[],
    triggerTime: string | undefined,
  ): Promise<void> => {
    const key = keyOf(service);
    const namespace = service.metadata.namespace ?? '';
    const existing = all.filter((slice) => slice.addressType === type);
    const desired = addHints(
      service,
      desiredGroups(service, selected, type, (name) => nodeInformer.items.get(name)),
      nodeInformer.items.values(),
    );
    const plan = planSlices(existing, desired, max);
    const labels = sliceLabels(service);
    const writes: Promise<unknown>[] = [];
    for (const { slice, ports, endpoints } of plan.update) {
      const annotations = withTriggerTime(slice.metadata.annotations, triggerTime);
      writes.push(api.update({ ...slice, metadata: { ...slice.metadata, labels, annotations }, ports, endpoints }));
    }
    const written = new Set([...plan.update.map((u) => u.slice), ...plan.delete]);
    for (const slice of existing) {
      if (written.has(slice) || sameValue(slice.metadata.labels, labels)) continue;
      writes.push(api.update({ ...slice, metadata: { ...slice.metadata, labels } }));
    }
    const taken = new Set(all.map((slice) => slice.metadata.name));
    for (const group of plan.create) {
      const name = sliceName(service, type, taken, salts.get(key) ?? 0);
      taken.add(name);
      writes.push(create(key, newSlice(service, type, group, name, triggerTime)));
    }
    await allDone(writes);
    // Last: an endpoint that moves from one slice to another is at no time in none.
    await allDone(plan.delete.map((slice) => remove(slice, namespace)));
  };

  const create = async (key: string, slice: ReturnType<typeof newSlice>): Promise<void> => {
    try {
      await api.create(slice);
    } catch (e) {
      if (!isAlreadyExists(e)) throw e;
      const existing = await api.get(slice.metadata.name ?? '', slice.metadata.namespace);
      const ours = existing.metadata.ownerReferences?.some((r) => r.uid === slice.metadata.ownerReferences?.[0]?.uid);
      if (ours !== true) salts.set(key, (salts.get(key) ?? 0) + 1);
      throw e;
    }
  };
  const remove = async (slice: EndpointSlice, namespace: string): Promise<void> => {
    const { name, uid, resourceVersion } = slice.metadata;
    try {
      await api.delete(name, { namespace, preconditions: { uid, resourceVersion } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const service = serviceInformer.items.get(key);
    if (service === undefined || isDeleting(service) || !needsSlices(service)) return;
    const selected = servicePods.podsOf(service);
    const all = [...slicesByService.get(key).values()].filter(
      (slice) => slice.metadata.labels?.[MANAGED_BY] === CONTROLLER_NAME && !isDeleting(slice),
    );
    const types = addressTypesOf(service, selected);
    // A round that failed must not lose the time at which its change happened.
    const triggerTime = unwritten.get(key) ?? triggers.next(key, service, selected);
    if (triggerTime !== undefined) unwritten.set(key, triggerTime);
    try {
      for (const type of types) await syncFamily(service, selected, type, all, triggerTime);
      const outdated = all.filter((slice) => !types.includes(slice.addressType as AddressType));
      await allDone(outdated.map((slice) => remove(slice, service.metadata.namespace ?? '')));
      unwritten.delete(key);
    } catch (e) {
      if (!isAlreadyExists(e)) {
        const text = `Error updating Endpoint Slices for Service ${key}: ${messageOf(e)}`;
        recorder.event(service, 'Warning', 'FailedToUpdateEndpointSlices', text);
      }
      throw e;
    }
  };

  const queue = startReconciler(context, {
    name: COMPONENT,
    needs: [serviceInformer, podInformer, nodeInformer, sliceInformer],
    workers: 8,
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}
