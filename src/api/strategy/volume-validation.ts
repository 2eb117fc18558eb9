// Rules for the volumes of a pod.
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, notSupported, required } from '../field-error.ts';
import { dns1123Label } from '../names.ts';
import type { core } from '../types.ts';
import { fails, validateLocalPath } from './container-validation.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
const maxFileMode = 0o777;

export function validateVolumes(volumes: readonly core.Volume[], path: string): FieldError[] {
  const names = new Set<string>();
  return volumes.flatMap((v, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    const name = v.name ?? '';
    if (name === '') errors.push(required(`${at}.name`));
    else errors.push(...fails(`${at}.name`, name, dns1123Label(name)));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return [...errors, ...validateSource(v, at)];
  });
}

function validateSource(volume: core.Volume, path: string): FieldError[] {
  const { name: _name, ...sources } = volume;
  const given = Object.keys(sources);
  const errors: FieldError[] = [];
  if (given.length === 0) return [required(path, 'must specify a volume type')];
  for (const extra of given.slice(1))
    errors.push(forbidden(`${path}.${extra}`, 'may not specify more than 1 volume type'));
  const { hostPath, secret, configMap, downwardAPI, projected, persistentVolumeClaim } = volume;
  if (hostPath !== undefined) {
    if ((hostPath.path ?? '') === '') errors.push(required(`${path}.hostPath.path`));
    else if (hostPath.path.split('/').includes('..')) {
      errors.push(invalidValue(`${path}.hostPath.path`, hostPath.path, "must not contain '..'"));
    }
    if (!hostPathTypes.includes(hostPath.type ?? '')) {
      errors.push(notSupported(`${path}.hostPath.type`, hostPath.type, hostPathTypes));
    }
  }
  if (secret !== undefined) {
    if ((secret.secretName ?? '') === '') errors.push(required(`${path}.secret.secretName`));
    errors.push(...validateMode(secret.defaultMode, `${path}.secret.defaultMode`));
    errors.push(...validateItems(secret.items ?? [], `${path}.secret.items`));
  }
  if (configMap !== undefined) {
    if ((configMap.name ?? '') === '') errors.push(required(`${path}.configMap.name`));
    errors.push(...validateMode(configMap.defaultMode, `${path}.configMap.defaultMode`));
    errors.push(...validateItems(configMap.items ?? [], `${path}.configMap.items`));
  }
  if (downwardAPI !== undefined) {
    errors.push(...validateMode(downwardAPI.defaultMode, `${path}.downwardAPI.defaultMode`));
    errors.push(...validateDownward(downwardAPI.items ?? [], `${path}.downwardAPI.items`));
  }
  if (persistentVolumeClaim !== undefined && (persistentVolumeClaim.claimName ?? '') === '') {
    errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  }
  (projected?.sources ?? []).forEach((s, i) =>
    errors.push(...validateProjection(s, `${path}.projected.sources[${i}]`)),
  );
  return errors;
}

function validateProjection(source: core.VolumeProjection, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = Object.keys(source);
  if (given.length > 1) errors.push(forbidden(path, 'may not specify more than 1 volume type'));
  if (source.secret !== undefined && (source.secret.name ?? '') === '') errors.push(required(`${path}.secret.name`));
  if (source.configMap !== undefined && (source.configMap.name ?? '') === '') {
    errors.push(required(`${path}.configMap.name`));
  }
  const token = source.serviceAccountToken;
  if (token !== undefined) {
    const at = `${path}.serviceAccountToken`;
    if ((token.expirationSeconds ?? 3600) < 600) {
      errors.push(
        invalidValue(
          `${at}.expirationSeconds`,
          token.expirationSeconds,
          'may not specify a duration less than 10 minutes',
        ),
      );
    }
    if ((token.path ?? '') === '') errors.push(required(`${at}.path`));
    else errors.push(...validateLocalPath(token.path, `${at}.path`));
  }
  return [
    ...errors,
    ...validateItems(source.secret?.items ?? [], `${path}.secret.items`),
    ...validateItems(source.configMap?.items ?? [], `${path}.configMap.items`),
    ...validateDownward(source.downwardAPI?.items ?? [], `${path}.downwardAPI.items`),
  ];
}

function validateItems(items: readonly core.KeyToPath[], path: string): FieldError[] {
  return items.flatMap((item, i) => {
    const errors: FieldError[] = [];
    if ((item.key ?? '') === '') errors.push(required(`${path}[${i}].key`));
    if ((item.path ?? '') === '') errors.push(required(`${path}[${i}].path`));
    else errors.push(...validateLocalPath(item.path, `${path}[${i}].path`));
    return [...errors, ...validateMode(item.mode, `${path}[${i}].mode`)];
  });
}

function validateDownward(items: readonly core.DownwardAPIVolumeFile[], path: string): FieldError[] {
  return items.flatMap((item, i) => {
    const errors: FieldError[] = [];
    if ((item.path ?? '') === '') errors.push(required(`${path}[${i}].path`));
    else errors.push(...validateLocalPath(item.path, `${path}[${i}].path`));
    if (item.fieldRef === undefined && item.resourceFieldRef === undefined) {
      errors.push(required(`${path}[${i}]`, 'one of fieldRef and resourceFieldRef is required'));
    }
    return errors;
  });
}

const validateMode = (mode: number | undefined, path: string): FieldError[] =>
  mode !== undefined && (mode < 0 || mode > maxFileMode)
    ? [invalidValue(path, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
    : [];
