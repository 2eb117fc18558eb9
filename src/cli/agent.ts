import { hostname } from 'node:os';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import process from 'node:process';

import { DEFAULT_CNI_SOCKET } from '../cni/index.ts';
import { loadKubeconfig } from '../client/index.ts';
import { runAgent, type AgentIdentity, type AgentOptions } from '../roles/agent.ts';
import { joinHost } from '../roles/join-host.ts';
import { resetHost } from '../roles/reset-host.ts';
import { UserError } from '../errors/index.ts';
import { NETWORK_MODES } from '../podnet/index.ts';
import { DEFAULT_PROXY_CONFIG } from '../proxy/index.ts';
import { choice, listFlag, requiredFlag, stringFlag, type Command, type Parsed } from './command.ts';

const STATE_DIR = '/var/lib/portico/agent';
const CRI_ENDPOINT = 'unix:///run/containerd/containerd.sock';
const PROXY_MODES = ['iptables', 'nftables'] as const;

/** What a flag says, else the cluster's own setting. */
interface Settings {
  clusterName: string;
  clusterDomain: string;
  clusterDns: readonly string[];
  podCidrs: readonly string[];
  serviceCidrs: readonly string[];
  network: string;
  proxyMode: string;
  heartbeatMs?: number;
}

const PRESET: Settings = {
  clusterName: 'portico',
  clusterDomain: 'cluster.local',
  clusterDns: [],
  podCidrs: [],
  serviceCidrs: [],
  network: 'native',
  proxyMode: 'iptables',
};

/** Credentials that somebody else made, as `portico up` does for the nodes of this machine. */
function givenIdentity(parsed: Parsed, kubeconfig: string): AgentIdentity {
  const pem = (flag: string) => readFileSync(requiredFlag(parsed, flag), 'utf8');
  return {
    client: loadKubeconfig(kubeconfig),
    proxy: loadKubeconfig(stringFlag(parsed, 'proxy-kubeconfig') ?? kubeconfig),
    serving: { certPem: pem('tls-cert'), keyPem: pem('tls-key') },
    clientCaPem: pem('client-ca'),
  };
}

/** Pods of a container runtime get their network by the CNI plugin, so there its socket is a must. */
function runtimeOptions(
  parsed: Parsed,
  cniSocket: string | undefined,
): Pick<AgentOptions, 'cniSocket' | 'criEndpoint' | 'criCgroupParent'> {
  const runtime = choice('runtime', stringFlag(parsed, 'runtime') ?? 'process', ['process', 'cri']);
  const endpoint = stringFlag(parsed, 'cri-endpoint');
  if (runtime === 'process') {
    if (endpoint !== undefined) throw new UserError('--cri-endpoint needs --runtime cri');
    return cniSocket === undefined ? {} : { cniSocket };
  }
  return {
    cniSocket: cniSocket ?? DEFAULT_CNI_SOCKET,
    criEndpoint: endpoint ?? CRI_ENDPOINT,
    criCgroupParent: stringFlag(parsed, 'cri-cgroup-parent'),
  };
}

function agentOptions(
  parsed: Parsed,
  settings: Settings,
  rest: Pick<AgentOptions, 'nodeName' | 'nodeIps' | 'uplink' | 'stateDir' | 'identity'>,
): AgentOptions {
  const imagesFile = stringFlag(parsed, 'images');
  const cniSocket = stringFlag(parsed, 'cni-socket');
  const list = (flag: string, preset: readonly string[]) => {
    const given = listFlag(parsed, flag);
    return given.length === 0 ? preset : given;
  };
  const podCidrs = list('pod-cidr', settings.podCidrs);
  return {
    ...rest,
    clusterName: stringFlag(parsed, 'cluster-name') ?? settings.clusterName,
    clusterDomain: stringFlag(parsed, 'cluster-domain') ?? settings.clusterDomain,
    clusterDns: list('cluster-dns', settings.clusterDns),
    ...(imagesFile === undefined ? {} : { imagesFile }),
    ...runtimeOptions(parsed, cniSocket),
    network: choice('network', stringFlag(parsed, 'network') ?? settings.network, NETWORK_MODES),
    podCidrs,
    serviceCidrs: list('service-cidr', settings.serviceCidrs),
    heartbeatMs: settings.heartbeatMs,
    proxy: {
      ...DEFAULT_PROXY_CONFIG,
      mode: choice('proxy-mode', stringFlag(parsed, 'proxy-mode') ?? settings.proxyMode, PROXY_MODES),
      clusterCidrs: podCidrs,
    },
  };
}

/** What joining and running have left on this host goes, whether or not a server knows of it. */
async function reset(parsed: Parsed): Promise<void> {
  const stateDir = path.resolve(stringFlag(parsed, 'state-dir') ?? STATE_DIR);
  const criEndpoint = runtimeOptions(parsed, undefined).criEndpoint;
  const { removeRemains } = await import('../cluster/index.ts');
  const node = await resetHost({ stateDir, criEndpoint, removeRemains });
  process.stdout.write(
    node === undefined
      ? `there is nothing of an agent on this host (${stateDir})\n`
      : `this host is as it was before it joined; remove its Node, if that is still there, with 'portico node remove ${node}'\n`,
  );
}

