// Schemas in OpenAPI's words, made from the tables of types. Version 3 and version 2 differ only in how they refer.
import { schemaGroups } from '../schema/groups.ts';
import type { FieldType, ScalarName, SchemaField, SchemaType } from '../schema/schema.ts';
import { schemaType, schemaTypesOf } from '../schema/schema.ts';

export type OpenApiVersion = 2 | 3;
type Json = Record<string, unknown>;

const metaPrefix = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const special = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intorstring: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: `${metaPrefix}.Time`,
  microtime: `${metaPrefix}.MicroTime`,
  duration: `${metaPrefix}.Duration`,
  fields: `${metaPrefix}.FieldsV1`,
  raw: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
} as const;

const plainScalars: Readonly<Partial<Record<ScalarName, Json>>> = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  bool: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
  double: { type: 'number', format: 'double' },
};

function specialSchema(scalar: keyof typeof special, version: OpenApiVersion): Json {
  switch (scalar) {
    case 'quantity':
      return {
        description: 'An amount such as 100m, 1.5 or 2Gi.',
        ...(version === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' }),
      };
    case 'intorstring':
      return {
        description: 'A number, or a name or percentage.',
        format: 'int-or-string',
        ...(version === 3 ? { oneOf: [{ type: 'integer' }, { type: 'string' }] } : { type: 'string' }),
      };
    case 'time':
    case 'microtime':
      return { description: 'A moment, in RFC 3339.', type: 'string', format: 'date-time' };
    case 'duration':
      return { description: 'A span of time such as 90s or 1h30m.', type: 'string' };
    case 'fields':
      return { description: 'A set of fields, as a tree of path elements.', type: 'object' };
    case 'raw':
      return { description: 'Any object.', type: 'object' };
  }
}

/** The name under which a type is published: `io.k8s.api.core.v1.Pod`. */
export function publishedName(qualifiedName: string): string {
  const dot = qualifiedName.indexOf('.');
  return `${schemaGroups[qualifiedName.slice(0, dot)]?.openapiPrefix ?? ''}.${qualifiedName.slice(dot + 1)}`;
}

export const refTo = (name: string, version: OpenApiVersion): Json => ({
  $ref: `${version === 3 ? '#/components/schemas/' : '#/definitions/'}${name}`,
});

/** Collects the schemas of types and of all they use. */
export class SchemaCollection {
  readonly schemas: Json = {};
  readonly #version: OpenApiVersion;

  constructor(version: OpenApiVersion) {
    this.#version = version;
  }

  add(qualifiedName: string): void {
    const name = publishedName(qualifiedName);
    if (this.schemas[name] !== undefined) return;
    const type = schemaType(qualifiedName);
    const out: Json = {};
    this.schemas[name] = out;
    Object.assign(out, this.#typeSchema(type));
  }

  /** The list of a kind, which has no table of its own. */
  addList(qualifiedName: string): void {
    const type = schemaType(qualifiedName);
    this.add(qualifiedName);
    this.add('meta.ListMeta');
    this.schemas[`${publishedName(qualifiedName)}List`] = {
      description: `A list of ${type.name} objects.`,
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.#reference(publishedName('meta.ListMeta'), {}),
        items: { type: 'array', items: this.#reference(publishedName(qualifiedName), {}) },
      },
      'x-kubernetes-group-version-kind': [groupVersionKind(type, `${type.name}List`)],
    };
  }

  #typeSchema(type: SchemaType): Json {
    const fields = [...type.fields.values()];
    const required = fields.filter((f) => f.required).map((f) => f.name);
    return {
      ...(type.description === '' ? {} : { description: type.description }),
      type: 'object',
      ...(required.length > 0 ? { required } : {}),
      properties: Object.fromEntries(fields.map((f) => [f.name, this.#fieldSchema(f)])),
      ...(type.isKind ? { 'x-kubernetes-group-version-kind': kindsOf(type) } : {}),
      ...(type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    };
  }

  #fieldSchema(field: SchemaField): Json {
    const extra: Json = {};
    if (field.description !== '') extra['description'] = field.description;
    if (field.defaultValue !== undefined) extra['default'] = field.defaultValue;
    if (field.embedded) extra['default'] = {};
    if (field.type.form === 'list' && field.listType !== undefined) {
      extra['x-kubernetes-list-type'] = field.listType;
      if (field.keys.length > 0) extra['x-kubernetes-list-map-keys'] = field.keys;
    } else if (field.listType === 'atomic') extra['x-kubernetes-map-type'] = 'atomic';
    const strategies = [field.merge && 'merge', field.retainKeys && 'retainKeys', field.replace && 'replace'].filter(
      Boolean,
    );
    if (strategies.length > 0) extra['x-kubernetes-patch-strategy'] = strategies.join(',');
    if (field.mergeKey !== undefined) extra['x-kubernetes-patch-merge-key'] = field.mergeKey;
    return this.#valueSchema(field.type, extra);
  }

  #valueSchema(type: FieldType, extra: Json): Json {
    switch (type.form) {
      case 'scalar': {
        const plain = plainScalars[type.scalar];
        if (plain !== undefined) return { ...plain, ...extra };
        const scalar = type.scalar as keyof typeof special;
        const name = special[scalar];
        this.schemas[name] ??= specialSchema(scalar, this.#version);
        return this.#reference(name, extra);
      }
      case 'list':
        return { type: 'array', items: this.#valueSchema(type.of, {}), ...extra };
      case 'map':
        return { type: 'object', additionalProperties: this.#valueSchema(type.of, {}), ...extra };
      case 'message':
        this.add(type.type);
        return this.#reference(publishedName(type.type), extra);
    }
  }

  /** In version 3 nothing may stand beside a reference, so it is wrapped. */
  #reference(name: string, extra: Json): Json {
    const ref = refTo(name, this.#version);
    if (this.#version === 2) return { ...ref, ...extra };
    return Object.keys(extra).length === 0 ? ref : { allOf: [ref], ...extra };
  }
}

export function groupVersionKind(type: SchemaType, kind: string = type.name): Json {
  const { group = '', version = 'v1' } = schemaGroups[type.groupKey] ?? {};
  return { group, version, kind };
}

/** Options are a kind of every group. */
function kindsOf(type: SchemaType): Json[] {
  if (type.groupKey !== 'meta' || type.name === 'Status') return [groupVersionKind(type)];
  const groups = Object.values(schemaGroups).map((g) => `${g.group}/${g.version}`);
  return [...new Set(groups)].map((g) => {
    const [group = '', version = 'v1'] = g.split('/');
    return { group, version, kind: type.name };
  });
}

/** Kinds of one group key that stand for objects: `core.Pod`, … */
export const kindsOfGroup = (groupKey: string): SchemaType[] =>
  [...schemaTypesOf(groupKey).values()].filter((t) => t.isKind);
