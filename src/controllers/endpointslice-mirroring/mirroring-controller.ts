// Shows hand-written Endpoints as EndpointSlices, which is what proxies read.
import { endpointSlices, endpoints, isNotFound, services } from '../../api/objects.ts';
import type { EndpointSlice, Endpoints } from '../../api/objects.ts';
import { indexBy, objectKey } from '../../client/index.ts';
import type { AddressType } from '../endpointslice/desired-endpoints.ts';
import { planSlices } from '../endpointslice/plan-slices.ts';
import { MANAGED_BY, SERVICE_NAME, sliceName } from '../endpointslice/slice-object.ts';
import { allDone } from '../runtime/all-done.ts';
import { sameValue } from '../runtime/canonical.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { controllerReference } from '../runtime/owners.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { MIRRORING_NAME, mirroredGroups, mirroredMetadata, needsMirror } from './mirrored-groups.ts';

export function startEndpointSliceMirroringController(
  context: ControllerContext,
  options: { maxEndpointsPerSlice?: number | undefined } = {},
): Running {
  const { client, informers } = context;
  const max = options.maxEndpointsPerSlice ?? 1000;
  const informer = informers.of(endpoints);
  const serviceInformer = informers.of(services);
  const sliceInformer = informers.of(endpointSlices);
  const isMirror = (slice: EndpointSlice) => slice.metadata.labels?.[MANAGED_BY] === MIRRORING_NAME;
  const ownerKey = (slice: EndpointSlice) =>
    objectKey(slice.metadata.namespace, slice.metadata.labels?.[SERVICE_NAME] ?? '');
  const mirrors = indexBy(sliceInformer, (slice) => (isMirror(slice) ? [ownerKey(slice)] : []));
  const api = client.resource(endpointSlices);

  informer.onChange(({ key }) => queue.add(key));
  serviceInformer.onChange(({ key }) => queue.add(key));
  sliceInformer.onChange(({ before, after }) => {
    const slice = after ?? before;
    if (slice !== undefined && isMirror(slice)) queue.add(ownerKey(slice));
  });

  const remove = async (slice: EndpointSlice): Promise<void> => {
    const { name, namespace = '', uid } = slice.metadata;
    try {
      await api.delete(name, { namespace, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  const sync = async (source: Endpoints, type: AddressType, all: readonly EndpointSlice[]): Promise<void> => {
    const existing = all.filter((slice) => slice.addressType === type);
    const desired = mirroredGroups(source, type);
    const plan = planSlices(existing, desired, max);
    // No placeholder: that there is nothing, the Endpoints object says itself.
    const empty = desired.size === 0;
    if (empty) return allDone(existing.map(remove));
    const metadata = mirroredMetadata(source);
    const writes: Promise<unknown>[] = [];
    const updates = new Map(plan.update.map((u) => [u.slice, { ports: u.ports, endpoints: u.endpoints }]));
    for (const slice of existing) {
      if (plan.delete.includes(slice)) continue;
      const content = updates.get(slice);
      const { labels, annotations } = slice.metadata;
      const same = sameValue({ labels, annotations }, metadata);
      if (content === undefined && same) continue;
      writes.push(api.update({ ...slice, ...content, metadata: { ...slice.metadata, ...metadata } }));
    }
    const taken = new Set(all.map((slice) => slice.metadata.name));
    for (const group of plan.create) {
      const name = sliceName(source, type, taken, 0);
      taken.add(name);
      const { namespace } = source.metadata;
      writes.push(
        api.create({
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: {
            name,
            ...(namespace === undefined ? {} : { namespace }),
            ...metadata,
            ownerReferences: [controllerReference(source)],
          },
          addressType: type,
          ...group,
        }),
      );
    }
    await allDone(writes);
    await allDone(plan.delete.map(remove));
  };

  const reconcile = async (key: string): Promise<void> => {
    const source = informer.items.get(key);
    const all = [...mirrors.get(key).values()];
    if (source === undefined || !needsMirror(source, serviceInformer.items.get(key))) {
      return allDone(all.map(remove));
    }
    for (const type of ['IPv4', 'IPv6'] as const) await sync(source, type, all);
  };

  const queue = startReconciler(context, {
    name: 'endpointslice-mirroring-controller',
    needs: [informer, serviceInformer, sliceInformer],
    reconcile,
  });
  return { stop: () => queue.stop() };
}
