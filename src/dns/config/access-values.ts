// Values of access rules and of DNS64 as both formats write them.
import { parseType } from '../../dnswire/index.ts';
import { parseNetwork } from '../networks.ts';
import type { AclRule } from '../plugins/acl.ts';
import type { Dns64Config } from '../plugins/dns64.ts';
import { DnsConfigError } from './config.ts';

export const ACL_ACTIONS = ['allow', 'block', 'filter', 'drop'] as const;

/** `*`, `ANY` or nothing at all: every type, every client. */
export function aclLimits(
  types: readonly string[],
  networks: readonly string[],
  where: string,
): Pick<AclRule, 'types' | 'networks'> {
  const everyType = types.length === 0 || types.some((t) => t === '*' || t.toUpperCase() === 'ANY');
  const everybody = networks.length === 0 || networks.includes('*');
  return {
    ...(everyType ? {} : { types: new Set(types.map((t) => typeOf(t, where))) }),
    ...(everybody ? {} : { networks: networks.map((n) => networkOf(n, where)) }),
  };
}

function typeOf(text: string, where: string): number {
  const type = parseType(text.toUpperCase());
  if (type === undefined) throw new DnsConfigError(`${where}: "${text}" is no record type`);
  return type;
}

function networkOf(text: string, where: string): string {
  if (parseNetwork(text) === undefined)
    throw new DnsConfigError(`${where}: "${text}" is no network such as 10.0.0.0/8`);
  return text;
}

const PREFIX_BITS = [32, 40, 48, 56, 64, 96] as const;
export const WELL_KNOWN_PREFIX = '64:ff9b::/96';

export function dns64Prefix(text: string, where: string): Pick<Dns64Config, 'prefix' | 'bits'> {
  const network = parseNetwork(text);
  const bits = PREFIX_BITS.find((b) => b === network?.bits);
  if (network?.bytes.length !== 16 || bits === undefined)
    throw new DnsConfigError(`${where}: "${text}" is no IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits`);
  return { prefix: network.bytes, bits };
}
