// A call of the plugin: environment variables, a blank line, and what came on standard input. Pure.
import { cniCode, CniError } from './cni-error.ts';
import type { HostPort } from './contract.ts';

export const SUPPORTED_VERSIONS: readonly string[] = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';
const COMMANDS: readonly string[] = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'];
/** The version of the specification that brought a command. */
const SINCE: Readonly<Record<string, string>> = { CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' };

export interface NetworkConfig {
  readonly cniVersion: string;
  readonly name: string;
  readonly type: string;
  readonly hostPorts: readonly HostPort[];
  /** Addresses that the result of an earlier ADD has, without prefix length; undefined when none was given. */
  readonly previousIps: readonly string[] | undefined;
  /** GC: the attachments that are to stay; undefined when the list was not given. */
  readonly validAttachments: readonly { readonly containerId: string; readonly ifname: string }[] | undefined;
}

export interface CniRequest {
  readonly command: CniCommand;
  readonly containerId: string;
  /** Path of the network namespace; '' when none was given. */
  readonly netns: string;
  readonly ifname: string;
  /** CNI_ARGS. */
  readonly args: ReadonlyMap<string, string>;
  readonly config: NetworkConfig;
}

/** The version that an answer is written in, also when the request cannot be read. */
export function versionOf(text: string): string {
  try {
    const { cniVersion } = JSON.parse(text.slice(text.indexOf('\n\n') + 2)) as { cniVersion?: unknown };
    if (typeof cniVersion === 'string' && SUPPORTED_VERSIONS.includes(cniVersion)) return cniVersion;
  } catch {
    // The error that is being told says so.
  }
  return '1.0.0';
}

/** @throws CniError */
export function parseRequest(text: string): CniRequest {
  const end = text.indexOf('\n\n');
  const env = new Map<string, string>();
  for (const line of text.slice(0, end < 0 ? 0 : end).split('\n')) {
    const equals = line.indexOf('=');
    if (equals > 0) env.set(line.slice(0, equals), line.slice(equals + 1));
  }
  const command = env.get('CNI_COMMAND') ?? '';
  if (!COMMANDS.includes(command)) {
    throw new CniError(cniCode.INVALID_ENVIRONMENT, `unknown CNI_COMMAND "${command}"`);
  }
  const request = {
    command: command as CniCommand,
    containerId: env.get('CNI_CONTAINERID') ?? '',
    netns: env.get('CNI_NETNS') ?? '',
    ifname: env.get('CNI_IFNAME') ?? '',
    args: parseArgs(env.get('CNI_ARGS') ?? ''),
    config: parseConfig(end < 0 ? '' : text.slice(end + 2), command === 'VERSION'),
  };
  checkEnvironment(request);
  const since = SINCE[command];
  if (since !== undefined && request.config.cniVersion < since) {
    throw new CniError(
      cniCode.INCOMPATIBLE_VERSION,
      `${command} came with version ${since} of the specification; the configuration has cniVersion ${request.config.cniVersion}`,
    );
  }
  return request;
}

function checkEnvironment({ command, containerId, netns, ifname }: Omit<CniRequest, 'config'>): void {
  if (command === 'VERSION' || command === 'GC' || command === 'STATUS') return;
  const bad = (name: string, value: string, rule: string) =>
    new CniError(cniCode.INVALID_ENVIRONMENT, `${name} "${value}" ${rule}`);
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(containerId)) {
    throw bad('CNI_CONTAINERID', containerId, 'must begin with a letter or digit and go on with those, _ . or -');
  }
  if (!/^[^\s/:]{1,15}$/.test(ifname) || ifname === '.' || ifname === '..') {
    throw bad('CNI_IFNAME', ifname, 'is no name of a network device: 1 to 15 characters, no white space, / or :');
  }
  if (command !== 'DEL' && !netns.startsWith('/')) {
    throw bad('CNI_NETNS', netns, 'must be the path of a network namespace');
  }
}

function parseArgs(text: string): Map<string, string> {
  const pairs = text.split(';').flatMap((pair) => {
    const equals = pair.indexOf('=');
    return equals > 0 ? [[pair.slice(0, equals), pair.slice(equals + 1)] as const] : [];
  });
  return new Map(pairs);
}

interface RawConfig {
  cniVersion?: unknown;
  name?: unknown;
  type?: unknown;
  runtimeConfig?: { portMappings?: unknown };
  prevResult?: { ips?: unknown };
  'cni.dev/valid-attachments'?: unknown;
}

function parseConfig(text: string, isVersion: boolean): NetworkConfig {
  let raw: RawConfig;
  try {
    raw = text.trim() === '' && isVersion ? {} : (JSON.parse(text) as RawConfig);
  } catch (cause) {
    throw new CniError(cniCode.DECODING_FAILURE, 'the network configuration is not JSON', String(cause));
  }
  if (typeof raw !== 'object' || raw === null) {
    throw new CniError(cniCode.DECODING_FAILURE, 'the network configuration is not a JSON object');
  }
  // A configuration without a version is one of 0.1.0, says the specification.
  const { cniVersion = isVersion ? '1.0.0' : '0.1.0', name = '', type = '' } = raw;
  if (!isVersion && (typeof cniVersion !== 'string' || !SUPPORTED_VERSIONS.includes(cniVersion))) {
    throw new CniError(
      cniCode.INCOMPATIBLE_VERSION,
      `cniVersion ${JSON.stringify(cniVersion)} is not supported`,
      `supported: ${SUPPORTED_VERSIONS.join(', ')}`,
    );
  }
  if (typeof name !== 'string' || (!isVersion && !/^[a-zA-Z0-9][\w.-]*$/.test(name))) {
    throw new CniError(cniCode.INVALID_CONFIG, `the network's name ${JSON.stringify(name)} is not valid`);
  }
  return {
    cniVersion: String(cniVersion),
    name,
    type: String(type),
    hostPorts: parsePortMappings(raw.runtimeConfig?.portMappings),
    previousIps: parsePreviousIps(raw.prevResult?.ips),
    validAttachments: parseAttachments(raw['cni.dev/valid-attachments']),
  };
}

function objects(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return [];
  return value.filter((x): x is Record<string, unknown> => typeof x === 'object' && x !== null);
}

function parsePortMappings(value: unknown): HostPort[] {
  return objects(value).map((entry) => {
    const { hostPort, containerPort, hostIP = '' } = entry;
    const protocol = (typeof entry['protocol'] === 'string' ? entry['protocol'] : 'tcp').toUpperCase();
    const isPort = (p: unknown): p is number => Number.isInteger(p) && Number(p) > 0 && Number(p) < 65_536;
    const isKnown = protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';
    if (!isPort(hostPort) || !isPort(containerPort) || !isKnown || typeof hostIP !== 'string') {
      throw new CniError(
        cniCode.INVALID_CONFIG,
        `portMappings has an entry that is not valid: ${JSON.stringify(entry)}`,
      );
    }
    return { protocol, hostPort, containerPort, hostIp: hostIP === '0.0.0.0' || hostIP === '::' ? '' : hostIP };
  });
}

function parsePreviousIps(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  return objects(value).flatMap(({ address }) => (typeof address === 'string' ? [address.split('/')[0] ?? ''] : []));
}

function parseAttachments(value: unknown): { containerId: string; ifname: string }[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return objects(value).flatMap(({ containerID, ifname }) =>
    typeof containerID === 'string' && typeof ifname === 'string' ? [{ containerId: containerID, ifname }] : [],
  );
}
