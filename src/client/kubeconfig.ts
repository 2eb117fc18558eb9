// kubeconfig files: from text to a ClientConfig.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as YamlModule from 'yaml';
import { UserError } from '../errors/index.ts';
import type { ClientConfig } from './contract.ts';
import { tokenFromFile } from './token-file.ts';

interface Named<T> {
  name: string;
  value: T;
}
type Fields = Readonly<Record<string, unknown>>;

/** Name of a cluster's extension that lists further servers: `{servers: [URL, …]}`. */
export const SERVERS_EXTENSION = 'portico/servers';

export interface KubeconfigOptions {
  /** Instead of `current-context`. */
  context?: string;
}

/** From a file's path or from the text itself (YAML or JSON). Relative paths inside count from the file's folder. */
export function loadKubeconfig(pathOrText: string, options: KubeconfigOptions = {}): ClientConfig {
  const isText = pathOrText.includes('\n') || pathOrText.trimStart().startsWith('{');
  if (isText) return parseKubeconfig(pathOrText, options, process.cwd(), 'the kubeconfig');
  let text: string;
  try {
    text = readFileSync(pathOrText, 'utf8');
  } catch (cause) {
    throw new UserError(`cannot read the kubeconfig ${pathOrText}`, { cause });
  }
  return parseKubeconfig(text, options, path.dirname(path.resolve(pathOrText)), `kubeconfig ${pathOrText}`);
}

function parseKubeconfig(text: string, options: KubeconfigOptions, dir: string, where: string): ClientConfig {
  const root = parseDocument(text, where);
  const contextName = options.context ?? textOf(root['current-context']);
  if (contextName === undefined || contextName === '') {
    throw new UserError(`${where} has no current-context: set one with "kubectl config use-context NAME"`);
  }
  const context = find(root, 'contexts', 'context', contextName, where);
  const cluster = find(root, 'clusters', 'cluster', textOf(context['cluster']) ?? '', where);
  const userName = textOf(context['user']) ?? '';
  const user = userName === '' ? {} : find(root, 'users', 'user', userName, where);
  const server = textOf(cluster['server']);
  if (server === undefined || server === '') throw new UserError(`${where}: the cluster has no server URL`);
  refuseUnsupported(cluster, user, where);

  const config: ClientConfig = { server };
  const others = otherServers(cluster);
  if (others.length > 0) config.others = () => others;
  const caPem = pem(cluster, 'certificate-authority', dir, where);
  if (caPem !== undefined) config.caPem = caPem;
  if (cluster['insecure-skip-tls-verify'] === true) config.insecureSkipVerify = true;
  const serverName = textOf(cluster['tls-server-name']);
  if (serverName !== undefined) config.tlsServerName = serverName;
  const certPem = pem(user, 'client-certificate', dir, where);
  const keyPem = pem(user, 'client-key', dir, where);
  if ((certPem === undefined) !== (keyPem === undefined)) {
    throw new UserError(`${where}: user "${userName}" needs both a client certificate and its key`);
  }
  if (certPem !== undefined) config.certPem = certPem;
  if (keyPem !== undefined) config.keyPem = keyPem;
  const tokenFile = textOf(user['tokenFile']);
  const token = textOf(user['token']);
  if (tokenFile !== undefined) config.token = tokenFromFile(path.resolve(dir, tokenFile));
  else if (token !== undefined && token !== '') config.token = token;
  return config;
}

function otherServers(cluster: Fields): string[] {
  const extensions = Array.isArray(cluster['extensions']) ? (cluster['extensions'] as unknown[]).filter(isFields) : [];
  const ours = extensions.find((e) => e['name'] === SERVERS_EXTENSION)?.['extension'];
  const servers = isFields(ours) && Array.isArray(ours['servers']) ? (ours['servers'] as unknown[]) : [];
  return servers.filter((s): s is string => typeof s === 'string' && s.startsWith('https://'));
}

function refuseUnsupported(cluster: Fields, user: Fields, where: string): void {
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) {
    throw new UserError(
      `${where}: credentials from a plug-in (exec, auth-provider) are not supported; use a client certificate or a token`,
    );
  }
  if (user['username'] !== undefined) {
    throw new UserError(`${where}: Kubernetes no longer takes a user name and password; use a certificate or a token`);
  }
  if (cluster['proxy-url'] !== undefined) {
    throw new UserError(`${where}: proxy-url is not supported; use a server URL that can be reached directly`);
  }
}

function parseDocument(text: string, where: string): Fields {
  let value: unknown;
  try {
    value = text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text);
  } catch (cause) {
    throw new UserError(`${where} cannot be parsed: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  if (!isFields(value)) throw new UserError(`${where} is empty or no kubeconfig`);
  return value;
}

/** The YAML library costs 30 ms of start-up: only those who read YAML pay it. */
function parseYaml(text: string): unknown {
  const yaml = createRequire(import.meta.url)('yaml') as typeof YamlModule;
  return yaml.parse(text);
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function find(root: Fields, list: string, field: string, name: string, where: string): Fields {
  const entries = Array.isArray(root[list]) ? (root[list] as unknown[]) : [];
  const named: Named<unknown>[] = entries
    .filter(isFields)
    .map((e) => ({ name: textOf(e['name']) ?? '', value: e[field] ?? {} }));
  const found = named.find((e) => e.name === name);
  if (found === undefined || !isFields(found.value)) {
    const known = named.map((e) => `"${e.name}"`).join(', ');
    throw new UserError(`${where} has no ${field} "${name}"; it has ${known === '' ? 'none' : known}`);
  }
  return found.value;
}

function pem(fields: Fields, key: string, dir: string, where: string): string | undefined {
  const inline = textOf(fields[`${key}-data`]);
  if (inline !== undefined && inline !== '') return Buffer.from(inline, 'base64').toString('utf8');
  const file = textOf(fields[key]);
  if (file === undefined || file === '') return undefined;
  const full = path.resolve(dir, file);
  try {
    return readFileSync(full, 'utf8');
  } catch (cause) {
    throw new UserError(`${where}: cannot read ${key} from ${full}`, { cause });
  }
}
