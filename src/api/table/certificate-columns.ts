// The table of certificate signing requests.
import type { certificates } from '../types.ts';
import { formatAge } from '../age.ts';
import { ageColumn, nameColumn, none } from './cells.ts';
import type { Column } from './contract.ts';

type Request = certificates.CertificateSigningRequest;

/** `Approved,Issued`, `Denied`, `Pending`, as kubectl's users know it. */
function conditionText({ status }: Request): string {
  const has = (type: string) => (status?.conditions ?? []).some((c) => c.type === type);
  const decided = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  const failed = has('Failed') ? ',Failed' : '';
  return `${decided}${failed}${(status?.certificate ?? '') === '' ? '' : ',Issued'}`;
}

export const certificateColumns: readonly Column<Request>[] = [
  nameColumn,
  ageColumn,
  { name: 'SignerName', description: 'Who is to sign.', cell: (r) => r.spec?.signerName ?? '' },
  { name: 'Requestor', description: 'Who asks.', cell: (r) => r.spec?.username ?? '' },
  {
    name: 'RequestedDuration',
    description: 'Wished life of the certificate.',
    cell: (r) => (r.spec?.expirationSeconds === undefined ? none : formatAge(r.spec.expirationSeconds * 1000)),
  },
  { name: 'Condition', description: 'What was decided.', cell: conditionText },
];
