import process from 'node:process';

import { CLUSTER_INFO, configMaps, endpointSlices, formatAge, parseDuration } from '../api/objects.ts';
import { serverUrls, type Client } from '../client/index.ts';
import { UserError } from '../errors/index.ts';
import { createToken, deleteToken, listTokens } from '../join/index.ts';
import { caFingerprint } from '../pki/index.ts';
import { ADMIN_FLAGS, adminConfig, withAdmin } from './admin-client.ts';
import { stringFlag, type Command, type Parsed } from './command.ts';

const DEFAULT_TTL = '24h';

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Where hosts reach the servers: their own word, which need not be how this command reaches them. */
async function serverFlags(client: Client): Promise<string> {
  const map = await client.resource(configMaps).get(CLUSTER_INFO, 'kube-public');
  const config = JSON.parse(map.data?.['kubeconfig'] ?? '{}') as { clusters?: { cluster?: { server?: string } }[] };
  const server = config.clusters?.[0]?.cluster?.server;
  if (server === undefined) throw new Error(`the ConfigMap kube-public/${CLUSTER_INFO} names no server`);
  const { items } = await client
    .resource(endpointSlices)
    .list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' });
  const all = new Set([server, ...items.flatMap(serverUrls)]);
  return [...all].map((url) => `--server ${url}`).join(' ');
}

async function create(parsed: Parsed): Promise<void> {
  const ttl = stringFlag(parsed, 'ttl') ?? DEFAULT_TTL;
  const ttlMs = parseDuration(ttl);
  if (ttlMs === undefined) throw new UserError(`--ttl ${ttl}: write a duration such as 30m or 24h; 0: for ever`);
  const { caPem = '' } = adminConfig(parsed);
  await withAdmin(parsed, async (client) => {
    const description = stringFlag(parsed, 'description') ?? '';
    const { token } = await createToken(client, {
      ttlMs: ttlMs === 0 ? undefined : ttlMs,
      description,
      nowMs: Date.now(),
    });
    if (parsed.flags['quiet'] === true) return say(token);
    say(`On the host that is to join, as root${ttlMs === 0 ? '' : `, within ${ttl}`}:`);
    say('');
    say(`  portico agent ${await serverFlags(client)} --token ${token} --ca-hash ${caFingerprint(caPem)}`);
  });
}

async function list(parsed: Parsed): Promise<void> {
  await withAdmin(parsed, async (client) => {
    const tokens = await listTokens(client);
    const rows = tokens.map((t) => [
      t.token,
      t.expiresAt === undefined ? 'forever' : formatAge(Math.max(0, t.expiresAt - Date.now())),
      t.expiresAt === undefined ? 'never' : new Date(t.expiresAt).toISOString(),
      t.description,
    ]);
    for (const [token = '', ttl = '', expires = '', description = ''] of [
      ['TOKEN', 'TTL', 'EXPIRES', 'DESCRIPTION'],
      ...rows,
    ]) {
      say(`${token.padEnd(25)}${ttl.padEnd(9)}${expires.padEnd(26)}${description}`.trimEnd());
    }
  });
}

async function remove(parsed: Parsed, tokens: readonly string[]): Promise<void> {
  if (tokens.length === 0) throw new UserError("name the token: 'portico token delete ID'");
  await withAdmin(parsed, async (client) => {
    for (const token of tokens) say(`token ${await deleteToken(client, token)} deleted`);
  });
}

export const command: Command = {
  usage: 'create|list|delete [ID…] [flags]',
  summary: 'Tokens by which hosts join: make one and print the command for the host, show them, delete them.',
  positionals: true,
  flags: {
    ttl: { value: 'DURATION', help: `How long it is good, such as 30m or 24h; 0: for ever (default ${DEFAULT_TTL}).` },
    description: { value: 'TEXT', help: 'What it is for.' },
    quiet: { short: 'q', help: 'Print the token alone.' },
    ...ADMIN_FLAGS,
  },
  async run(parsed) {
    const [verb, ...rest] = parsed.positionals;
    if (verb === 'create' && rest.length === 0) await create(parsed);
    else if (verb === 'list' && rest.length === 0) await list(parsed);
    else if (verb === 'delete') await remove(parsed, rest);
    else throw new UserError("say what to do: 'portico token create', 'list' or 'delete ID'");
    return 0;
  },
};
