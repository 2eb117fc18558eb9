// Keeps the Endpoints object of every Service that selects pods, for those who do not read EndpointSlices yet.
import { endpoints, isAlreadyExists, isNotFound, pods, services } from '../../api/objects.ts';
import type { Endpoints, Service } from '../../api/objects.ts';
import { sameValue } from '../runtime/canonical.ts';
import { recorderOf } from '../runtime/context.ts';
import type { ControllerContext, Running } from '../runtime/context.ts';
import { isNamespaceTerminating, messageOf } from '../runtime/pod-control.ts';
import { isDeleting } from '../runtime/pod-state.ts';
import { startReconciler } from '../runtime/reconciler.ts';
import { servicePodsOf } from '../runtime/service-pods.ts';
import { needsSlices, podFacts } from '../endpointslice/desired-endpoints.ts';
import { HEADLESS, TRIGGER_TIME, isHeadless, withTriggerTime } from '../endpointslice/slice-object.ts';
import { TriggerTimes } from '../endpointslice/trigger-time.ts';
import { desiredSubsets } from './desired-subsets.ts';

const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

export function startEndpointsController(context: ControllerContext): Running {
  const { client, informers } = context;
  const serviceInformer = informers.of(services);
  const podInformer = informers.of(pods);
  const informer = informers.of(endpoints);
  const servicePods = servicePodsOf(informers);
  const recorder = recorderOf(context, 'endpoint-controller');
  const api = client.resource(endpoints);
  const triggers = new TriggerTimes();
  /** Services that we saw go: their Endpoints go as well, whoever wrote them. */
  const gone = new Set<string>();

  serviceInformer.onChange(({ key, after }) => {
    if (after === undefined) {
      gone.add(key);
      triggers.forget(key);
    } else gone.delete(key);
    queue.add(key);
  });
  podInformer.onChange(({ before, after }) => {
    if (before !== undefined && after !== undefined && podFacts(before) === podFacts(after)) return;
    for (const pod of [before, after]) {
      if (pod !== undefined) for (const key of servicePods.servicesOf(pod)) queue.add(key);
    }
  });
  informer.onChange(({ key, before, after }) => {
    if (before !== undefined && after === undefined) queue.add(key);
  });

  const removeLeftover = async (key: string): Promise<void> => {
    const leftover = informer.items.get(key);
    if (!gone.delete(key) || leftover === undefined) return;
    const { name, namespace = '', uid } = leftover.metadata;
    try {
      await api.delete(name, { namespace, preconditions: { uid } });
    } catch (e) {
      if (!isNotFound(e)) throw e;
    }
  };

  const reconcile = async (key: string): Promise<void> => {
    const service = serviceInformer.items.get(key);
    if (service === undefined) return removeLeftover(key);
    if (isDeleting(service) || !needsSlices(service)) return;
    const selected = servicePods.podsOf(service);
    const { subsets, truncated } = desiredSubsets(service, selected);
    const current = informer.items.get(key);
    const triggerTime = triggers.next(key, service, selected);
    const labels = labelsOf(service);
    const had = current?.metadata.annotations?.[OVER_CAPACITY] === 'truncated';
    if (
      current !== undefined &&
      sameValue(current.subsets, subsets) &&
      sameValue(current.metadata.labels, labels) &&
      had === truncated
    ) {
      return;
    }
    const { [OVER_CAPACITY]: _, ...kept } = current?.metadata.annotations ?? {};
    const annotations = {
      ...withTriggerTime(kept, triggerTime ?? current?.metadata.annotations?.[TRIGGER_TIME]),
      ...(truncated ? { [OVER_CAPACITY]: 'truncated' } : {}),
    };
    await write(service, current, { labels, annotations }, subsets);
  };

  const write = async (
    service: Service,
    current: Endpoints | undefined,
    metadata: { labels: Record<string, string>; annotations: Record<string, string> },
    subsets: NonNullable<Endpoints['subsets']>,
  ): Promise<void> => {
    const { name, namespace = '' } = service.metadata;
    try {
      if (current !== undefined) {
        await api.update({ ...current, metadata: { ...current.metadata, ...metadata }, subsets });
      } else {
        const object = { apiVersion: 'v1', kind: 'Endpoints', metadata: { name, namespace, ...metadata }, subsets };
        await api.create(object);
      }
    } catch (e) {
      if (isNamespaceTerminating(e)) return;
      if (!isAlreadyExists(e)) {
        const what = current === undefined ? 'FailedToCreateEndpoint' : 'FailedToUpdateEndpoint';
        const verb = current === undefined ? 'create' : 'update';
        recorder.event(service, 'Warning', what, `Failed to ${verb} endpoint ${namespace}/${name}: ${messageOf(e)}`);
      }
      throw e;
    }
  };

  const queue = startReconciler(context, {
    name: 'endpoint-controller',
    needs: [serviceInformer, podInformer, informer],
    reconcile,
  });
  return {
    async stop() {
      await queue.stop();
      recorder.stop();
    },
  };
}

function labelsOf(service: Service): Record<string, string> {
  const { [HEADLESS]: _, ...labels } = service.metadata.labels ?? {};
  return isHeadless(service) ? { ...labels, [HEADLESS]: '' } : labels;
}
