// Completes a kind's own rules with what every kind shares.
import { copyJson } from '../copy-json.ts';
import type { FieldError } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import { dns1123Subdomain, nameIs } from '../names.ts';
import { schemaType } from '../schema/schema.ts';
import type { ApiObject, KindRules, KindStrategy } from './contract.ts';
import { fillRequired } from './fill-required.ts';
import { inheritServerMetadata, validateMetadata, validateMetadataUpdate } from './metadata.ts';

const subdomainName = nameIs(dns1123Subdomain);

/** T is the shape the rules see; objects come decoded against the kind's schema, which is what makes it true. */
export function defineStrategy<T extends object>(rules: KindRules<T>): KindStrategy {
  const { resource } = rules;
  const hasStatus = rules.hasStatus ?? resource.subresources?.includes('status') === true;
  const hasGeneration = rules.hasGeneration ?? false;
  const as = (object: ApiObject): T => object as unknown as T;
  const metadataErrors = (object: ApiObject): FieldError[] =>
    validateMetadata(object.metadata, { namespaced: resource.namespaced, name: rules.name ?? subdomainName });

  return {
    resource,
    schema: rules.schema,
    allowsUnconditionalUpdate: rules.allowsUnconditionalUpdate ?? true,
    allowsCreateOnUpdate: rules.allowsCreateOnUpdate ?? false,
    returnsObjectOnDelete: rules.returnsObjectOnDelete ?? false,
    defaultPropagation: rules.defaultPropagation ?? 'Background',
    applyDefaults(draft) {
      fillRequired(schemaType(rules.schema), draft);
      rules.applyDefaults?.(as(draft));
    },
    prepareForCreate(draft) {
      if (hasStatus && rules.keepsStatusOnCreate !== true) delete draft.status;
      delete draft.metadata.generation;
      if (hasGeneration) draft.metadata.generation = 1;
      rules.prepareForCreate?.(as(draft));
    },
    prepareForUpdate(draft, previous) {
      inheritServerMetadata(draft.metadata, previous.metadata);
      if (hasStatus) keepField(draft, previous, 'status');
      rules.prepareForUpdate?.(as(draft), as(previous));
      if (hasGeneration && desiredStateChanged(draft, previous)) {
        draft.metadata.generation = (previous.metadata.generation ?? 0) + 1;
      }
    },
    prepareForStatusUpdate(draft, previous) {
      inheritServerMetadata(draft.metadata, previous.metadata);
      for (const field of new Set([...Object.keys(draft), ...Object.keys(previous)])) {
        if (field !== 'metadata' && field !== 'status' && field !== 'apiVersion' && field !== 'kind') {
          keepField(draft, previous, field);
        }
      }
      for (const field of ['ownerReferences'] as const) {
        if (previous.metadata[field] === undefined) delete draft.metadata[field];
        else draft.metadata[field] = previous.metadata[field];
      }
      rules.prepareForStatusUpdate?.(as(draft), as(previous));
    },
    validateCreate: (object) => [...metadataErrors(object), ...(rules.validate?.(as(object)) ?? [])],
    validateUpdate: (next, previous) => [
      ...validateMetadataUpdate(next.metadata, previous.metadata),
      ...metadataErrors(next),
      ...(rules.validateUpdate?.(as(next), as(previous)) ?? []),
      ...(rules.validate?.(as(next)) ?? []),
    ],
    validateStatusUpdate: (next, previous) => [
      ...validateMetadataUpdate(next.metadata, previous.metadata),
      ...metadataErrors(next),
      ...(rules.validateStatusUpdate?.(as(next), as(previous)) ?? []),
    ],
    warnings: (object, previous) =>
      rules.warnings?.(as(object), previous === undefined ? undefined : as(previous)) ?? [],
    selectableFields: (object) => ({
      'metadata.name': object.metadata.name ?? '',
      ...(resource.namespaced ? { 'metadata.namespace': object.metadata.namespace ?? '' } : {}),
      ...rules.selectableFields?.(as(object)),
    }),
    gracePeriodSeconds: (object, asked) => rules.gracePeriodSeconds?.(as(object), asked) ?? 0,
  };
}

function keepField(draft: ApiObject, previous: ApiObject, field: string): void {
  if (previous[field] === undefined) delete draft[field];
  else draft[field] = copyJson(previous[field]);
}

function desiredStateChanged(next: ApiObject, previous: ApiObject): boolean {
  const strip = ({ metadata: _m, status: _s, apiVersion: _a, kind: _k, ...desired }: ApiObject): unknown => desired;
  return !deepEqual(strip(next), strip(previous)) || becameDeleted(next, previous);
}

const becameDeleted = (next: ApiObject, previous: ApiObject): boolean =>
  previous.metadata.deletionTimestamp === undefined && next.metadata.deletionTimestamp !== undefined;
