// Whatever a client sends that has the right types, the rules of its kind answer: nothing ever throws, defaults are
// idempotent, and what is rendered as a table is rendered.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { trackUpdate } from '../apply/managed-fields.ts';
import { serverSideApply } from '../apply/server-side-apply.ts';
import { decodeObject } from '../decode/decode-body.ts';
import { invalid } from '../errors.ts';
import { setOwn } from '../json.ts';
import { allResources } from '../resource-lookup.ts';
import { apiVersionOf } from '../resources.ts';
import { schemaType } from '../schema/schema.ts';
import { renderTable } from '../table/render-table.ts';
import { arbitraryObject } from '../testing-arbitraries.ts';
import type { KubeObject } from '../types.ts';
import { strategyOf } from './index.ts';
import { resolveServiceFamilies } from './service-families.ts';
import type { ServiceDraft } from './service-shape.ts';
import { keepAllocatedValues, syncClusterIps } from './service-shape.ts';

const time = '2026-01-01T00:00:00Z';

describe('any object of', () => {
  for (const resource of allResources) {
    test(`${resource.group}/${resource.kind}`, () => {
      const strategy = strategyOf(resource);
      const expected = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      const value = arbitraryObject(schemaType(strategy.schema), { depth: 7, odd: true });
      fc.assert(
        fc.property(value, value, (first, second) => {
          const [next, previous] = [second, first].map((v) => {
            const { object } = decodeObject(expected, v, { fieldValidation: 'Strict' });
            strategy.applyDefaults(object);
            const once = structuredClone(object);
            strategy.applyDefaults(object);
            assert.deepEqual(object, once);
            return object;
          });
          assert.ok(next !== undefined && previous !== undefined);
          if (resource.kind === 'Service') {
            const service = previous as ServiceDraft;
            syncClusterIps(service);
            resolveServiceFamilies(service, undefined, ['IPv4', 'IPv6']);
          }
          strategy.prepareForCreate(previous);
          invalid(resource, 'a', strategy.validateCreate(previous));
          strategy.warnings(previous);
          for (const [name, text] of Object.entries(strategy.selectableFields(previous)))
            assert.equal(typeof text, 'string', name);
          assert.ok(strategy.gracePeriodSeconds(previous, undefined) >= 0);
          setOwn(previous.metadata, 'managedFields', undefined);
          trackUpdate({ schema: strategy.schema, next: previous, manager: 'm', time, subresource: '' });
          serverSideApply({
            schema: strategy.schema,
            current: previous,
            config: next,
            manager: 'n',
            force: true,
            time,
            subresource: '',
          });
          if (resource.kind === 'Service') {
            const [draft, stored] = [next as ServiceDraft, previous as ServiceDraft];
            syncClusterIps(draft, stored);
            keepAllocatedValues(draft, stored);
            resolveServiceFamilies(draft, stored, ['IPv4']);
          }
          const status = structuredClone(next);
          strategy.prepareForUpdate(next, previous);
          invalid(resource, 'a', strategy.validateUpdate(next, previous));
          strategy.prepareForStatusUpdate(status, previous);
          invalid(resource, 'a', strategy.validateStatusUpdate(status, previous));
          renderTable(resource, [next as unknown as KubeObject], { now: 0, includeObject: 'None' });
        }),
        { numRuns: 4 },
      );
    });
  }
});
