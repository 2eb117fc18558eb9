// The user that a client certificate names: CN is the user, every O a group. Established once per connection.
import type { TLSSocket } from 'node:tls';
import type { User } from '../contract.ts';

export type PeerIdentity =
  | { readonly kind: 'none' }
  /** A certificate was shown that this server's authority did not sign, or that is not valid now. */
  | { readonly kind: 'rejected'; readonly reason: string }
  | { readonly kind: 'user'; readonly user: User };

const identities = new WeakMap<object, PeerIdentity>();

/** `connection` is the key under which the answer is kept: the TLS socket or the HTTP/2 session. */
export function peerIdentity(connection: object, socket: TLSSocket): PeerIdentity {
  let identity = identities.get(connection);
  if (identity === undefined) identities.set(connection, (identity = identify(socket)));
  return identity;
}

function identify(socket: TLSSocket): PeerIdentity {
  const certificate = socket.getPeerCertificate?.();
  const subject = certificate?.subject as Record<string, string | string[] | undefined> | undefined;
  if (subject === undefined || Object.keys(certificate ?? {}).length === 0) return { kind: 'none' };
  if (!socket.authorized) return { kind: 'rejected', reason: String(socket.authorizationError) };
  const name = [subject['CN'] ?? []].flat()[0] ?? '';
  if (name === '') return { kind: 'rejected', reason: 'the client certificate has no common name' };
  return { kind: 'user', user: { name, groups: [subject['O'] ?? []].flat() } };
}
