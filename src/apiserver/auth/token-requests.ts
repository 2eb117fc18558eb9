// TokenRequest: a token for a service account, for some audiences, for a time, bound to a pod if asked.
import {
  badRequest,
  conflict,
  forbiddenBecause,
  invalid,
  invalidValue,
  nodes,
  notFound,
  pods,
  secrets,
  serviceAccounts,
  type KubeObject,
  type Pod,
} from '../../api/index.ts';
import type { Store } from '../../store/index.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { valueAnswer, type Answer } from '../request/answer.ts';
import { readObject } from '../request/decode-request.ts';
import type { Review } from '../request/dispatch.ts';
import { nodeNameOf } from './node-name.ts';
import type { BoundTo, ServiceAccountTokens, TokenSubject } from './service-account-tokens.ts';

type ReviewRequest = Parameters<Review>[0];
export type TokenRequests = (request: ReviewRequest) => Promise<Answer>;

const EXPECTED = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' };
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

interface Spec {
  audiences?: string[];
  expirationSeconds?: number;
  boundObjectRef?: { kind?: string; apiVersion?: string; name?: string; uid?: string };
}

export function createTokenRequests(store: Store, tokens: ServiceAccountTokens, audience: string): TokenRequests {
  const read = async (
    resource: typeof pods | typeof secrets | typeof serviceAccounts,
    namespace: string,
    name: string,
  ): Promise<KubeObject> => {
    const entry = await store.get(storageKey(resource, namespace, name));
    if (entry === undefined) throw notFound(resource, name);
    return storedObject(entry).object;
  };

  /** The object the token shall die with. */
  async function boundObject(request: ReviewRequest, spec: Spec): Promise<Pick<TokenSubject, 'boundTo' | 'node'>> {
    const { boundObjectRef: ref } = spec;
    if (ref === undefined) return {};
    const { kind = '', name = '', uid = '' } = ref;
    const { namespace } = request;
    if (kind !== 'Pod' && kind !== 'Secret')
      throw badRequest(`cannot bind token for serviceaccount to a ${kind}: only to a Pod or a Secret`);
    const resource = kind === 'Pod' ? pods : secrets;
    const object = await read(resource, namespace, name);
    if (uid !== '' && uid !== object.metadata.uid) {
      const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw conflict(resource, name, why);
    }
    const boundTo: BoundTo = { kind, name, uid: object.metadata.uid };
    if (kind === 'Secret') return { boundTo };
    const { spec: pod } = object as Pod;
    if (pod?.serviceAccountName !== request.name) {
      throw badRequest(
        `cannot bind token for serviceaccount "${request.name}" to pod running with different serviceaccount name.`,
      );
    }
    if (pod.nodeName === undefined) return { boundTo };
    const node = await store.get(storageKey(nodes, undefined, pod.nodeName));
    const nodeUid = node === undefined ? undefined : storedObject(node).object.metadata.uid;
    return { boundTo, node: { name: pod.nodeName, ...(nodeUid === undefined ? {} : { uid: nodeUid }) } };
  }

  /** An agent gets tokens only for pods on its node. */
  function checkNode(request: ReviewRequest, bound: Pick<TokenSubject, 'boundTo' | 'node'>): void {
    const agent = nodeNameOf(request.user);
    if (agent === undefined || (bound.boundTo?.kind === 'Pod' && bound.node?.name === agent)) return;
    throw forbiddenBecause(
      serviceAccounts,
      request.name,
      `node "${agent}" can only create tokens bound to pods that run on it`,
    );
  }

  return async (request) => {
    const body = await readObject(request, EXPECTED);
    const spec = (body.spec ?? {}) as Spec;
    const account = await read(serviceAccounts, request.namespace, request.name);
    const seconds = spec.expirationSeconds ?? DEFAULT_SECONDS;
    const errors = [];
    if (seconds < MIN_SECONDS) {
      errors.push(invalidValue('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'));
    }
    if (seconds > MAX_SECONDS) {
      errors.push(
        invalidValue('spec.expirationSeconds', seconds, 'may not specify a duration larger than 2^32 seconds'),
      );
    }
    if (errors.length > 0) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', errors);
    const bound = await boundObject(request, spec);
    checkNode(request, bound);
    const audiences = (spec.audiences ?? []).length === 0 ? [audience] : (spec.audiences ?? []);
    const { name, uid } = account.metadata;
    const { token, expires } = tokens.issue({ namespace: request.namespace, name, uid, ...bound }, audiences, seconds);
    return valueAnswer(
      {
        kind: EXPECTED.kind,
        apiVersion: EXPECTED.apiVersion,
        metadata: { name, namespace: request.namespace, creationTimestamp: null },
        spec: { ...spec, audiences, expirationSeconds: seconds },
        status: { token, expirationTimestamp: `${expires.toISOString().slice(0, 19)}Z` },
      },
      201,
    );
  };
}
