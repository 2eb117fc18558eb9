// Service account tokens: ES256 JSON Web Tokens, bound to the account and, when asked, to a pod.
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, verify, type KeyObject } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';

export interface BoundTo {
  readonly kind: 'Pod' | 'Secret' | 'Node';
  readonly name: string;
  readonly uid: string;
}

export interface TokenSubject {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly boundTo?: BoundTo;
  /** Node of the bound pod. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

export interface VerifiedToken {
  readonly subject: TokenSubject;
  readonly id: string;
  readonly audiences: readonly string[];
  /** Seconds since the epoch. */
  readonly expires: number;
}

interface Claims {
  aud: string[];
  exp: number;
  iat: number;
  nbf: number;
  iss: string;
  jti: string;
  sub: string;
  'kubernetes.io': {
    namespace: string;
    serviceaccount: { name: string; uid: string };
    pod?: { name: string; uid: string };
    secret?: { name: string; uid: string };
    node?: { name: string; uid?: string };
  };
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A verified token is remembered so that each request need not check the signature again. */
const MAX_REMEMBERED = 2000;

export class ServiceAccountTokens {
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #clock: Clock;
  readonly #verified = new Map<string, VerifiedToken>();
  readonly keyId: string;
  readonly issuer: string;

  constructor(keyPem: string, issuer: string, clock: Clock) {
    this.#privateKey = createPrivateKey(keyPem);
    this.#publicKey = createPublicKey(this.#privateKey);
    this.#clock = clock;
    this.issuer = issuer;
    const der = this.#publicKey.export({ type: 'spki', format: 'der' });
    this.keyId = createHash('sha256').update(der).digest('base64url');
  }

  /** @returns the token and when it expires. */
  issue(subject: TokenSubject, audiences: readonly string[], seconds: number): { token: string; expires: Date } {
    const now = Math.floor(this.#clock.now() / 1000);
    const { boundTo, node } = subject;
    const bound =
      boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } };
    const claims: Claims = {
      aud: [...audiences],
      exp: now + seconds,
      iat: now,
      nbf: now,
      iss: this.issuer,
      jti: randomUUID(),
      sub: `system:serviceaccount:${subject.namespace}:${subject.name}`,
      'kubernetes.io': {
        namespace: subject.namespace,
        ...(node === undefined ? {} : { node }),
        ...bound,
        serviceaccount: { name: subject.name, uid: subject.uid },
      },
    };
    const text = `${encode({ alg: 'ES256', kid: this.keyId, typ: 'JWT' })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return { token: `${text}.${signature.toString('base64url')}`, expires: new Date((now + seconds) * 1000) };
  }

  /** Undefined for anything but a valid, unexpired token of this cluster. Says nothing on whether its owner still lives. */
  verify(token: string): VerifiedToken | undefined {
    let found = this.#verified.get(token);
    if (found === undefined) {
      found = this.#check(token);
      if (found === undefined) return undefined;
      if (this.#verified.size >= MAX_REMEMBERED) this.#verified.clear();
      this.#verified.set(token, found);
    }
    return found.expires * 1000 > this.#clock.now() ? found : undefined;
  }

  /** The public key for `/openid/v1/jwks`. */
  get jwks(): object {
    const jwk = this.#publicKey.export({ format: 'jwk' });
    return { keys: [{ use: 'sig', kid: this.keyId, alg: 'ES256', ...jwk }] };
  }

  #check(token: string): VerifiedToken | undefined {
    const [head = '', payload = '', signature = '', more] = token.split('.');
    if (more !== undefined || payload === '') return undefined;
    const key = { key: this.#publicKey, dsaEncoding: 'ieee-p1363' as const };
    let claims: Claims;
    try {
      const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg?: unknown };
      if (header.alg !== 'ES256') return undefined;
      if (!verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url')))
        return undefined;
      claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
    } catch {
      return undefined;
    }
    if (claims.iss !== this.issuer || claims.nbf * 1000 > this.#clock.now() + 60_000) return undefined;
    const { namespace, serviceaccount, pod, secret, node } = claims['kubernetes.io'];
    const boundTo: BoundTo | undefined =
      pod !== undefined ? { kind: 'Pod', ...pod } : secret !== undefined ? { kind: 'Secret', ...secret } : undefined;
    return {
      subject: {
        namespace,
        ...serviceaccount,
        ...(boundTo === undefined ? {} : { boundTo }),
        ...(node === undefined ? {} : { node }),
      },
      id: claims.jti,
      audiences: claims.aud,
      expires: claims.exp,
    };
  }
}