export const command: Command = {
  usage: '--server URL --token TOKEN --ca-hash sha256:… [flags] | reset [flags]',
  summary:
    'Makes this host a node and runs its agent: pods, pod network and service proxy. Joined once, no token is needed. ' +
    '`reset` takes everything away that an agent which has ended left on this host.',
  positionals: true,
  flags: {
    server: {
      value: 'URL',
      multiple: true,
      help: 'A server of the cluster to join, as `portico token create` prints it; the others are learned from it.',
    },
    token: { value: 'TOKEN', help: 'Permission to join.' },
    'ca-hash': { value: 'HASH', help: "sha256:… of the public key of the cluster's authority." },
    'node-name': { value: 'NAME', help: "Name of the Node object (default the host's name)." },
    'node-ip': { value: 'IP', multiple: true, help: 'Address of the node (default the one that leads to the server).' },
    'state-dir': { value: 'DIR', help: `Where the agent keeps what must survive a restart (default ${STATE_DIR}).` },
    uplink: { value: 'DEVICE', help: 'Device that leads to the other nodes (default the one with the node address).' },
    'cluster-name': {
      value: 'NAME',
      help: 'Name of the cluster, if not the one that the server says; so for what follows.',
    },
    'cluster-domain': { value: 'NAME', help: 'DNS zone of the cluster.' },
    'cluster-dns': { value: 'IP', multiple: true, help: 'Virtual address of cluster DNS.' },
    'pod-cidr': { value: 'CIDR', multiple: true, help: 'Pod ranges of the whole cluster.' },
    'service-cidr': { value: 'CIDR', multiple: true, help: 'Ranges of virtual addresses.' },
    network: { value: 'MODE', help: `${NETWORK_MODES.join(', ')}: how packets reach the pods of other nodes.` },
    'proxy-mode': { value: 'MODE', help: 'iptables or nftables.' },
    runtime: { value: 'KIND', help: 'What runs the pods: process trees of this host (process, the default) or cri.' },
    'cri-endpoint': { value: 'SOCKET', help: `With --runtime cri: the runtime's socket (default ${CRI_ENDPOINT}).` },
    'cri-cgroup-parent': {
      value: 'PATH',
      help: "With --runtime cri: control groups of the pods (default the runtime's own place).",
    },
    'cni-socket': {
      value: 'PATH',
      help: `Answer the CNI plugin of this host on this socket (default: do not; with --runtime cri ${DEFAULT_CNI_SOCKET}).`,
    },
    images: { value: 'FILE', help: 'Further entries of the image catalog.' },
    kubeconfig: { value: 'FILE', help: 'Credentials of the node that were made elsewhere, instead of joining.' },
    'proxy-kubeconfig': { value: 'FILE', help: "With --kubeconfig: the proxy's credentials." },
    'client-ca': { value: 'FILE', help: "With --kubeconfig: authority of those who may call the agent's API." },
    'tls-cert': { value: 'FILE', help: "With --kubeconfig: certificate of the agent's API." },
    'tls-key': { value: 'FILE', help: "With --kubeconfig: key of the agent's API." },
  },
  async run(parsed) {
    const [verb, ...more] = parsed.positionals;
    if (verb === 'reset' && more.length === 0) {
      await reset(parsed);
      return 0;
    }
    if (verb !== undefined)
      throw new UserError(`'${verb}' is no word of 'portico agent': flags, or 'portico agent reset'`);
    const kubeconfig = stringFlag(parsed, 'kubeconfig');
    const nodeIps = listFlag(parsed, 'node-ip');
    if (kubeconfig !== undefined) {
      const nodeName = requiredFlag(parsed, 'node-name');
      const uplink = stringFlag(parsed, 'uplink') ?? 'eth0';
      const stateDir = requiredFlag(parsed, 'state-dir');
      const identity = givenIdentity(parsed, kubeconfig);
      await runAgent(agentOptions(parsed, PRESET, { nodeName, nodeIps: () => nodeIps, uplink, stateDir, identity }));
      return 0;
    }
    const stateDir = path.resolve(stringFlag(parsed, 'state-dir') ?? STATE_DIR);
    const [token, caHash, uplink] = ['token', 'ca-hash', 'uplink'].map((f) => stringFlag(parsed, f));
    const nodeName = stringFlag(parsed, 'node-name');
    const joined = await joinHost({
      stateDir,
      nodeIps,
      servers: listFlag(parsed, 'server'),
      defaultName: hostname().toLowerCase(),
      ...(nodeName === undefined ? {} : { nodeName }),
      ...(token === undefined ? {} : { token }),
      ...(caHash === undefined ? {} : { caHash }),
      ...(uplink === undefined ? {} : { uplink }),
    });
    await runAgent(agentOptions(parsed, joined.settings, { ...joined, stateDir }));
    return 0;
  },
};
