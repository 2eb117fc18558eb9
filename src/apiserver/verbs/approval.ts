// The approval subresource of a CertificateSigningRequest: only its Approved and Denied conditions change.
import {
  copyJson,
  conflict,
  datedConditions,
  forbidden,
  invalid,
  validateConditions,
  type ApiObject,
  type certificates,
} from '../../api/index.ts';
import { checkName, expectedKind } from '../request/body-target.ts';
import { asObject, readValue } from '../request/decode-request.ts';
import type { Answer } from '../request/answer.ts';
import type { ResourceRequest } from '../request/resource-request.ts';
import { timestamp, type VerbDeps } from './deps.ts';
import { applyPatch, readPatch } from './patch.ts';
import { writtenAnswer } from './resource-verbs.ts';
import { updateObject } from './update.ts';

type Status = certificates.CertificateSigningRequestStatus;

/** @throws StatusError 403 when the user may not approve for this signer */
export async function approve(deps: VerbDeps, request: ResourceRequest, verb: 'update' | 'patch'): Promise<Answer> {
  const { resource, name, strategy } = request;
  const patch = verb === 'patch' ? await readPatch(request) : undefined;
  const body = verb === 'update' ? (await readValue(request.body, request.headers)).value : undefined;
  const written = await updateObject(deps, request, {
    mode: 'server',
    async next(current) {
      const value = patch === undefined ? body : applyPatch(patch, current, strategy.schema);
      const asked = asObject(request, expectedKind(request), copyJson(value));
      checkName(request, asked);
      await deps.admission.update(request, asked, current);
      const version = asked.metadata.resourceVersion ?? '';
      if (version !== '' && version !== current.metadata.resourceVersion) throw conflict(resource, name);
      return decided(request, asked, current, timestamp(deps.clock));
    },
  });
  return writtenAnswer(deps, request, written);
}

/** `current` with the decision that `asked` carries. */
function decided(request: ResourceRequest, asked: ApiObject, current: ApiObject, now: string): ApiObject {
  const status = (current.status ?? {}) as Status;
  const before = status.conditions ?? [];
  const wanted = (asked.status as Status | undefined)?.conditions ?? [];
  const failed = before.filter((c) => c.type === 'Failed');
  const after = datedConditions([...wanted.filter((c) => c.type !== 'Failed'), ...failed], before, now);
  const errors = validateConditions(after, before);
  if (after.some((c) => c.type === 'Denied') && (status.certificate ?? '') !== '') {
    errors.push(forbidden('status.conditions', 'a request whose certificate was issued can no longer be denied'));
  }
  if (errors.length > 0) throw invalid(request.resource, request.name, errors);
  return { ...current, status: { ...status, conditions: after } };
}
