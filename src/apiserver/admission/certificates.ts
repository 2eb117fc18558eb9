// Certificate signing requests: who asks is the server's word, administrators are not made this way, and only those
// approve or sign who may do so for the signer.
import { certificateSigningRequests, forbiddenBecause, type ApiObject, type certificates } from '../../api/index.ts';
import { parseCsr } from '../../pki/index.ts';
import type { Authorizer } from '../auth/attributes.ts';
import { MASTERS } from '../auth/authorize.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import type { AdmissionStep } from './admission.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

type Spec = certificates.CertificateSigningRequestSpec;

/** False for what is no request at all: validation says so in its own words. */
function asksForMasters(spec: Spec): boolean {
  try {
    return parseCsr(Buffer.from(spec.request, 'base64').toString('utf8')).subject.orgs.includes(MASTERS);
  } catch {
    return false;
  }
}

export function restrictCertificates(authorizer: Authorizer): AdmissionStep {
  /** For the signer itself, or for its whole domain. */
  const mayFor = async (request: ResourceRequest, verb: 'approve' | 'sign', signer: string): Promise<boolean> => {
    const names = [signer, `${signer.split('/')[0]}/*`];
    for (const name of names) {
      const { allowed } = await authorizer.authorize({
        user: request.user,
        verb,
        group: certificateSigningRequests.group,
        version: '*',
        namespace: '',
        resource: 'signers',
        subresource: '',
        name,
        path: '',
      });
      if (allowed) return true;
    }
    return false;
  };
  return {
    create(request, draft) {
      if (request.resource !== certificateSigningRequests) return;
      const { name, uid, groups, extra } = request.user;
      const spec = (draft.spec ?? {}) as Spec;
      draft.spec = {
        ...spec,
        username: name,
        groups: [...groups],
        uid: uid ?? '',
        extra: Object.fromEntries(Object.entries(extra ?? {}).map(([k, v]) => [k, [...v]])),
      } satisfies Spec;
      if (uid === undefined) delete (draft.spec as Spec).uid;
      if (extra === undefined) delete (draft.spec as Spec).extra;
      if (spec.signerName === CLIENT_SIGNER && asksForMasters(spec)) {
        const why = `use of ${CLIENT_SIGNER} signer with ${MASTERS} group is not allowed`;
        throw forbiddenBecause(request.resource, draft.metadata.name ?? '', why);
      }
    },
    async update(request, next, previous) {
      if (request.resource !== certificateSigningRequests) return;
      const verb = request.subresource === 'approval' ? 'approve' : 'sign';
      if (verb === 'sign' && !(request.subresource === 'status' && hasNewCertificate(next, previous))) return;
      const signer = (previous.spec as Spec).signerName;
      if (await mayFor(request, verb, signer)) return;
      throw forbiddenBecause(
        request.resource,
        request.name,
        `user not permitted to ${verb} requests with signerName ${JSON.stringify(signer)}`,
      );
    },
  };
}

function hasNewCertificate(next: ApiObject, previous: ApiObject): boolean {
  const statusOf = (o: ApiObject) => (o.status ?? {}) as certificates.CertificateSigningRequestStatus;
  const failed = (o: ApiObject) => (statusOf(o).conditions ?? []).some((c) => c.type === 'Failed');
  return statusOf(next).certificate !== statusOf(previous).certificate || failed(next) !== failed(previous);
}
