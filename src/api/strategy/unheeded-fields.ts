// Fields of pods that nodes whose pods are processes of the host do not heed. Whoever sets one is warned at creation; a
// test walks the schema and demands that every field is either here or at work.
import type { core } from '../types.ts';

export interface Unheeded {
  /** What such pods do not have. */
  readonly lack: string;
  /** Values that say something else than what happens anyway; left out: all. */
  readonly when?: (value: unknown) => boolean;
}

type Fields = Readonly<Record<string, Unheeded>>;

const profile = (value: unknown): boolean => (value as { type?: string }).type !== 'Unconfined';
const is = (wanted: unknown) => (value: unknown) => value === wanted;

const SECURITY: Fields = {
  seLinuxOptions: { lack: 'SELinux label' },
  windowsOptions: { lack: 'Windows settings' },
  seccompProfile: { lack: 'seccomp profile', when: profile },
  appArmorProfile: { lack: 'AppArmor profile', when: profile },
};

/** By type and field. */
export const UNHEEDED: Readonly<Record<string, Fields>> = {
  'core.PodSpec': {
    hostUsers: { lack: 'user namespace of their own', when: is(false) },
    runtimeClassName: { lack: 'runtime classes' },
    resourceClaims: { lack: 'claimed devices' },
  },
  'core.PodSecurityContext': {
    ...SECURITY,
    supplementalGroupsPolicy: { lack: 'groups of an image', when: is('Merge') },
    seLinuxChangePolicy: { lack: 'SELinux label' },
  },
  'core.SecurityContext': { ...SECURITY, procMount: { lack: 'unmasked /proc', when: is('Unmasked') } },
  'core.Container': { volumeDevices: { lack: 'block devices' } },
  'core.ResourceRequirements': { claims: { lack: 'claimed devices' } },
  'core.VolumeMount': {
    mountPropagation: { lack: 'mount propagation', when: (value) => value !== 'None' },
    recursiveReadOnly: { lack: 'recursive read-only mounts', when: is('Enabled') },
  },
};

/** Amounts that no cgroup of a process bounds. */
const UNBOUNDED = /^(?:ephemeral-storage|hugepages-.*)$/;

/** Volumes that such nodes can make. */
export const MAKEABLE_VOLUMES: ReadonlySet<string> = new Set([
  'emptyDir',
  'hostPath',
  'configMap',
  'secret',
  'downwardAPI',
  'projected',
  'persistentVolumeClaim',
  'ephemeral',
]);

export const MAKEABLE_PROJECTIONS: ReadonlySet<string> = new Set([
  'configMap',
  'secret',
  'downwardAPI',
  'serviceAccountToken',
]);

export function unheededWarnings(spec: core.PodSpec, path: string): string[] {
  const { volumes = [], initContainers = [], ephemeralContainers = [] } = spec;
  const containers = spec.containers ?? [];
  return [
    ...volumes.flatMap((volume, i) => volumeWarnings(volume, `${path}.volumes[${i}]`)),
    ...fieldWarnings('core.PodSpec', spec, path),
    ...fieldWarnings('core.PodSecurityContext', spec.securityContext, `${path}.securityContext`),
    ...Object.entries({ initContainers, containers, ephemeralContainers }).flatMap(([list, all]) =>
      all.flatMap((container, i) => containerWarnings(container as core.Container, `${path}.${list}[${i}]`)),
    ),
  ];
}

function containerWarnings(container: core.Container, path: string): string[] {
  const { securityContext, resources, volumeMounts = [] } = container;
  const amounts = Object.keys(resources?.limits ?? {}).filter((name) => UNBOUNDED.test(name));
  return [
    ...fieldWarnings('core.Container', container, path),
    ...fieldWarnings('core.SecurityContext', securityContext, `${path}.securityContext`),
    ...fieldWarnings('core.ResourceRequirements', resources, `${path}.resources`),
    ...amounts.map((name) => ignored(`${path}.resources.limits[${name}]`, 'bound for it')),
    ...volumeMounts.flatMap((mount, i) => fieldWarnings('core.VolumeMount', mount, `${path}.volumeMounts[${i}]`)),
  ];
}

function volumeWarnings({ name: _name, ...source }: core.Volume, path: string): string[] {
  const unmakeable = (at: string) =>
    `${at}: nodes that run pods as processes cannot make this volume; the pod will not start on them`;
  const [type] = Object.keys(source);
  if (type !== undefined && !MAKEABLE_VOLUMES.has(type)) return [unmakeable(`${path}.${type}`)];
  return (source.projected?.sources ?? []).flatMap((projection, i) =>
    Object.keys(projection)
      .filter((kind) => !MAKEABLE_PROJECTIONS.has(kind))
      .map((kind) => unmakeable(`${path}.projected.sources[${i}].${kind}`)),
  );
}

function fieldWarnings(type: string, object: object | undefined, path: string): string[] {
  const values = (object ?? {}) as Readonly<Record<string, unknown>>;
  return Object.entries(UNHEEDED[type] ?? {}).flatMap(([field, { lack, when }]) => {
    const value = values[field];
    return value === undefined || when?.(value) === false ? [] : [ignored(`${path}.${field}`, lack)];
  });
}

const ignored = (path: string, lack: string): string =>
  `${path}: ignored where pods run as processes: they have no ${lack}`;
