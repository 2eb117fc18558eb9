// Who asks: a client certificate, a service account token, a token of a host that joins, or nobody in particular.
import { pods, secrets, serviceAccounts, unauthorized } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import type { User } from '../contract.ts';
import type { PeerIdentity } from '../http/peer-user.ts';
import { storedObject } from '../objects/stored-object.ts';
import { storageKey } from '../objects/storage-key.ts';
import { userOfBootstrapToken } from './bootstrap-tokens.ts';
import type { ServiceAccountTokens, VerifiedToken } from './service-account-tokens.ts';

const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };
const AUTHENTICATED = 'system:authenticated';

const withAuthenticated = (user: User): User =>
  user.groups.includes(AUTHENTICATED) || user.groups.includes('system:unauthenticated')
    ? user
    : { ...user, groups: [...user.groups, AUTHENTICATED] };

export interface Authenticator {
  /** @throws StatusError 401 when a credential was shown and is not good. */
  authenticate(peer: PeerIdentity, authorization: string | undefined): Promise<User>;
  /** The user of a token, for TokenReview. */
  userOfToken(token: string): Promise<{ user: User; verified: VerifiedToken } | undefined>;
}

export function createAuthenticator(
  store: Store,
  tokens: ServiceAccountTokens,
  audience: string,
  clock: Clock,
): Authenticator {
  const liveUid = async (key: string): Promise<string | undefined> => {
    // What this server has not heard of may have been made on another one just now.
    const entry = (await store.get(key, { notOlderThan: 0 })) ?? (await store.get(key));
    return entry === undefined ? undefined : storedObject(entry).object.metadata.uid;
  };

  /** A token dies with the account, and with the pod, it was made for. */
  async function userOfToken(token: string): Promise<{ user: User; verified: VerifiedToken } | undefined> {
    const verified = tokens.verify(token);
    if (verified === undefined) return undefined;
    const { namespace, name, uid, boundTo, node } = verified.subject;
    if ((await liveUid(storageKey(serviceAccounts, namespace, name))) !== uid) return undefined;
    if (boundTo !== undefined && boundTo.kind !== 'Node') {
      const resource = boundTo.kind === 'Pod' ? pods : secrets;
      if ((await liveUid(storageKey(resource, namespace, boundTo.name))) !== boundTo.uid) return undefined;
    }
    const extra: Record<string, readonly string[]> = {
      'authentication.kubernetes.io/credential-id': [`JTI=${verified.id}`],
    };
    if (boundTo?.kind === 'Pod') {
      extra['authentication.kubernetes.io/pod-name'] = [boundTo.name];
      extra['authentication.kubernetes.io/pod-uid'] = [boundTo.uid];
    }
    if (node !== undefined) extra['authentication.kubernetes.io/node-name'] = [node.name];
    const user: User = {
      name: `system:serviceaccount:${namespace}:${name}`,
      uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED],
      extra,
    };
    return { user, verified };
  }

  return {
    userOfToken,
    async authenticate(peer, authorization) {
      if (peer.kind === 'user') return withAuthenticated(peer.user);
      const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
      if (token === undefined) {
        if (peer.kind === 'rejected' || (authorization ?? '') !== '') throw unauthorized();
        return ANONYMOUS;
      }
      const joining = await userOfBootstrapToken(store, clock, token);
      if (joining !== undefined) return withAuthenticated(joining);
      const found = await userOfToken(token);
      if (found === undefined || !found.verified.audiences.includes(audience)) throw unauthorized();
      return found.user;
    },
  };
}
