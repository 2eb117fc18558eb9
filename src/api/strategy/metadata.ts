// Rules for metadata, the same for every kind.
import type { FieldError } from '../field-error.ts';
import { forbidden, goStrings, invalidValue, required, tooLong } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import type { NameCheck } from '../names.ts';
import { dns1123Label, labelValueErrors, qualifiedName } from '../names.ts';
import type { meta } from '../types.ts';

const maxAnnotationBytes = 256 * 1024;
const standardFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);
const immutableText = 'field is immutable';

export function validateMetadata(
  metadata: meta.ObjectMeta,
  options: { namespaced: boolean; name: NameCheck; path?: string },
): FieldError[] {
  const path = options.path ?? 'metadata';
  const errors: FieldError[] = [];
  const { name = '', generateName = '', namespace = '' } = metadata;
  if (generateName !== '') {
    errors.push(...options.name(generateName, true).map((m) => invalidValue(`${path}.generateName`, generateName, m)));
  }
  if (name === '') errors.push(required(`${path}.name`, 'name or generateName is required'));
  else errors.push(...options.name(name, false).map((m) => invalidValue(`${path}.name`, name, m)));
  if (options.namespaced) {
    if (namespace === '') errors.push(required(`${path}.namespace`));
    else errors.push(...dns1123Label(namespace).map((m) => invalidValue(`${path}.namespace`, namespace, m)));
  } else if (namespace !== '') {
    errors.push(forbidden(`${path}.namespace`, 'not allowed on this type'));
  }
  if ((metadata.generation ?? 0) < 0) {
    errors.push(invalidValue(`${path}.generation`, metadata.generation, 'must be greater than or equal to 0'));
  }
  errors.push(
    ...validateLabels(metadata.labels, `${path}.labels`),
    ...validateAnnotations(metadata.annotations, `${path}.annotations`),
    ...validateOwnerReferences(metadata.ownerReferences ?? [], `${path}.ownerReferences`),
    ...validateFinalizers(metadata.finalizers ?? [], `${path}.finalizers`),
  );
  return errors;
}

export function validateLabels(labels: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...qualifiedName(key).map((m) => invalidValue(path, key, m)),
    ...labelValueErrors(value).map((m) => invalidValue(path, value, m)),
  ]);
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...qualifiedName(key.toLowerCase()).map((m) => invalidValue(path, key, m)));
    total += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (total > maxAnnotationBytes) errors.push(tooLong(path, maxAnnotationBytes));
  return errors;
}

function validateOwnerReferences(references: readonly meta.OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller = '';
  references.forEach((r, i) => {
    const at = `${path}[${i}]`;
    if ((r.apiVersion ?? '') === '') errors.push(invalidValue(`${at}.apiVersion`, '', 'version must not be empty'));
    if ((r.kind ?? '') === '') errors.push(invalidValue(`${at}.kind`, '', 'must not be empty'));
    if ((r.name ?? '') === '') errors.push(invalidValue(`${at}.name`, '', 'must not be empty'));
    if ((r.uid ?? '') === '') errors.push(invalidValue(`${at}.uid`, '', 'must not be empty'));
    if (r.apiVersion === 'v1' && r.kind === 'Event') {
      errors.push(invalidValue(at, { go: '"v1, Kind=Event"' }, 'is disallowed from being an owner'));
    }
    if (r.controller === true) {
      if (controller === '') controller = r.name;
      else {
        errors.push(
          invalidValue(
            path,
            { go: JSON.stringify(references) },
            `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${r.name}`,
          ),
        );
      }
    }
  });
  return errors;
}

function validateFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const f of finalizers) {
    errors.push(...qualifiedName(f).map((m) => invalidValue(path, f, m)));
    if (!f.includes('/') && !standardFinalizers.has(f)) {
      errors.push(invalidValue(path, f, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(
      invalidValue(path, goStrings(finalizers), 'finalizer orphan and foregroundDeletion cannot be both set'),
    );
  }
  return errors;
}

/** Metadata that may not change once written. `next` has already inherited what clients never set. */
export function validateMetadataUpdate(next: meta.ObjectMeta, previous: meta.ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const fixed = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  for (const field of fixed) {
    if (next[field] !== previous[field]) errors.push(invalidValue(`metadata.${field}`, next[field], immutableText));
  }
  if (previous.deletionTimestamp !== undefined) {
    const added = (next.finalizers ?? []).filter((f) => !(previous.finalizers ?? []).includes(f));
    if (added.length > 0) {
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers ${goStrings(added).go}`,
        ),
      );
    }
  }
  return errors;
}

/** Identity and lifecycle that only the server writes: taken over from the stored object. */
export function inheritServerMetadata(next: meta.ObjectMeta, previous: meta.ObjectMeta): void {
  const server = [
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'selfLink',
  ] as const;
  for (const field of server) copyOrDelete(next, previous, field);
  if (next.uid === undefined) copyOrDelete(next, previous, 'uid');
  if (next.generateName === undefined) copyOrDelete(next, previous, 'generateName');
}

function copyOrDelete<K extends keyof meta.ObjectMeta>(next: meta.ObjectMeta, previous: meta.ObjectMeta, key: K): void {
  if (previous[key] === undefined) delete next[key];
  else next[key] = previous[key];
}

/** `field is immutable`, when it changed. */
export function immutable(next: unknown, previous: unknown, path: string): FieldError[] {
  return deepEqual(next, previous) ? [] : [invalidValue(path, next, immutableText)];
}
