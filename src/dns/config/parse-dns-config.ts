// One reader for both formats of the configuration.
import process from 'node:process';
import type { DnsConfig } from './config.ts';
import { parseCorefile } from './parse-corefile.ts';

/** True when the first line that says something opens a server block. */
export function isCorefile(text: string): boolean {
  const line = text.split('\n').find((l) => !/^\s*(#.*)?$/.test(l)) ?? '';
  return /^[^\s{][^#]*(\{|,)\s*(#.*)?$/.test(line) && !/^[\w]+:\s/.test(line);
}

/**
 * A Corefile, or YAML.
 * @throws DnsConfigError that says where and what.
 */
export async function parseDnsConfig(text: string): Promise<DnsConfig> {
  if (isCorefile(text)) return parseCorefile(text, process.env);
  // The YAML reader is only loaded by those who need it: it is as large as the rest of the server.
  const { parseYamlConfig } = await import('./parse-yaml-config.ts');
  return parseYamlConfig(text);
}
