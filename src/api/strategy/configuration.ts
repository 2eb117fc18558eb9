// ConfigMap, Secret, ServiceAccount, Lease: data that others read.
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, required, tooLong } from '../field-error.ts';
import { deepEqual, ownValue } from '../json.ts';
import { configMapKey } from '../names.ts';
import { configMaps, leases, secrets, serviceAccounts } from '../resources.ts';
import type { coordination, core } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';
import { immutable } from './metadata.ts';

/** Of a Secret or ConfigMap, all values together. */
const maxDataBytes = 1024 * 1024;

const keyErrors = (key: string, path: string): FieldError[] =>
  configMapKey(key).map((m) => invalidValue(`${path}[${key}]`, key, m));

const decodedBytes = (base64: string): number => Buffer.byteLength(base64, 'base64');

function validateConfigMap(map: core.ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    errors.push(...keyErrors(key, 'data'));
    if (Object.hasOwn(map.binaryData ?? {}, key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    total += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    errors.push(...keyErrors(key, 'binaryData'));
    total += decodedBytes(value);
  }
  // An empty path is how Kubernetes reports this one.
  if (total > maxDataBytes) errors.push(tooLong('', maxDataBytes));
  return errors;
}

interface Lockable {
  immutable?: boolean;
}

function validateLock<T extends Lockable>(next: T, previous: T, fields: readonly (keyof T & string)[]): FieldError[] {
  if (previous.immutable !== true) return [];
  const errors: FieldError[] = [];
  const why = 'field is immutable when `immutable` is set';
  if (next.immutable !== true) errors.push(forbidden('immutable', why));
  for (const field of fields) if (!deepEqual(next[field], previous[field])) errors.push(forbidden(field, why));
  return errors;
}

/** Keys that a Secret of a well-known type must have. */
const secretKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
};

function validateSecret(secret: core.Secret): FieldError[] {
  const errors: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...keyErrors(key, 'data'));
    total += decodedBytes(value);
  }
  if (total > maxDataBytes) errors.push(tooLong('data', maxDataBytes));
  for (const key of ownValue(secretKeys, secret.type ?? '') ?? []) {
    if (!Object.hasOwn(secret.data ?? {}, key)) errors.push(required(`data[${key}]`));
  }
  const data = secret.data ?? {};
  if (secret.type === 'kubernetes.io/basic-auth' && !('username' in data) && !('password' in data)) {
    errors.push(required('data[username]'), required('data[password]'));
  }
  const account = secret.metadata?.annotations?.['kubernetes.io/service-account.name'] ?? '';
  if (secret.type === 'kubernetes.io/service-account-token' && account === '') {
    errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
  }
  return errors;
}

function validateLease(lease: coordination.Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions, holderIdentity } = lease.spec ?? {};
  const errors: FieldError[] = [];
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalidValue('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0'));
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(invalidValue('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0'));
  }
  if (holderIdentity === '') errors.push(invalidValue('spec.holderIdentity', '', 'must not be empty'));
  return errors;
}

function validateAccount(account: core.ServiceAccount): FieldError[] {
  const names = (account.secrets ?? []).map((s) => s.name ?? '');
  return names.flatMap((n, i) => (n !== '' && names.indexOf(n) < i ? [duplicate(`secrets[${i}].name`, n)] : []));
}

export const configurationStrategies = [
  defineStrategy<core.ConfigMap>({
    resource: configMaps,
    schema: 'core.ConfigMap',
    validate: validateConfigMap,
    validateUpdate: (next, previous) => validateLock(next, previous, ['data', 'binaryData']),
  }),
  defineStrategy<core.Secret>({
    resource: secrets,
    schema: 'core.Secret',
    applyDefaults(draft) {
      draft.type ??= 'Opaque';
      if (draft.stringData === undefined) return;
      // Written as text, kept as base64, never shown again.
      draft.data = { ...draft.data };
      for (const [key, text] of Object.entries(draft.stringData)) {
        draft.data[key] = Buffer.from(text, 'utf8').toString('base64');
      }
      delete draft.stringData;
    },
    validate: validateSecret,
    validateUpdate: (next, previous) => [
      ...immutable(next.type, previous.type, 'type'),
      ...validateLock(next, previous, ['data']),
    ],
    selectableFields: (s) => ({ type: s.type ?? '' }),
  }),
  defineStrategy<core.ServiceAccount>({
    resource: serviceAccounts,
    schema: 'core.ServiceAccount',
    returnsObjectOnDelete: true,
    validate: validateAccount,
  }),
  defineStrategy<coordination.Lease>({
    resource: leases,
    schema: 'coordination.Lease',
    allowsCreateOnUpdate: true,
    allowsUnconditionalUpdate: false,
    validate: validateLease,
  }),
];
