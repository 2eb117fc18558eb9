// The tables against themselves, against kubernetes-types (names and shapes of fields) and, when the folder is
// there, against the published OpenAPI data (list types, keys, patch strategies).
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { publishedName } from '../openapi/schemas.ts';
import { allResources } from '../resource-lookup.ts';
import { apiVersionOf } from '../resources.ts';
import { strategyOf } from '../strategy/index.ts';
import { schemaGroups } from './groups.ts';
import type { FieldType, SchemaField, SchemaType } from './schema.ts';
import { schemaOfKind, schemaType, schemaTypesOf } from './schema.ts';

const allTypes: SchemaType[] = Object.keys(schemaGroups).flatMap((key) => [...schemaTypesOf(key).values()]);

const innermost = (type: FieldType): FieldType =>
  type.form === 'list' || type.form === 'map' ? innermost(type.of) : type;

describe('tables of types', () => {
  test('every type that a field names exists, and no field number stands twice', () => {
    for (const type of allTypes) {
      const numbers = type.wireFields.map((f) => f.number);
      assert.equal(new Set(numbers).size, numbers.length, type.qualifiedName);
      assert.ok(
        numbers.every((n) => Number.isInteger(n) && n > 0),
        type.qualifiedName,
      );
      for (const field of type.fields.values()) {
        const of = innermost(field.type);
        if (of.form === 'message') assert.ok(schemaType(of.type), `${type.qualifiedName}.${field.name}`);
      }
    }
  });

  test('list keys are fields of the items', () => {
    for (const type of allTypes) {
      for (const field of type.fields.values()) {
        if (field.type.form !== 'list' || field.type.of.form !== 'message') continue;
        const item = schemaType(field.type.of.type);
        for (const key of [...field.keys, ...(field.mergeKey === undefined ? [] : [field.mergeKey])]) {
          assert.ok(item.fields.has(key), `${type.qualifiedName}.${field.name}: ${key}`);
        }
      }
    }
  });

  test('every resource has a kind in the tables, and its strategy names it', () => {
    for (const resource of allResources) {
      const schema = schemaOfKind(apiVersionOf(resource), resource.kind);
      assert.ok(schema, resource.kind);
      assert.equal(strategyOf(resource).schema, schema.qualifiedName);
    }
  });
});

/** Interfaces of a declaration file: fields with their type text and whether they are optional. */
function interfacesOf(text: string): Map<string, Map<string, { optional: boolean; type: string }>> {
  const found = new Map<string, Map<string, { optional: boolean; type: string }>>();
  for (const m of text.matchAll(/^export (?:declare )?interface (\w+)[^{]*\{([\s\S]*?)^\}/gm)) {
    const fields = new Map<string, { optional: boolean; type: string }>();
    const body = (m[2] ?? '').replaceAll(/\/\*\*[\s\S]*?\*\//g, '');
    for (const f of body.matchAll(/^\s*(?:readonly )?"?([\w$-]+)"?(\?)?: ([^;]+);?$/gm)) {
      fields.set(f[1] ?? '', { optional: f[2] === '?', type: (f[3] ?? '').trim() });
    }
    found.set(m[1] ?? '', fields);
  }
  return found;
}

const typesRoot = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));

/** Required in the release of kubernetes-types, optional since. */
const noLongerRequired: ReadonlySet<string> = new Set([
  'StatefulSetSpec.serviceName',
  'PodFailurePolicyOnPodConditionsPattern.status',
  'EndpointSlice.endpoints',
  'NetworkPolicySpec.podSelector',
  'RoleRef.apiGroup',
  'TokenRequest.spec',
  'TokenRequestSpec.audiences',
  'TokenRequestStatus.expirationTimestamp',
  'TokenRequestStatus.token',
]);

/** Optional in the published data of later releases than the one that is served. */
const requiredHere: ReadonlySet<string> = new Set([
  'PodDisruptionBudgetStatus.currentHealthy',
  'PodDisruptionBudgetStatus.desiredHealthy',
  'PodDisruptionBudgetStatus.disruptionsAllowed',
  'PodDisruptionBudgetStatus.expectedPods',
]);

