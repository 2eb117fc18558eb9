// Texts that several kinds show in the same way.
import { formatAgeOf } from '../age.ts';
import { formatLabelSelector } from '../select/label-selector.ts';
import type { core, meta } from '../types.ts';
import type { Column } from './contract.ts';

export const none = '<none>';

interface Named {
  metadata?: meta.ObjectMeta;
}

export const nameColumn: Column<Named> = {
  name: 'Name',
  description: 'Unique within its namespace and kind.',
  cell: (o) => o.metadata?.name ?? '',
};

export const ageColumn: Column<Named> = {
  name: 'Age',
  description: 'Time since creation.',
  cell: (o, now) => formatAgeOf(o.metadata?.creationTimestamp, now),
};

export const orNone = (text: string | undefined): string => (text === undefined || text === '' ? none : text);

export const joinOrNone = (list: readonly string[] | undefined, separator = ','): string =>
  orNone((list ?? []).join(separator));

/** `a=b,c=d` in alphabetical order. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${v}`);
  return joinOrNone(pairs);
}

export const formatSelector = (selector: meta.LabelSelector | undefined): string =>
  selector === undefined ? none : orNone(formatLabelSelector(selector));

/** The first few, then how many more. */
export function firstFew(list: readonly string[], empty: string, max = 3): string {
  if (list.length === 0) return empty;
  const shown = list.slice(0, max).join(',');
  return list.length > max ? `${shown} + ${list.length - max} more...` : shown;
}

interface WithTemplate {
  spec?: { template?: core.PodTemplateSpec };
}

export const containerColumns: readonly Column<WithTemplate>[] = [
  {
    name: 'Containers',
    description: 'Names of the containers in the template.',
    wide: true,
    cell: (o) => (o.spec?.template?.spec?.containers ?? []).map((c) => c.name).join(','),
  },
  {
    name: 'Images',
    description: 'Images of the containers in the template.',
    wide: true,
    cell: (o) => (o.spec?.template?.spec?.containers ?? []).map((c) => c.image ?? '').join(','),
  },
];

/** Addresses of a load balancer; long lists are cut for a narrow table. */
export function loadBalancerAddresses(ingress: readonly { ip?: string; hostname?: string }[] | undefined): string {
  const text = [...new Set((ingress ?? []).map((i) => i.ip ?? i.hostname ?? '').filter((t) => t !== ''))].join(',');
  return text.length > 16 ? `${text.slice(0, 13)}...` : text;
}
