// Which pods a Service selects, and which Services select a pod, without walking through all of them.
import type { Pod, Service } from '../../api/objects.ts';
import { pods, selectorMapMatches, services } from '../../api/objects.ts';
import type { Index, Key } from '../../client/index.ts';
import { indexBy } from '../../client/index.ts';
import type { SharedInformers } from './shared-informers.ts';

export interface ServicePods {
  podsOf(service: Service): Pod[];
  /** Keys of the Services whose selector matches the labels. */
  servicesOf(pod: Pod): Key[];
}

const pair = (namespace: string | undefined, key: string, value: string) => `${namespace ?? ''}/${key}=${value}`;

const built = new WeakMap<SharedInformers, ServicePods>();

export function servicePodsOf(informers: SharedInformers): ServicePods {
  let found = built.get(informers);
  if (found === undefined) built.set(informers, (found = build(informers)));
  return found;
}

function build(informers: SharedInformers): ServicePods {
  const labelPairs = (pod: Pod) =>
    Object.entries(pod.metadata.labels ?? {}).map(([k, v]) => pair(pod.metadata.namespace, k, v));
  const podsByLabel: Index<Pod> = indexBy(informers.of(pods), labelPairs);
  // One pair of the selector is enough to find the Service.
  const servicesByPair: Index<Service> = indexBy(informers.of(services), (service) =>
    Object.entries(service.spec?.selector ?? {})
      .slice(0, 1)
      .map(([k, v]) => pair(service.metadata.namespace, k, v)),
  );
  return {
    podsOf(service) {
      const pairs = Object.entries(service.spec?.selector ?? {});
      let smallest: ReadonlyMap<Key, Pod> | undefined;
      for (const [k, v] of pairs) {
        const group = podsByLabel.get(pair(service.metadata.namespace, k, v));
        if (smallest === undefined || group.size < smallest.size) smallest = group;
      }
      return [...(smallest?.values() ?? [])].filter((pod) =>
        selectorMapMatches(service.spec?.selector, pod.metadata.labels),
      );
    },
    servicesOf(pod) {
      const found: Key[] = [];
      for (const [k, v] of Object.entries(pod.metadata.labels ?? {})) {
        for (const [key, service] of servicesByPair.get(pair(pod.metadata.namespace, k, v))) {
          if (selectorMapMatches(service.spec?.selector, pod.metadata.labels)) found.push(key);
        }
      }
      return found;
    },
  };
}
