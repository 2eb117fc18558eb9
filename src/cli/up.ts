import process from 'node:process';

import { DEFAULT_SPEC, FIRST_API_PORT, upCluster, type ClusterSpec } from '../cluster/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import { ETCD_FLAGS, storePlace } from './store-flags.ts';
import { integerFlag, listFlag, stringFlag, type Command, type Parsed } from './command.ts';

const D = DEFAULT_SPEC;

/** Only what was said: a cluster that exists keeps its own settings for the rest. */
function givenSpec(parsed: Parsed): Partial<ClusterSpec> {
  const upstreamDns = listFlag(parsed, 'upstream-dns');
  const store = stringFlag(parsed, 'store');
  const said: Partial<Record<keyof ClusterSpec, unknown>> = {
    nodes: integerFlag(parsed, 'nodes'),
    // Checked with the rest of the specification, where a wrong word gets its sentence.
    network: stringFlag(parsed, 'network'),
    proxyMode: stringFlag(parsed, 'proxy-mode'),
    runtime: stringFlag(parsed, 'runtime'),
    podCidr: stringFlag(parsed, 'pod-cidr'),
    serviceCidr: stringFlag(parsed, 'service-cidr'),
    underlayCidr: stringFlag(parsed, 'underlay-cidr'),
    clusterDomain: stringFlag(parsed, 'cluster-domain'),
    apiPort: integerFlag(parsed, 'api-port'),
    upstreamDns: upstreamDns.length === 0 ? undefined : upstreamDns,
    etcd: store === undefined ? undefined : storePlace(parsed, store),
  };
  return Object.fromEntries(Object.entries(said).filter(([, v]) => v !== undefined));
}

export const command: Command = {
  usage: '[flags]',
  summary: 'Brings up a cluster on this machine: every node a network namespace with real kernel rules.',
  flags: {
    ...CLUSTER_FLAGS,
    nodes: { value: 'N', help: `Number of nodes (default ${D.nodes}).` },
    network: { value: 'MODE', help: `Between nodes: native routes or a vxlan overlay (default ${D.network}).` },
    'proxy-mode': { value: 'MODE', help: `iptables or nftables (default ${D.proxyMode}).` },
    runtime: {
      value: 'KIND',
      help: 'Pods as process trees (process, the default), or in a containerd per node (cri).',
    },
    'pod-cidr': { value: 'CIDR', help: `Range of pod addresses, a /24 a node (default ${D.podCidr}).` },
    'service-cidr': { value: 'CIDR', help: `Range of virtual addresses (default ${D.serviceCidr}).` },
    'underlay-cidr': { value: 'CIDR', help: `Range of node addresses (default ${D.underlayCidr}).` },
    'cluster-domain': { value: 'NAME', help: `DNS zone of the cluster (default ${D.clusterDomain}).` },
    'api-port': {
      value: 'PORT',
      help: `Port of the API on 127.0.0.1 (default: the first free one from ${FIRST_API_PORT}).`,
    },
    'upstream-dns': { value: 'ADDR', multiple: true, help: "Nameserver for other names (default: the host's own)." },
    store: { value: 'URL', help: 'Keep the state in etcd: etcd://ADDRESS:PORT[,…] (default: a file of the cluster).' },
    ...ETCD_FLAGS,
    timeout: { value: 'SECONDS', help: 'How long to wait for the cluster (default 60).' },
    quiet: { short: 'q', help: 'Print nothing but errors.' },
  },
  async run(parsed) {
    const { name, stateDir } = clusterOf(parsed);
    const quiet = parsed.flags['quiet'] === true;
    const started = performance.now();
    const say = (text: string) => {
      if (!quiet) process.stdout.write(`${text}\n`);
    };
    const seconds = () => ((performance.now() - started) / 1000).toFixed(2).padStart(6);
    const result = await upCluster({
      name,
      given: givenSpec(parsed),
      stateDir,
      timeoutMs: (integerFlag(parsed, 'timeout') ?? 60) * 1000,
      onStep: (text) => say(`${seconds()} s  ${text}`),
    });
    say(result.alreadyUp ? `cluster ${name} is up already` : `${seconds()} s  cluster ${name} is up`);
    say('');
    say(`  export KUBECONFIG=${result.kubeconfig}`);
    say('  kubectl get nodes -o wide');
    return 0;
  },
};
