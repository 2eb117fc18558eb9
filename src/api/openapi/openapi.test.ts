// The OpenAPI documents: every reference leads somewhere, and what kubectl looks for is there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import protobuf from 'protobufjs/light.js';
import { allResources } from '../resource-lookup.ts';
import { openapiV2, openapiV3, openapiV3Index } from './documents.ts';
import { openapiV2Protobuf } from './v2-protobuf.ts';

type Json = Record<string, unknown>;

function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    if (key === '$ref' && typeof child === 'string') yield child;
    else yield* references(child);
  }
}

function assertReferences(document: Json, root: string, schemas: Json): void {
  for (const reference of references(document)) {
    assert.ok(reference.startsWith(root), reference);
    assert.ok(schemas[reference.slice(root.length)] !== undefined, reference);
  }
}

test('references lead to schemas', () => {
  for (const path of openapiV3Index()) {
    const document = openapiV3(path);
    assertReferences(document, '#/components/schemas/', (document['components'] as { schemas: Json }).schemas);
  }
  const v2 = openapiV2();
  assertReferences(v2, '#/definitions/', v2['definitions'] as Json);
});

interface Operation {
  parameters: { name: string }[];
  requestBody: { content: Json };
  'x-kubernetes-group-version-kind': { group: string; version: string; kind: string };
}

test('every resource has a PATCH with fieldValidation and the strategic type, and a schema of its kind', () => {
  for (const resource of allResources) {
    const document = openapiV3(resource.group === '' ? 'api/v1' : `apis/${resource.group}/${resource.version}`);
    const patches = Object.values(document['paths'] as Record<string, { patch?: Operation }>)
      .map((p) => p.patch)
      .filter((p) => p?.['x-kubernetes-group-version-kind'].kind === resource.kind);
    const [patch] = patches;
    assert.ok(patch, resource.kind);
    assert.ok(patch.parameters.some((p) => p.name === 'fieldValidation'));
    assert.ok('application/strategic-merge-patch+json' in patch.requestBody.content);
    const schemas = Object.values((document['components'] as { schemas: Record<string, Json> }).schemas);
    const kinds = schemas.flatMap(
      (s) => (s['x-kubernetes-group-version-kind'] ?? []) as { group: string; kind: string }[],
    );
    assert.ok(
      kinds.some((k) => k.kind === resource.kind && k.group === resource.group),
      resource.kind,
    );
  }
});

test('patch keys are published', () => {
  const { schemas } = openapiV3('apis/apps/v1')['components'] as {
    schemas: Record<string, { properties: Record<string, Json> }>;
  };
  const containers = schemas['io.k8s.api.core.v1.PodSpec']?.properties['containers'];
  assert.equal(containers?.['x-kubernetes-patch-merge-key'], 'name');
  assert.equal(containers?.['x-kubernetes-patch-strategy'], 'merge');
  assert.deepEqual(containers?.['x-kubernetes-list-map-keys'], ['name']);
  assert.deepEqual(containers?.['items'], { $ref: '#/components/schemas/io.k8s.api.core.v1.Container' });
});

test('the kinds people ask about are described', () => {
  const { schemas } = openapiV3('api/v1')['components'] as {
    schemas: Record<string, { description?: string; properties: Record<string, { description?: string }> }>;
  };
  for (const name of ['Service', 'ServiceSpec', 'ServicePort', 'Pod', 'PodSpec', 'Container', 'Probe']) {
    const schema = schemas[`io.k8s.api.core.v1.${name}`];
    assert.ok(schema?.description, name);
    for (const [field, { description }] of Object.entries(schema.properties)) {
      if (name.startsWith('Service')) assert.ok(description, `${name}.${field}`);
    }
  }
});

test('v2 as protobuf is read back by an independent decoder', () => {
  const root = new protobuf.Root();
  const type = (name: string, ...fields: [string, number, string, string?][]): protobuf.Type => {
    const t = new protobuf.Type(name);
    for (const [field, number, kind, rule] of fields) t.add(new protobuf.Field(field, number, kind, rule));
    root.add(t);
    return t;
  };
  type('Type', ['value', 1, 'string', 'repeated']);
  type('Items', ['schema', 1, 'Schema', 'repeated']);
  type('Properties', ['all', 1, 'Named', 'repeated']);
  type('Named', ['name', 1, 'string'], ['value', 2, 'Schema']);
  type(
    'Schema',
    ['ref', 1, 'string'],
    ['description', 4, 'string'],
    ['type', 22, 'Type'],
    ['items', 23, 'Items'],
    ['properties', 25, 'Properties'],
  );
  const documentType = type('Document', ['swagger', 1, 'string'], ['definitions', 9, 'Properties']);
  const document = documentType.toObject(documentType.decode(openapiV2Protobuf())) as {
    swagger: string;
    definitions: {
      all: { name: string; value: { description: string; properties: { all: { name: string; value: Json }[] } } }[];
    };
  };
  assert.equal(document.swagger, '2.0');
  const expected = openapiV2()['definitions'] as Record<string, { description?: string; properties?: Json }>;
  assert.deepEqual(
    document.definitions.all.map((d) => d.name),
    Object.keys(expected),
  );
  for (const { name, value } of document.definitions.all) {
    assert.equal(value.description, expected[name]?.description, name);
    assert.deepEqual(
      (value.properties?.all ?? []).map((p) => p.name),
      Object.keys(expected[name]?.properties ?? {}),
      name,
    );
  }
});
