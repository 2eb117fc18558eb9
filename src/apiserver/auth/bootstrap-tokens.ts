// Bootstrap tokens: Secrets of type bootstrap.kubernetes.io/token in kube-system, `id.secret`, good for joining a host.
import { timingSafeEqual } from 'node:crypto';
import { BOOTSTRAP_TOKEN_TYPE, bootstrapTokenSecretName, secrets, type Secret } from '../../api/index.ts';
import type { Clock } from '../../clock/index.ts';
import type { Store } from '../../store/index.ts';
import type { User } from '../contract.ts';
import { storageKey } from '../objects/storage-key.ts';
import { storedObject } from '../objects/stored-object.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = 'system:bootstrappers';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

const sameText = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};

/** Who shows this token; undefined for what is no token of this kind, is not known, or has expired. */
export async function userOfBootstrapToken(store: Store, clock: Clock, token: string): Promise<User | undefined> {
  const [, id, secret] = TOKEN.exec(token) ?? [];
  if (id === undefined || secret === undefined) return undefined;
  const entry = await store.get(storageKey(secrets, 'kube-system', bootstrapTokenSecretName(id)));
  if (entry === undefined) return undefined;
  const object = storedObject(entry).object as Secret;
  const field = (name: string) => Buffer.from(object.data?.[name] ?? '', 'base64').toString('utf8');
  if (object.type !== BOOTSTRAP_TOKEN_TYPE || object.metadata.deletionTimestamp !== undefined) return undefined;
  if (!sameText(field('token-id'), id) || !sameText(field('token-secret'), secret)) return undefined;
  if (field('usage-bootstrap-authentication') !== 'true') return undefined;
  const expires = field('expiration');
  // A time that cannot be read is no permission for ever.
  if (expires !== '' && !(Date.parse(expires) > clock.now())) return undefined;
  const extra = field('auth-extra-groups')
    .split(',')
    .filter((g) => g !== '');
  if (extra.some((g) => !EXTRA_GROUP.test(g))) return undefined;
  return { name: `system:bootstrap:${id}`, groups: [GROUP, ...extra] };
}
