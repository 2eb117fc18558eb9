import { UserError } from '../errors/index.ts';
import { runAgent } from '../roles/agent.ts';
import { DEFAULT_PROXY_CONFIG } from '../proxy/index.ts';
import { listFlag, requiredFlag, stringFlag, type Command } from './command.ts';

/** @throws UserError when the word is none of the choices. */
function choice<T extends string>(flag: string, value: string, choices: readonly T[]): T {
  const found = choices.find((c) => c === value);
  if (found === undefined) throw new UserError(`--${flag} ${value}: choose ${choices.join(' or ')}`);
  return found;
}

export const command: Command = {
  usage: '--node-name NAME --node-ip IP --kubeconfig FILE [flags]',
  summary: 'Runs the agent of one node, in the network namespace of that node: pods, pod network and service proxy.',
  flags: {
    'cluster-name': { value: 'NAME', help: 'Name of the cluster (default portico).' },
    'cluster-domain': { value: 'NAME', help: 'DNS zone of the cluster (default cluster.local).' },
    'cluster-dns': { value: 'IP', multiple: true, help: 'Virtual address of cluster DNS.' },
    'node-name': { value: 'NAME', help: 'Name of the Node object.' },
    'node-ip': { value: 'IP', multiple: true, help: 'Address of the node.' },
    kubeconfig: { value: 'FILE', help: "The node's own credentials." },
    'proxy-kubeconfig': { value: 'FILE', help: "The proxy's credentials." },
    'client-ca': { value: 'FILE', help: "Authority of those who may call the agent's API." },
    'tls-cert': { value: 'FILE', help: "Certificate of the agent's API." },
    'tls-key': { value: 'FILE', help: "Key of the agent's API." },
    'state-dir': { value: 'DIR', help: 'Where the agent keeps what must survive a restart.' },
    images: { value: 'FILE', help: 'Further entries of the image catalog.' },
    network: { value: 'MODE', help: 'native or vxlan (default native).' },
    uplink: { value: 'DEVICE', help: 'Device that leads to the other nodes (default eth0).' },
    'pod-cidr': { value: 'CIDR', multiple: true, help: 'Pod ranges of the whole cluster.' },
    'service-cidr': { value: 'CIDR', multiple: true, help: 'Ranges of virtual addresses.' },
    'proxy-mode': { value: 'MODE', help: 'iptables or nftables (default iptables).' },
  },
  async run(parsed) {
    const imagesFile = stringFlag(parsed, 'images');
    const kubeconfig = requiredFlag(parsed, 'kubeconfig');
    await runAgent({
      clusterName: stringFlag(parsed, 'cluster-name') ?? 'portico',
      clusterDomain: stringFlag(parsed, 'cluster-domain') ?? 'cluster.local',
      clusterDns: listFlag(parsed, 'cluster-dns'),
      nodeName: requiredFlag(parsed, 'node-name'),
      nodeIps: listFlag(parsed, 'node-ip'),
      kubeconfig,
      proxyKubeconfig: stringFlag(parsed, 'proxy-kubeconfig') ?? kubeconfig,
      tls: {
        certFile: requiredFlag(parsed, 'tls-cert'),
        keyFile: requiredFlag(parsed, 'tls-key'),
        clientCaFile: requiredFlag(parsed, 'client-ca'),
      },
      stateDir: requiredFlag(parsed, 'state-dir'),
      ...(imagesFile === undefined ? {} : { imagesFile }),
      network: choice('network', stringFlag(parsed, 'network') ?? 'native', ['native', 'vxlan']),
      uplink: stringFlag(parsed, 'uplink') ?? 'eth0',
      podCidrs: listFlag(parsed, 'pod-cidr'),
      serviceCidrs: listFlag(parsed, 'service-cidr'),
      proxy: {
        ...DEFAULT_PROXY_CONFIG,
        mode: choice('proxy-mode', stringFlag(parsed, 'proxy-mode') ?? 'iptables', ['iptables', 'nftables']),
        clusterCidrs: listFlag(parsed, 'pod-cidr'),
      },
    });
    return 0;
  },
};
