// The OpenAPI documents: one per group version (v3), and one of everything (v2). kubectl reads from them what it may
// send (fieldValidation, patch types), how to compute patches, and what `kubectl explain` prints.
import { allResources } from '../resource-lookup.ts';
import type { Resource } from '../resources.ts';
import { apiVersionOf } from '../resources.ts';
import { schemaGroups } from '../schema/groups.ts';
import { schemaOfKind } from '../schema/schema.ts';
import type { OpenApiVersion } from './schemas.ts';
import { SchemaCollection, groupVersionKind, kindsOfGroup, publishedName, refTo } from './schemas.ts';

type Json = Record<string, unknown>;

const info = { title: 'Kubernetes', version: 'v1' };
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

const pathOf = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

/** Paths of the v3 documents: `api/v1`, `apis/apps/v1`, … */
export function openapiV3Index(): string[] {
  const groups = Object.entries(schemaGroups).filter(([key]) => key !== 'meta');
  return [...new Set(groups.map(([, g]) => pathOf(g.group, g.version)))];
}

/** The v3 document of one group version, given by its path. */
export function openapiV3(path: string): Json {
  const keys = Object.entries(schemaGroups)
    .filter(([key, g]) => key !== 'meta' && pathOf(g.group, g.version) === path)
    .map(([key]) => key);
  const collection = new SchemaCollection(3);
  const paths = keys.flatMap((key) => addGroup(collection, key, 3));
  return {
    openapi: '3.0.0',
    info,
    paths: Object.fromEntries(paths),
    components: { schemas: collection.schemas },
  };
}

/** All groups in one document of version 2. */
export function openapiV2(): Json {
  const collection = new SchemaCollection(2);
  const keys = Object.keys(schemaGroups).filter((key) => key !== 'meta');
  const paths = keys.flatMap((key) => addGroup(collection, key, 2));
  return {
    swagger: '2.0',
    info,
    paths: Object.fromEntries(paths),
    definitions: collection.schemas,
  };
}

function addGroup(collection: SchemaCollection, groupKey: string, version: OpenApiVersion): [string, Json][] {
  const group = schemaGroups[groupKey];
  if (group === undefined) return [];
  for (const shared of ['meta.Status', 'meta.DeleteOptions']) collection.add(shared);
  for (const kind of kindsOfGroup(groupKey)) collection.add(kind.qualifiedName);
  const served = allResources.filter((r) => r.group === group.group && r.version === group.version);
  return served.flatMap((r) => resourcePaths(collection, r, version));
}

function resourcePaths(collection: SchemaCollection, resource: Resource, version: OpenApiVersion): [string, Json][] {
  const schema = schemaOfKind(apiVersionOf(resource), resource.kind);
  if (schema === undefined) return [];
  collection.addList(schema.qualifiedName);
  const operations = new Operations(resource, publishedName(schema.qualifiedName), groupVersionKind(schema), version);
  const root = `/${pathOf(resource.group, resource.version)}`;
  const collectionPath = `${root}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`;
  const paths: [string, Json][] = [
    [collectionPath, operations.collection()],
    [`${collectionPath}/{name}`, operations.item()],
  ];
  for (const sub of ['status', 'finalize', 'ephemeralcontainers']) {
    if (resource.subresources?.includes(sub) === true)
      paths.push([`${collectionPath}/{name}/${sub}`, operations.part()]);
  }
  if (resource.subresources?.includes('scale') === true) {
    collection.add('autoscaling.Scale');
    const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
    const name = publishedName('autoscaling.Scale');
    paths.push([`${collectionPath}/{name}/scale`, new Operations(resource, name, scale, version).part()]);
  }
  if (resource.namespaced) paths.push([`${root}/${resource.plural}`, operations.listEverywhere()]);
  return paths;
}

/** The operations on one path, as far as clients look at them. */
class Operations {
  readonly #resource: Resource;
  readonly #schema: string;
  readonly #gvk: Json;
  readonly #version: OpenApiVersion;

  constructor(resource: Resource, schema: string, gvk: Json, version: OpenApiVersion) {
    this.#resource = resource;
    this.#schema = schema;
    this.#gvk = gvk;
    this.#version = version;
  }

  collection(): Json {
    return {
      parameters: this.#pathParameters(false),
      get: this.#operation('list', `${this.#schema}List`, listParameters),
      post: this.#operation('post', this.#schema, writeParameters, ['application/json']),
      delete: this.#operation('deletecollection', publishedName('meta.Status'), listParameters),
    };
  }

