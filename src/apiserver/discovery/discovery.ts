// The discovery documents: aggregated (v2) for today's clients, one per group and version for the others. Made once.
import { createHash } from 'node:crypto';
import { servedGroups, servedResources, type ServedResource, type ServedSubresource } from './served-resources.ts';

const AGGREGATED = 'apidiscovery.k8s.io';

export interface DiscoveryDocument {
  readonly value: unknown;
  readonly contentType: string;
  readonly etag?: string;
}

const resourcesOf = (group: string, version: string): ServedResource[] =>
  servedResources.filter((s) => s.resource.group === group && s.resource.version === version);

const groupVersion = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

/** For /api (core) or /apis (the rest). `accept` decides between the aggregated and the legacy form. */
export function groupDiscovery(core: boolean, accept: string, server: { address: string }): DiscoveryDocument {
  const wanted = accept.split(',').map((part) => part.trim());
  for (const media of wanted) {
    if (!media.includes('as=APIGroupDiscoveryList')) continue;
    const version = /;v=(v2(?:beta1)?)\b/.exec(media)?.[1];
    if (version === undefined) continue;
    const value = aggregated(core, version);
    const etag = `"${createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32).toUpperCase()}"`;
    return { value, etag, contentType: `application/json;g=${AGGREGATED};v=${version};as=APIGroupDiscoveryList` };
  }
  if (core) {
    const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: server.address }];
    return {
      value: { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs },
      contentType: 'application/json',
    };
  }
  const groups = [...servedGroups]
    .filter(([group]) => group !== '')
    .map(([group, versions]) => groupObject(group, versions));
  return { value: { kind: 'APIGroupList', apiVersion: 'v1', groups }, contentType: 'application/json' };
}

function groupObject(group: string, versions: readonly string[]): object {
  const list = versions.map((version) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions: list, preferredVersion: list[0] };
}

/** For /apis/GROUP; undefined when it is not served. */
export function oneGroup(group: string): object | undefined {
  const versions = servedGroups.get(group);
  if (group === '' || versions === undefined) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupObject(group, versions) };
}

/** For /api/v1 and /apis/GROUP/VERSION; undefined when it is not served. */
export function resourceList(group: string, version: string): object | undefined {
  const served = resourcesOf(group, version);
  if (served.length === 0) return undefined;
  const resources = served.flatMap(({ resource, verbs, subresources }) => [
    {
      name: resource.plural,
      singularName: resource.singular,
      namespaced: resource.namespaced,
      kind: resource.kind,
      verbs,
      ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
      ...(resource.categories === undefined ? {} : { categories: resource.categories }),
    },
    ...[...subresources.values()].map((sub) => ({
      name: `${resource.plural}/${sub.name}`,
      singularName: '',
      namespaced: resource.namespaced,
      ...(sub.group === undefined ? {} : { group: sub.group, version: sub.version }),
      kind: sub.kind ?? resource.kind,
      verbs: sub.verbs,
    })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion(group, version), resources };
}

function aggregated(core: boolean, version: string): object {
  const items = [...servedGroups]
    .filter(([group]) => (group === '') === core)
    .map(([group, versions]) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versions.map((v) => ({
        version: v,
        resources: resourcesOf(group, v).map(discoveredResource),
        freshness: 'Current',
      })),
    }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: `${AGGREGATED}/${version}`, metadata: {}, items };
}

/** Group and version stay empty when they are those of the entry itself. */
const responseKind = (sub: Partial<ServedSubresource>, kind: string): object => ({
  group: sub.group ?? '',
  version: sub.version ?? '',
  kind: sub.kind ?? kind,
});

function discoveredResource({ resource, verbs, subresources }: ServedResource): object {
  const subs = [...subresources.values()].map((sub) => ({
    subresource: sub.name,
    responseKind: responseKind(sub, resource.kind),
    verbs: sub.verbs,
  }));
  return {
    resource: resource.plural,
    responseKind: responseKind({}, resource.kind),
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs,
    ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
    ...(resource.categories === undefined ? {} : { categories: resource.categories }),
    ...(subs.length === 0 ? {} : { subresources: subs }),
  };
}
