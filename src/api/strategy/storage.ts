// PersistentVolume, PersistentVolumeClaim, StorageClass.
import type { FieldError } from '../field-error.ts';
import { forbidden, invalidValue, notSupported, required } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import { dns1123Subdomain, qualifiedName } from '../names.ts';
import { compareQuantities, parseQuantity, quantityFormatText } from '../quantity.ts';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../resources.ts';
import type { Writable, core, storage } from '../types.ts';
import { fails } from './container-validation.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';
import { validateLabelSelector } from './selector-validation.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];
const RECLAIM = ['Delete', 'Recycle', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];

function validateAccessModes(modes: readonly string[] | undefined, path: string): FieldError[] {
  if ((modes ?? []).length === 0) return [required(path, 'at least 1 access mode is required')];
  const errors = (modes ?? []).flatMap((m) => (ACCESS_MODES.includes(m) ? [] : [notSupported(path, m, ACCESS_MODES)]));
  if ((modes ?? []).includes('ReadWriteOncePod') && (modes ?? []).length > 1) {
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateVolumeMode(mode: string | undefined, path: string): FieldError[] {
  return mode === undefined || VOLUME_MODES.includes(mode) ? [] : [notSupported(path, mode, VOLUME_MODES)];
}

function validateStorage(amounts: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  const amount = amounts?.['storage'];
  if (amount === undefined) return [required(path)];
  const at = `${path}[storage]`;
  if (parseQuantity(amount) === undefined) return [invalidValue(at, amount, quantityFormatText)];
  return compareQuantities(amount, '0') > 0 ? [] : [invalidValue(at, amount, 'must be greater than zero')];
}

function validateClaim({ spec }: core.PersistentVolumeClaim): FieldError[] {
  if (spec === undefined) return [required('spec.accessModes', 'at least 1 access mode is required')];
  const className = spec.storageClassName ?? '';
  return [
    ...validateLabelSelector(spec.selector, 'spec.selector'),
    ...validateAccessModes(spec.accessModes, 'spec.accessModes'),
    ...validateStorage(spec.resources?.requests, 'spec.resources.requests'),
    ...(className === '' ? [] : fails('spec.storageClassName', className, dns1123Subdomain(className))),
    ...validateVolumeMode(spec.volumeMode, 'spec.volumeMode'),
  ];
}

/** Only the amount asked for may change, and the class that changes attributes. */
function validateClaimUpdate(next: core.PersistentVolumeClaim, previous: core.PersistentVolumeClaim): FieldError[] {
  const fixed = ({ spec }: core.PersistentVolumeClaim): unknown => {
    const { resources: _r, volumeAttributesClassName: _v, volumeName, ...rest } = spec ?? {};
    // An unbound claim may be bound.
    return { ...rest, ...((previous.spec?.volumeName ?? '') === '' ? {} : { volumeName }) };
  };
  const size = (claim: core.PersistentVolumeClaim) => claim.spec?.resources?.requests?.['storage'] ?? '0';
  if (deepEqual(fixed(next), fixed(previous))) {
    return (parseQuantity(size(next))?.nano ?? 0n) < (parseQuantity(size(previous))?.nano ?? 0n)
      ? [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
      : [];
  }
  const what =
    'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  return [forbidden('spec', what)];
}

const SETTINGS: ReadonlySet<string> = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

const sourcesOf = (volume: core.PersistentVolume): string[] =>
  Object.keys(volume.spec ?? {}).filter((field) => !SETTINGS.has(field));

function validateVolume(volume: core.PersistentVolume): FieldError[] {
  const { spec } = volume;
  const sources = sourcesOf(volume);
  const errors = [
    ...validateAccessModes(spec?.accessModes, 'spec.accessModes'),
    ...validateStorage(spec?.capacity, 'spec.capacity'),
    ...validateVolumeMode(spec?.volumeMode, 'spec.volumeMode'),
  ];
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  for (const extra of sources.slice(1)) {
    errors.push(forbidden(`spec.${extra}`, 'may not specify more than 1 volume type'));
  }
  const reclaim = spec?.persistentVolumeReclaimPolicy;
  if (reclaim !== undefined && !RECLAIM.includes(reclaim)) {
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', reclaim, RECLAIM));
  }
  if (spec?.hostPath !== undefined && spec.hostPath.path === '') errors.push(required('spec.hostPath.path'));
  if (spec?.local !== undefined && spec.nodeAffinity === undefined) {
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  const className = spec?.storageClassName ?? '';
  if (className !== '') errors.push(...fails('spec.storageClassName', className, dns1123Subdomain(className)));
  return errors;
}

function validateVolumeUpdate(next: core.PersistentVolume, previous: core.PersistentVolume): FieldError[] {
  const source = (volume: core.PersistentVolume): unknown =>
    Object.fromEntries(
      sourcesOf(volume).map((s) => [s, (volume.spec as unknown as Record<string, unknown> | undefined)?.[s]]),
    );
  return [
    ...(deepEqual(source(next), source(previous))
      ? []
      : [forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]),
    ...immutable(next.spec?.volumeMode, previous.spec?.volumeMode, 'spec.volumeMode'),
  ];
}

function validateClass(c: storage.StorageClass): FieldError[] {
  const { provisioner, reclaimPolicy: reclaim, volumeBindingMode: binding } = c;
  return [
    ...(provisioner === ''
      ? [required('provisioner')]
      : fails('provisioner', provisioner.toLowerCase(), qualifiedName(provisioner.toLowerCase()))),
    ...(reclaim === undefined || ['Delete', 'Retain'].includes(reclaim)
      ? []
      : [notSupported('reclaimPolicy', reclaim, ['Delete', 'Retain'])]),
    ...(binding === undefined || BINDING_MODES.includes(binding)
      ? []
      : [notSupported('volumeBindingMode', binding, BINDING_MODES)]),
  ];
}

export const storageStrategies = [
  defineStrategy<core.PersistentVolume>({
    resource: persistentVolumes,
    schema: 'core.PersistentVolume',
    applyDefaults({ spec }) {
      if (spec === undefined) return;
      spec.persistentVolumeReclaimPolicy ??= 'Retain';
      spec.volumeMode ??= 'Filesystem';
      if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
    },
    prepareForCreate(draft) {
      draft.status = { phase: 'Pending' };
    },
    validate: validateVolume,
    validateUpdate: validateVolumeUpdate,
  }),
  defineStrategy<core.PersistentVolumeClaim>({
    resource: persistentVolumeClaims,
    schema: 'core.PersistentVolumeClaim',
    applyDefaults({ spec }) {
      if (spec !== undefined) spec.volumeMode ??= 'Filesystem';
    },
    prepareForCreate(draft: Writable<core.PersistentVolumeClaim>) {
      draft.status = { phase: 'Pending' };
    },
    validate: validateClaim,
    validateUpdate: validateClaimUpdate,
  }),
  defineStrategy<storage.StorageClass>({
    resource: storageClasses,
    schema: 'storage.StorageClass',
    applyDefaults(draft) {
      draft.reclaimPolicy ??= 'Delete';
      draft.volumeBindingMode ??= 'Immediate';
    },
    validate: validateClass,
    validateUpdate: (next, previous) => [
      ...immutable(next.provisioner, previous.provisioner, 'provisioner'),
      ...immutable(next.parameters, previous.parameters, 'parameters'),
      ...immutable(next.reclaimPolicy, previous.reclaimPolicy, 'reclaimPolicy'),
      ...immutable(next.volumeBindingMode, previous.volumeBindingMode, 'volumeBindingMode'),
    ],
  }),
];
