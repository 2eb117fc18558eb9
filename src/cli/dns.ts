import { readFileSync } from 'node:fs';

import { defaultDnsConfig, DnsConfigError, parseDnsConfig, type DnsConfig, type DnsListen } from '../dns/index.ts';
import { errorText, UserError } from '../errors/index.ts';
import { runDns } from '../roles/dns.ts';
import { integerFlag, listFlag, stringFlag, type Command, type Parsed } from './command.ts';
import { listenOf } from './listen-address.ts';
import { VERSION } from './version.ts';

const MAX_WORKERS = 64;

/** @throws UserError naming the file */
async function readConfig(file: string | undefined): Promise<DnsConfig> {
  if (file === undefined) return defaultDnsConfig();
  try {
    return await parseDnsConfig(readFileSync(file, 'utf8'), file);
  } catch (e) {
    if (e instanceof DnsConfigError || (e instanceof Error && 'code' in e)) {
      throw new UserError(`--config ${file}: ${errorText(e)}`);
    }
    throw e;
  }
}

function listenFlags(parsed: Parsed): DnsListen {
  const workers = integerFlag(parsed, 'workers');
  if (workers !== undefined && (workers < 1 || workers > MAX_WORKERS))
    throw new UserError(`--workers ${workers}: give 1 to ${MAX_WORKERS}`);
  return {
    ...listenOf(listFlag(parsed, 'listen')),
    ...(workers === undefined ? {} : { workers }),
    batch: parsed.flags['no-batch'] !== true,
  };
}

export const command: Command = {
  positionals: true,
  usage: '[flags]\n       portico dns query NAME [TYPE] [flags]',
  summary: `Runs cluster DNS, in a pod or anywhere, against any Kubernetes API server.
'query' asks it instead, and says why the answer is what it is.`,
  flags: {
    kubeconfig: { value: 'FILE', help: 'Credentials; absent: the service account of the pod (query: --name).' },
    config: { value: 'FILE', help: 'A Corefile or YAML, read again on change; absent: the defaults of kubeadm.' },
    listen: { value: 'ADDRESS[:PORT]', multiple: true, help: 'Where to listen (default: every address).' },
    workers: { value: 'N', help: 'Threads that answer together (default: multisocket of the configuration, else 1).' },
    'no-batch': { help: 'One system call a packet: 3 MB less memory, half the queries a core.' },
    snapshot: { value: 'FILE', help: 'Keep what was seen of the cluster, for a start without the API server.' },
    name: { value: 'NAME', help: 'query: the local cluster (default portico).' },
    'state-dir': { value: 'DIR', help: 'query: where the cluster keeps its files.' },
    'node-name': { value: 'NAME', help: 'query with --kubeconfig: name of this node (default: the hostname).' },
    namespace: { value: 'NAMESPACE', short: 'n', help: 'query: namespace of --from (default default).' },
    from: { value: 'POD|node/NAME', help: 'query: who asks; the search path of a pod is walked.' },
    server: { value: 'IP[:PORT]', help: 'query: the server to ask (default: the Service kube-system/kube-dns).' },
    tcp: { help: 'query: ask by TCP.' },
    json: { help: 'query: print JSON.' },
  },
  async run(parsed) {
    const [verb] = parsed.positionals;
    // Loaded only here: it looks into kernels, and a server in a pod should start quickly.
    if (verb === 'query') return (await import('./dns-query.ts')).runDnsQuery(parsed);
    if (verb !== undefined) throw new UserError(`'dns ${verb}': did you mean 'portico dns query ${verb}'?`);
    const kubeconfig = stringFlag(parsed, 'kubeconfig');
    const configFile = stringFlag(parsed, 'config');
    const snapshotFile = stringFlag(parsed, 'snapshot');
    try {
      await runDns({
        ...(kubeconfig === undefined ? {} : { kubeconfig }),
        ...(configFile === undefined ? {} : { configFile }),
        ...(snapshotFile === undefined ? {} : { snapshotFile }),
        config: await readConfig(configFile),
        listen: listenFlags(parsed),
        version: VERSION,
      });
    } catch (e) {
      if (e instanceof DnsConfigError) throw new UserError(e.message);
      throw e;
    }
    return 0;
  },
};
