// Tables of volumes, claims, classes and disruption budgets.
import type { core, policy, storage } from '../types.ts';
import { DEFAULT_CLASS } from '../volume-claims.ts';
import { ageColumn, nameColumn } from './cells.ts';
import type { Column } from './contract.ts';

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** In a fixed order, each once. */
const accessModes = (modes: readonly string[] | undefined): string =>
  Object.entries(SHORT_MODES)
    .filter(([mode]) => (modes ?? []).includes(mode))
    .map(([, short]) => short)
    .join(',');

const unset = '<unset>';

export const volumeColumns: readonly Column<core.PersistentVolume>[] = [
  nameColumn,
  { name: 'Capacity', description: 'Size.', cell: (v) => v.spec?.capacity?.['storage'] ?? '' },
  { name: 'Access Modes', description: 'Who may use it at once.', cell: (v) => accessModes(v.spec?.accessModes) },
  {
    name: 'Reclaim Policy',
    description: 'What becomes of it without its claim.',
    cell: (v) => v.spec?.persistentVolumeReclaimPolicy ?? '',
  },
  { name: 'Status', description: 'Where in its life it is.', cell: (v) => v.status?.phase ?? '' },
  {
    name: 'Claim',
    description: 'What it is bound to.',
    cell: ({ spec }) =>
      spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
  },
  { name: 'StorageClass', description: 'Class it belongs to.', cell: (v) => v.spec?.storageClassName ?? '' },
  { name: 'VolumeAttributesClass', description: 'Class of its attributes.', cell: () => unset },
  { name: 'Reason', description: 'Why it is in this status.', cell: (v) => v.status?.reason ?? '' },
  ageColumn,
  { name: 'VolumeMode', description: 'Filesystem or Block.', wide: true, cell: (v) => v.spec?.volumeMode ?? unset },
];

export const claimColumns: readonly Column<core.PersistentVolumeClaim>[] = [
  nameColumn,
  { name: 'Status', description: 'Pending, Bound or Lost.', cell: (c) => c.status?.phase ?? '' },
  { name: 'Volume', description: 'Volume it is bound to.', cell: (c) => c.spec?.volumeName ?? '' },
  {
    name: 'Capacity',
    description: 'Size of the volume.',
    cell: (c) => ((c.spec?.volumeName ?? '') === '' ? '' : (c.status?.capacity?.['storage'] ?? '')),
  },
  {
    name: 'Access Modes',
    description: 'Who may use the volume at once.',
    cell: (c) => ((c.spec?.volumeName ?? '') === '' ? '' : accessModes(c.status?.accessModes)),
  },
  { name: 'StorageClass', description: 'Class asked for.', cell: (c) => c.spec?.storageClassName ?? '' },
  { name: 'VolumeAttributesClass', description: 'Class of its attributes.', cell: () => unset },
  ageColumn,
  { name: 'VolumeMode', description: 'Filesystem or Block.', wide: true, cell: (c) => c.spec?.volumeMode ?? unset },
];

export const storageClassColumns: readonly Column<storage.StorageClass>[] = [
  {
    ...nameColumn,
    cell: (c) => `${c.metadata?.name ?? ''}${c.metadata?.annotations?.[DEFAULT_CLASS] === 'true' ? ' (default)' : ''}`,
  },
  { name: 'Provisioner', description: 'Who makes the volumes.', cell: (c) => c.provisioner },
  {
    name: 'ReclaimPolicy',
    description: 'What becomes of volumes without claim.',
    cell: (c) => c.reclaimPolicy ?? 'Delete',
  },
  { name: 'VolumeBindingMode', description: 'When volumes are made.', cell: (c) => c.volumeBindingMode ?? 'Immediate' },
  {
    name: 'AllowVolumeExpansion',
    description: 'Whether claims may grow.',
    cell: (c) => String(c.allowVolumeExpansion ?? false),
  },
  ageColumn,
];

const orNa = (value: string | number | undefined): string => (value === undefined ? 'N/A' : String(value));

export const disruptionBudgetColumns: readonly Column<policy.PodDisruptionBudget>[] = [
  nameColumn,
  { name: 'Min Available', description: 'Pods that must be healthy.', cell: (b) => orNa(b.spec?.minAvailable) },
  { name: 'Max Unavailable', description: 'Pods that may be missing.', cell: (b) => orNa(b.spec?.maxUnavailable) },
  {
    name: 'Allowed Disruptions',
    type: 'integer',
    description: 'Pods that may be evicted now.',
    cell: (b) => b.status?.disruptionsAllowed ?? 0,
  },
  ageColumn,
];
