import { defaultBlock, defaultDnsConfig, defaultForward } from '../dns/index.ts';
import { UserError } from '../errors/index.ts';
import { splitHostPort, parseIp } from '../ip/index.ts';
import { runDns } from '../roles/dns.ts';
import { listFlag, stringFlag, type Command } from './command.ts';
import { VERSION } from './version.ts';

export const command: Command = {
  usage: '[--kubeconfig FILE] [--config FILE] [flags]',
  summary: 'Runs cluster DNS.',
  flags: {
    kubeconfig: { value: 'FILE', help: 'Credentials; absent: the service account of the pod.' },
    config: { value: 'FILE', help: 'YAML or Corefile.' },
    upstream: { value: 'ADDRESS', multiple: true, help: 'Nameserver for other names.' },
  },
  async run(parsed) {
    const kubeconfig = stringFlag(parsed, 'kubeconfig');
    const to = listFlag(parsed, 'upstream').map((text) => {
      const at = parseIp(text) === undefined ? splitHostPort(text) : { host: text, port: 53 };
      if (at === undefined) throw new UserError(`--upstream ${text}: write ADDRESS or ADDRESS:PORT`);
      return { address: at.host, port: at.port };
    });
    const base = defaultDnsConfig();
    await runDns({
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      config: to.length === 0 ? base : { ...base, blocks: [defaultBlock({ forward: [defaultForward({ to })] })] },
      version: VERSION,
    });
    return 0;
  },
};
