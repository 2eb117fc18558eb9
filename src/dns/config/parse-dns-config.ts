// One reader for both formats of the configuration.
import path from 'node:path';
import process from 'node:process';
import type { DnsConfig } from './config.ts';
import { parseCorefile } from './corefile/parse-corefile.ts';

/** True when the first line that says something opens a server block or imports some. */
export function isCorefile(text: string): boolean {
  const line = text.split('\n').find((l) => !/^\s*(#.*)?$/.test(l)) ?? '';
  return /^\s*import\s/.test(line) || (/^[^\s{][^#]*(\{|,)\s*(#.*)?$/.test(line) && !/^[\w]+:\s/.test(line));
}

/**
 * A Corefile, or YAML.
 * @param file where the text came from: files that it imports stand beside it. Absent: they are left out.
 * @throws DnsConfigError that says where and what.
 */
export async function parseDnsConfig(text: string, file?: string): Promise<DnsConfig> {
  const folder = file === undefined ? undefined : path.dirname(file);
  if (isCorefile(text)) return parseCorefile(text, { env: process.env, ...(folder === undefined ? {} : { folder }) });
  // The YAML reader is only loaded by those who need it: it is as large as the rest of the server.
  const { parseYamlConfig } = await import('./yaml/parse-yaml-config.ts');
  return parseYamlConfig(text, folder);
}
