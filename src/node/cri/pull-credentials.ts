// Which credentials belong to an image, by the rules of `.dockerconfigjson`. Pure.
import type { RegistryAuth } from './api.ts';

interface AuthEntry {
  username?: unknown;
  password?: unknown;
  auth?: unknown;
  identitytoken?: unknown;
}

/** Registry and path of an image: `docker.io` where the name says none. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost ? image.replace(/@.*$/, '') : `docker.io/${image}`;
}

const plain = (key: string) =>
  key
    .replace(/^https?:\/\//, '')
    .replace(/^index\.docker\.io(?=\/|$)/, 'docker.io')
    .replace(/\/(v1|v2)?\/?$/, '');

/** Credentials for the image from the secrets' contents, the most specific key first. */
export function credentialsFor(image: string, dockerConfigs: readonly string[]): RegistryAuth[] {
  const where = registryOf(image);
  const found: { key: string; auth: RegistryAuth }[] = [];
  for (const text of dockerConfigs) {
    for (const [name, entry] of Object.entries(readAuths(text))) {
      const key = plain(name);
      if (where === key || where.startsWith(`${key}/`)) found.push({ key, auth: authOf(entry, key) });
    }
  }
  return found.toSorted((a, b) => b.key.length - a.key.length).map((f) => f.auth);
}

function readAuths(text: string): Record<string, AuthEntry> {
  try {
    const { auths } = JSON.parse(text) as { auths?: Record<string, AuthEntry> };
    return auths ?? {};
  } catch {
    return {};
  }
}

function authOf(entry: AuthEntry, serverAddress: string): RegistryAuth {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const [username = '', ...password] = Buffer.from(text(entry.auth), 'base64').toString().split(':');
  return {
    username: text(entry.username) || username,
    password: text(entry.password) || password.join(':'),
    identityToken: text(entry.identitytoken),
    serverAddress,
  };
}
