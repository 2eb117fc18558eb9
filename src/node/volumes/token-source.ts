// Tokens of service accounts for pods: bound to the pod, renewed when 80 % of their time is over.
import { serviceAccounts } from '../../api/objects.ts';
import type { Client } from '../../client/index.ts';
import type { Clock } from '../../clock/index.ts';

export interface TokenWish {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly pod: { readonly name: string; readonly uid: string };
  /** '' = the API server's own. */
  readonly audience: string;
  readonly expirationSeconds: number;
}

interface TokenReview {
  apiVersion: 'authentication.k8s.io/v1';
  kind: 'TokenRequest';
  spec: {
    audiences?: string[];
    expirationSeconds: number;
    boundObjectRef: { apiVersion: 'v1'; kind: 'Pod'; name: string; uid: string };
  };
  status?: { token?: string; expirationTimestamp?: string };
}

const DAY_MS = 86_400_000;

export class TokenSource {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, { token: string; renewAtMs: number }>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async token(wish: TokenWish): Promise<string> {
    const key = `${wish.pod.uid}/${wish.serviceAccount}/${wish.audience}/${wish.expirationSeconds}`;
    const known = this.#tokens.get(key);
    const now = this.#clock.now();
    if (known !== undefined && now < known.renewAtMs) return known.token;
    const body: TokenReview = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        ...(wish.audience === '' ? {} : { audiences: [wish.audience] }),
        expirationSeconds: wish.expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: wish.pod.name, uid: wish.pod.uid },
      },
    };
    const answer = await this.#client
      .resource(serviceAccounts)
      .createSubresource<TokenReview, TokenReview>(wish.serviceAccount, 'token', body, { namespace: wish.namespace });
    const token = answer.status?.token;
    if (token === undefined)
      throw new Error(`the API server gave no token for ${wish.namespace}/${wish.serviceAccount}`);
    const end = Date.parse(answer.status?.expirationTimestamp ?? '');
    const lifeMs = Number.isNaN(end) ? wish.expirationSeconds * 1000 : end - now;
    this.#tokens.set(key, { token, renewAtMs: now + Math.min(lifeMs * 0.8, DAY_MS) });
    return token;
  }

  forget(podUid: string): void {
    for (const key of this.#tokens.keys()) if (key.startsWith(`${podUid}/`)) this.#tokens.delete(key);
  }
}
