import { readFileSync } from 'node:fs';

import { defaultDnsConfig, DnsConfigError, parseDnsConfig, type DnsConfig } from '../dns/index.ts';
import { errorText, UserError } from '../errors/index.ts';
import { runDns } from '../roles/dns.ts';
import { stringFlag, type Command } from './command.ts';
import { VERSION } from './version.ts';

/** @throws UserError naming the file */
async function readConfig(file: string | undefined): Promise<DnsConfig> {
  if (file === undefined) return defaultDnsConfig();
  try {
    return await parseDnsConfig(readFileSync(file, 'utf8'));
  } catch (e) {
    if (e instanceof DnsConfigError || (e instanceof Error && 'code' in e)) {
      throw new UserError(`--config ${file}: ${errorText(e)}`);
    }
    throw e;
  }
}

export const command: Command = {
  usage: '[--kubeconfig FILE] [--config FILE]',
  summary: 'Runs cluster DNS, in a pod or anywhere, against any Kubernetes API server.',
  flags: {
    kubeconfig: { value: 'FILE', help: 'Credentials; absent: the service account of the pod.' },
    config: { value: 'FILE', help: 'A Corefile or YAML; absent: the defaults of a kubeadm cluster.' },
  },
  async run(parsed) {
    const kubeconfig = stringFlag(parsed, 'kubeconfig');
    await runDns({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      config: await readConfig(stringFlag(parsed, 'config')),
      version: VERSION,
    });
    return 0;
  },
};
