// CertificateSigningRequest: the wish is written once; Approved and Denied come by the approval subresource, the
// certificate and Failed by status.
import { copyJson } from '../copy-json.ts';
import { parseCsr } from '../../pki/index.ts';
import type { FieldError } from '../field-error.ts';
import { duplicate, forbidden, invalidValue, notSupported, required } from '../field-error.ts';
import { deepEqual } from '../json.ts';
import { certificateSigningRequests } from '../resources.ts';
import type { certificates, Writable } from '../types.ts';
import { defineStrategy } from './define-strategy.ts';

type Request = certificates.CertificateSigningRequest;
type Condition = certificates.CertificateSigningRequestCondition;

const MIN_SECONDS = 600;
/** example.com/name: a domain, then a path (as Kubernetes wants it of a signer). */
const SIGNER = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
/** Decided by the approval subresource; only status writers may say Failed. */
const DECISIONS: ReadonlySet<string> = new Set(['Approved', 'Denied']);
const FINAL: ReadonlySet<string> = new Set(['Approved', 'Denied', 'Failed']);

const pemText = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

function validateRequest(request: Request): FieldError[] {
  const { request: body, signerName, expirationSeconds, usages = [] } = request.spec ?? {};
  const errors: FieldError[] = [];
  try {
    parseCsr(pemText(body ?? ''));
  } catch (e) {
    errors.push(invalidValue('spec.request', body ?? '', e instanceof Error ? e.message : String(e)));
  }
  if (usages.length === 0) errors.push(required('spec.usages'));
  usages.forEach((usage, i) => {
    if (!USAGES.includes(usage)) errors.push(notSupported(`spec.usages[${i}]`, usage, USAGES));
    else if (usages.indexOf(usage) < i) errors.push(duplicate(`spec.usages[${i}]`, usage));
  });
  if (signerName === undefined || signerName === '') errors.push(required('spec.signerName'));
  else if (!SIGNER.test(signerName)) {
    errors.push(
      invalidValue(
        'spec.signerName',
        signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    );
  }
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) {
    errors.push(
      invalidValue(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  }
  return errors;
}

/** What holds for conditions whoever writes them. */
export function validateConditions(next: readonly Condition[], previous: readonly Condition[]): FieldError[] {
  const errors: FieldError[] = [];
  const types = next.map((c) => c.type);
  next.forEach((c, i) => {
    const at = `status.conditions[${i}]`;
    if (c.type === '') errors.push(required(`${at}.type`));
    if (types.indexOf(c.type) < i) errors.push(duplicate(`${at}.type`, c.type));
    if (FINAL.has(c.type) && c.status !== 'True') errors.push(notSupported(`${at}.status`, c.status, ['True']));
  });
  if (types.includes('Approved') && types.includes('Denied')) {
    errors.push(invalidValue('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  }
  for (const was of previous) {
    if (FINAL.has(was.type) && !types.includes(was.type)) {
      errors.push(
        forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(was.type)}`),
      );
    }
  }
  return errors;
}

/** Times that the writer left out; `now` as the server's timestamp. */
export function datedConditions(next: readonly Condition[], previous: readonly Condition[], now: string): Condition[] {
  return next.map((c) => {
    const was = previous.find((p) => p.type === c.type);
    const since = was?.status === c.status ? was.lastTransitionTime : undefined;
    return { ...c, lastUpdateTime: c.lastUpdateTime ?? now, lastTransitionTime: c.lastTransitionTime ?? since ?? now };
  });
}

function prepareForStatusUpdate(draft: Writable<Request>, previous: Request): void {
  const decided = (previous.status?.conditions ?? []).filter((c) => DECISIONS.has(c.type));
  const others = (draft.status?.conditions ?? []).filter((c) => !DECISIONS.has(c.type));
  if (decided.length + others.length > 0) draft.status = { ...draft.status, conditions: [...decided, ...others] };
}

function validateStatus(next: Request, previous: Request): FieldError[] {
  const errors = validateConditions(next.status?.conditions ?? [], previous.status?.conditions ?? []);
  const was = previous.status?.certificate ?? '';
  const now = next.status?.certificate ?? '';
  if (was !== '' && was !== now)
    errors.push(forbidden('status.certificate', 'updates may not change a certificate that was issued'));
  if (now !== '' && !pemText(now).includes('-----BEGIN CERTIFICATE-----')) {
    errors.push(
      invalidValue('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block'),
    );
  }
  return errors;
}

export const certificateStrategies = [
  defineStrategy<Request>({
    resource: certificateSigningRequests,
    schema: 'certificates.CertificateSigningRequest',
    validate: validateRequest,
    prepareForUpdate(draft, previous) {
      draft.spec = copyJson(previous.spec);
    },
    prepareForStatusUpdate,
    validateUpdate: (next, previous) =>
      deepEqual(next.spec, previous.spec) ? [] : [forbidden('spec', 'field is immutable')],
    validateStatusUpdate: validateStatus,
    selectableFields: (r) => ({ 'spec.signerName': r.spec?.signerName ?? '' }),
  }),
];
