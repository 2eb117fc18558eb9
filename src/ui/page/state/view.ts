// What the reader chose to look at.
import { computed, effect, signal } from '@preact/signals';

import type { Density } from '../model/node-box.ts';
import { chooseDensity, layoutPicture } from '../model/picture.ts';
import { byText, selectPods, selectServices } from '../model/selection.ts';
import { topology } from './live.ts';

export type Selected = { readonly kind: 'pod' | 'service' | 'node'; readonly key: string };

export const query = signal('');
export const namespace = signal('');
export const density = signal<Density | 'auto'>('auto');
export const selected = signal<Selected | undefined>(undefined);
export const pictureSize = signal({ width: 760, height: 600 });
/** The panel stands below the picture, as page.css has it. */
export const STACKED = '(max-width: 1000px)';
/** Pods that are drawn whatever the filter says: those of the walk. */
export const alwaysShown = signal<ReadonlySet<string>>(new Set());

export const shownPods = computed(() =>
  selectPods(topology.value, { query: query.value, namespace: namespace.value }, alwaysShown.value),
);
export const shownDensity = computed(() => chooseDensity(density.value, shownPods.value.length));
export const picture = computed(() => {
  const { nodes, slices } = topology.value;
  const pods = shownPods.value;
  const filter = { query: query.value, namespace: namespace.value };
  return layoutPicture(
    {
      nodes: Object.values(nodes).toSorted(byText((node) => node.key)),
      pods,
      services: selectServices(topology.value, filter, new Set(pods.map((pod) => pod.key))),
      slices: Object.values(slices),
    },
    pictureSize.value,
    shownDensity.value,
  );
});

export const namespaces = computed(() => {
  const { pods, services } = topology.value;
  return [...new Set([...Object.values(pods), ...Object.values(services)].map((o) => o.namespace))].toSorted();
});

/** Pods that the selected service leads to, or services that lead to the selected pod. */
export const related = computed((): ReadonlySet<string> => {
  const { kind, key } = selected.value ?? {};
  const keys = new Set<string>();
  if (kind === undefined) return keys;
  for (const slice of Object.values(topology.value.slices)) {
    for (const { pod } of slice.endpoints) {
      if (pod === undefined) continue;
      if (kind === 'service' && slice.service === key) keys.add(`pod ${pod}`);
      if (kind === 'pod' && pod === key) keys.add(`service ${slice.service}`);
    }
  }
  return keys;
});

export interface Route {
  /** `namespace/name` of the Service whose page is shown. */
  readonly service?: string;
  /** The pod or node whose page is shown. */
  readonly object?: { readonly kind: 'pod' | 'node'; readonly key: string };
}

/** The page shown: the picture, one Service, one pod or one node. */
export const route = signal<Route>({});

const readRoute = () => {
  const [, kind, rest = ''] = /^#\/(services|pods|nodes)\/(.+)$/.exec(location.hash) ?? [];
  const parts = rest.split('/').map(decodeURIComponent);
  const key = parts.join('/');
  if (kind === 'services' && parts.length === 2) route.value = { service: key };
  else if (kind === 'pods' && parts.length === 2) route.value = { object: { kind: 'pod', key } };
  else if (kind === 'nodes' && parts.length === 1) route.value = { object: { kind: 'node', key } };
  else route.value = {};
};
const encoded = (key: string) => key.split('/').map(encodeURIComponent).join('/');
export const serviceHref = (key: string) => `#/services/${encoded(key)}`;
export const podHref = (key: string) => `#/pods/${encoded(key)}`;
export const nodeHref = (key: string) => `#/nodes/${encoded(key)}`;

export type Theme = 'auto' | 'light' | 'dark';
const THEME_KEY = 'portico-theme';
export const theme = signal<Theme>('auto');

export function startView(): void {
  readRoute();
  addEventListener('hashchange', readRoute);
  const kept = localStorage.getItem(THEME_KEY);
  if (kept === 'light' || kept === 'dark') theme.value = kept;
  effect(() => {
    document.documentElement.dataset['theme'] = theme.value;
    localStorage.setItem(THEME_KEY, theme.value);
  });
}