/** Taken out of the API since. */
const goneSince: ReadonlySet<string> = new Set(['PodResourceClaim.source']);

function expectedShape(field: SchemaField): RegExp {
  const { type } = field;
  if (type.form === 'list') return /\[\]$|^Array</;
  if (type.form === 'map') return /^\{|Record<|\[name: string\]|^\w+$/;
  if (type.form === 'message') return /^[\w.]+$/;
  const byScalar: Partial<Record<string, RegExp>> = {
    bool: /boolean/,
    int32: /number/,
    int64: /number/,
    double: /number/,
    intorstring: /IntOrString|number|string/,
  };
  return byScalar[type.scalar] ?? /./;
}

describe('tables against kubernetes-types', () => {
  for (const [key, group] of Object.entries(schemaGroups)) {
    const file = join(typesRoot, key, `${group.version}.d.ts`);
    test(key, { skip: existsSync(file) ? false : `kubernetes-types has no ${key}/${group.version}` }, () => {
      const interfaces = interfacesOf(readFileSync(file, 'utf8'));
      let compared = 0;
      for (const type of schemaTypesOf(key).values()) {
        const theirs = interfaces.get(type.name);
        if (theirs === undefined) continue;
        for (const [name, { type: text, optional }] of theirs) {
          const field = type.fields.get(name);
          if (goneSince.has(`${type.name}.${name}`)) continue;
          assert.ok(field, `${type.qualifiedName}.${name} is missing`);
          assert.match(text, expectedShape(field), `${type.qualifiedName}.${name}`);
          if (name !== 'apiVersion' && name !== 'kind' && !optional && !noLongerRequired.has(`${type.name}.${name}`)) {
            assert.ok(field.required, `${type.qualifiedName}.${name} is required`);
          }
          compared++;
        }
      }
      assert.ok(compared > 0);
    });
  }
});

interface OpenApiField {
  type?: string;
  format?: string;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-patch-strategy'?: string;
}

const dataFolder = process.env['KUBERNETES_OPENAPI_DIR'] ?? '';

/** For those who have Kubernetes' v3 documents at hand: KUBERNETES_OPENAPI_DIR names their folder. */
const againstPublishedData = () => {
  const schemas: Record<string, { required?: string[]; properties?: Record<string, OpenApiField> }> = {};
  for (const file of readdirSync(dataFolder).filter((f) => f.startsWith('api'))) {
    const document = JSON.parse(readFileSync(join(dataFolder, file), 'utf8')) as {
      schemas?: typeof schemas;
      components?: { schemas: typeof schemas };
    };
    Object.assign(schemas, document.schemas ?? document.components?.schemas);
  }
  let compared = 0;
  for (const type of allTypes) {
    const theirs = schemas[publishedName(type.qualifiedName)];
    for (const [name, property] of Object.entries(theirs?.properties ?? {})) {
      const field = type.fields.get(name);
      if (field === undefined) continue; // Newer than the tables.
      const where = `${type.qualifiedName}.${name}`;
      compared++;
      const required = theirs?.required?.includes(name) === true || requiredHere.has(`${type.name}.${name}`);
      assert.equal(field.required, required, `${where}: required`);
      if (property.type === 'array')
        assert.equal(field.listType, property['x-kubernetes-list-type'], `${where}: list type`);
      assert.deepEqual(field.keys, property['x-kubernetes-list-map-keys'] ?? [], `${where}: keys`);
      assert.equal(field.mergeKey, property['x-kubernetes-patch-merge-key'], `${where}: merge key`);
      const strategy = property['x-kubernetes-patch-strategy'] ?? '';
      assert.equal(field.merge, strategy.includes('merge'), `${where}: merge`);
      assert.equal(field.retainKeys, strategy.includes('retainKeys'), `${where}: retainKeys`);
      if (property.format === 'int32') assert.deepEqual(field.type, { form: 'scalar', scalar: 'int32' }, where);
    }
  }
  assert.ok(compared > 900, `compared ${compared}`);
};

if (existsSync(dataFolder)) test('tables agree with published OpenAPI data', againstPublishedData);
