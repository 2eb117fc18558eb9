// Bootstrap tokens as Kubernetes has them: made, listed and deleted as Secrets in kube-system.
import { randomInt } from 'node:crypto';

import {
  BOOTSTRAP_TOKEN_TYPE,
  bootstrapTokenSecretName,
  NODE_BOOTSTRAPPERS,
  secrets,
  type Secret,
} from '../api/objects.ts';
import type { Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';

const NAMESPACE = 'kube-system';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
export const TOKEN_FORMAT = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

export interface BootstrapToken {
  readonly id: string;
  /** The whole of it, `id.secret`. */
  readonly token: string;
  /** Epoch milliseconds; undefined: for ever. */
  readonly expiresAt: number | undefined;
  readonly description: string;
}

const randomText = (length: number): string =>
  Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** `ttlMs` undefined: it never ends. */
export async function createToken(
  client: Client,
  { ttlMs, description, nowMs }: { ttlMs: number | undefined; description: string; nowMs: number },
): Promise<BootstrapToken> {
  const [id, secret] = [randomText(6), randomText(16)];
  const expiresAt = ttlMs === undefined ? undefined : nowMs + ttlMs;
  const stringData: Record<string, string> = {
    'token-id': id,
    'token-secret': secret,
    'usage-bootstrap-authentication': 'true',
    'auth-extra-groups': NODE_BOOTSTRAPPERS,
    ...(expiresAt === undefined ? {} : { expiration: new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z') }),
    ...(description === '' ? {} : { description }),
  };
  await client.resource(secrets).create(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: bootstrapTokenSecretName(id), namespace: NAMESPACE },
      type: BOOTSTRAP_TOKEN_TYPE,
      stringData,
    },
    { namespace: NAMESPACE },
  );
  return { id, token: `${id}.${secret}`, expiresAt, description };
}

/** What a Secret says of its token; undefined when it is none. */
export function tokenOf(secret: Secret): BootstrapToken | undefined {
  if (secret.type !== BOOTSTRAP_TOKEN_TYPE) return undefined;
  const field = (name: string) => Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8');
  const token = `${field('token-id')}.${field('token-secret')}`;
  if (!TOKEN_FORMAT.test(token)) return undefined;
  const expires = Date.parse(field('expiration'));
  return {
    id: field('token-id'),
    token,
    expiresAt: Number.isNaN(expires) ? undefined : expires,
    description: field('description'),
  };
}

export async function listTokens(client: Client): Promise<BootstrapToken[]> {
  const { items } = await client
    .resource(secrets)
    .list({ namespace: NAMESPACE, fieldSelector: `type=${BOOTSTRAP_TOKEN_TYPE}` });
  return items.flatMap((secret) => tokenOf(secret) ?? []);
}

/** `token`: the id or the whole token. @throws UserError when it is neither */
export async function deleteToken(client: Client, token: string): Promise<string> {
  const id = token.split('.')[0] ?? '';
  if (!/^[a-z0-9]{6}$/.test(id)) {
    throw new UserError(`'${token}' is no token: give its id, the six characters before the dot`);
  }
  await client.resource(secrets).delete(bootstrapTokenSecretName(id), { namespace: NAMESPACE });
  return id;
}
