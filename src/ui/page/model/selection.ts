// Which pods and services are shown, by what the reader typed and chose. Pure.
import type { PodView, ServiceView, Topology } from '../../contract.ts';

export interface Filter {
  readonly query: string;
  /** '' means all. */
  readonly namespace: string;
}

const words = (query: string) => query.toLowerCase().split(/\s+/).filter(Boolean);
const holds = (texts: readonly string[], query: string) =>
  words(query).every((word) => texts.some((text) => text.toLowerCase().includes(word)));

export function selectPods(topology: Topology, filter: Filter, always: ReadonlySet<string>): PodView[] {
  return Object.values(topology.pods)
    .filter(
      (pod) =>
        always.has(pod.key) ||
        ((filter.namespace === '' || pod.namespace === filter.namespace) &&
          holds([pod.key, pod.node, pod.status, ...pod.addresses], filter.query)),
    )
    .toSorted(byText((pod) => `${pod.workload} ${pod.key}`));
}

/** A service that matches, or one of whose endpoints does, so that a search for a pod shows what leads to it. */
export function selectServices(topology: Topology, filter: Filter, shownPods: ReadonlySet<string>): ServiceView[] {
  const leads = new Set(
    Object.values(topology.slices).flatMap((slice) =>
      slice.endpoints.some((e) => e.pod !== undefined && shownPods.has(e.pod)) ? slice.service : [],
    ),
  );
  return Object.values(topology.services)
    .filter(
      (service) =>
        (filter.namespace === '' || service.namespace === filter.namespace) &&
        (holds([service.key, ...service.addresses], filter.query) || (filter.query !== '' && leads.has(service.key))),
    )
    .toSorted(byText((service) => service.key));
}

export const byText =
  <T>(text: (value: T) => string) =>
  (a: T, b: T) =>
    text(a).localeCompare(text(b), 'en', { numeric: true });