  listEverywhere(): Json {
    return { get: this.#operation('list', `${this.#schema}List`, listParameters) };
  }

  item(): Json {
    return { ...this.part(), delete: this.#operation('delete', publishedName('meta.Status'), deleteParameters) };
  }

  /** The object itself, or its status or scale. */
  part(): Json {
    return {
      parameters: this.#pathParameters(true),
      get: this.#operation('get', this.#schema, []),
      put: this.#operation('put', this.#schema, writeParameters, ['application/json']),
      patch: this.#operation('patch', this.#schema, patchParameters, patchTypes),
    };
  }

  #operation(
    action: string,
    answer: string,
    parameters: readonly QueryParameter[],
    bodyTypes: readonly string[] = [],
  ): Json {
    const body = action === 'patch' ? { type: 'object' } : refTo(this.#schema, this.#version);
    const query = parameters.map((p) => this.#queryParameter(p));
    const shared = {
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': this.#gvk,
    };
    if (this.#version === 2) {
      const inBody = bodyTypes.length === 0 ? [] : [{ name: 'body', in: 'body', required: true, schema: body }];
      return {
        ...(bodyTypes.length === 0 ? {} : { consumes: bodyTypes }),
        produces: ['application/json'],
        parameters: [...inBody, ...query],
        responses: { 200: { description: 'OK', schema: refTo(answer, 2) } },
        ...shared,
      };
    }
    return {
      parameters: query,
      ...(bodyTypes.length === 0
        ? {}
        : {
            requestBody: { required: true, content: Object.fromEntries(bodyTypes.map((t) => [t, { schema: body }])) },
          }),
      responses: { 200: { description: 'OK', content: { 'application/json': { schema: refTo(answer, 3) } } } },
      ...shared,
    };
  }

  #pathParameters(named: boolean): Json[] {
    const names = [...(this.#resource.namespaced ? ['namespace'] : []), ...(named ? ['name'] : [])];
    return names.map((name) => this.#parameter({ name, in: 'path', required: true, type: 'string' }));
  }

  #queryParameter({ name, type, description }: QueryParameter): Json {
    return this.#parameter({ name, in: 'query', description, type });
  }

  #parameter({ type, ...rest }: Json & { type: string }): Json {
    return this.#version === 3
      ? { ...rest, schema: { type, uniqueItems: true } }
      : { ...rest, type, uniqueItems: true };
  }
}

interface QueryParameter {
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'integer';
  readonly description: string;
}

const dryRun: QueryParameter = {
  name: 'dryRun',
  type: 'string',
  description: 'All: go through everything, store nothing.',
};

const writeParameters: readonly QueryParameter[] = [
  dryRun,
  { name: 'fieldManager', type: 'string', description: 'Who is named as the owner of the fields that change.' },
  {
    name: 'fieldValidation',
    type: 'string',
    description: 'Strict refuses unknown and duplicate fields, Warn reports them, Ignore drops them.',
  },
];
const patchParameters: readonly QueryParameter[] = [
  ...writeParameters,
  { name: 'force', type: 'boolean', description: 'Apply only: take fields over from their owners.' },
];
const deleteParameters: readonly QueryParameter[] = [
  dryRun,
  { name: 'gracePeriodSeconds', type: 'integer', description: 'Seconds before the object goes; 0 means now.' },
  {
    name: 'propagationPolicy',
    type: 'string',
    description: 'Orphan, Background or Foreground: what happens to dependents.',
  },
];
const listParameters: readonly QueryParameter[] = [
  { name: 'labelSelector', type: 'string', description: 'Only objects with these labels.' },
  { name: 'fieldSelector', type: 'string', description: 'Only objects with these field values.' },
  { name: 'limit', type: 'integer', description: 'At most so many objects an answer.' },
  { name: 'continue', type: 'string', description: 'Goes on where a limited answer ended.' },
  { name: 'resourceVersion', type: 'string', description: 'State to read, or to watch from.' },
  { name: 'resourceVersionMatch', type: 'string', description: 'Exact or NotOlderThan.' },
  { name: 'watch', type: 'boolean', description: 'Stream changes instead of a list.' },
  { name: 'allowWatchBookmarks', type: 'boolean', description: 'Send BOOKMARK events in a watch.' },
  { name: 'sendInitialEvents', type: 'boolean', description: 'Begin a watch with the present state.' },
  { name: 'timeoutSeconds', type: 'integer', description: 'Ends the call after so long.' },
];
