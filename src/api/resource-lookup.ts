// Finds rows of the table of resources.
import type { Resource } from './resources.ts';
import * as resources from './resources.ts';

/** Every resource, in the order of the table. */
export const allResources: readonly Resource[] = Object.values(resources).filter(
  (value): value is Resource => typeof value === 'object',
);

const byPath = new Map(allResources.map((r) => [`${r.group}/${r.version}/${r.plural}`, r]));
const byKind = new Map(allResources.map((r) => [`${resources.apiVersionOf(r)}/${r.kind}`, r]));

export const findResource = (group: string, version: string, plural: string): Resource | undefined =>
  byPath.get(`${group}/${version}/${plural}`);

/** `resourceForKind('apps/v1', 'Deployment')`. */
export const resourceForKind = (apiVersion: string, kind: string): Resource | undefined =>
  byKind.get(`${apiVersion}/${kind}`);
