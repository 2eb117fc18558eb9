import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';

import { errorText, UserError } from '../errors/index.ts';
import {
  cleanupProxyRules,
  DEFAULT_PROXY_CONFIG,
  parseProxyConfiguration,
  proxyConfigOf,
  ProxyConfigError,
  type ProxyConfig,
} from '../proxy/index.ts';
import { runProxy } from '../roles/proxy.ts';
import { listFlag, stringFlag, type Command, type Parsed } from './command.ts';

/** Flags as the fields of a KubeProxyConfiguration, so that file and flags go through the same checks. */
function documentOf(parsed: Parsed): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  const text = (flag: string, field: string) => {
    const value = stringFlag(parsed, flag);
    if (value !== undefined) document[field] = value;
  };
  text('proxy-mode', 'mode');
  text('cluster-cidr', 'clusterCIDR');
  text('detect-local-mode', 'detectLocalMode');
  text('healthz-bind-address', 'healthzBindAddress');
  text('metrics-bind-address', 'metricsBindAddress');
  text('hostname-override', 'hostnameOverride');
  const kubeconfig = stringFlag(parsed, 'kubeconfig');
  if (kubeconfig !== undefined) document['clientConnection'] = { kubeconfig };
  const nodePorts = listFlag(parsed, 'nodeport-addresses');
  if (nodePorts.length > 0) document['nodePortAddresses'] = nodePorts;
  if (parsed.flags['masquerade-all'] === true) {
    document['iptables'] = { masqueradeAll: true };
    document['nftables'] = { masqueradeAll: true };
  }
  const detectLocal = {
    bridgeInterface: stringFlag(parsed, 'pod-bridge-interface'),
    interfaceNamePrefix: stringFlag(parsed, 'pod-interface-name-prefix'),
  };
  const given = Object.entries(detectLocal).filter(([, v]) => v !== undefined);
  if (given.length > 0) document['detectLocal'] = Object.fromEntries(given);
  return document;
}

function readConfig(parsed: Parsed): ProxyConfig {
  const file = stringFlag(parsed, 'config');
  try {
    let base = DEFAULT_PROXY_CONFIG;
    if (file !== undefined) {
      let text: string;
      try {
        text = readFileSync(file, 'utf8');
      } catch (e) {
        throw new UserError(`--config ${file}: ${errorText(e)}`);
      }
      base = parseProxyConfiguration(text);
    }
    return proxyConfigOf(documentOf(parsed), base);
  } catch (e) {
    if (e instanceof ProxyConfigError) throw new UserError(file === undefined ? e.message : `${file}: ${e.message}`);
    throw e;
  }
}

export const command: Command = {
  usage: '[--kubeconfig FILE] [--hostname-override NAME] [--config FILE] [flags]',
  summary: 'Runs the service proxy of this node, in kube-proxy’s place, against any Kubernetes API server.',
  flags: {
    config: { value: 'FILE', help: 'A KubeProxyConfiguration (v1alpha1). Flags given beside it win.' },
    kubeconfig: { value: 'FILE', help: 'Credentials; absent: the service account of the pod.' },
    'hostname-override': { value: 'NAME', help: 'Name of the Node object (default: the hostname).' },
    'proxy-mode': { value: 'MODE', help: 'iptables or nftables (default iptables).' },
    'cluster-cidr': { value: 'CIDR[,CIDR]', help: 'Pod ranges: other sources are masqueraded.' },
    'detect-local-mode': {
      value: 'MODE',
      help: 'ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix (default ClusterCIDR).',
    },
    'pod-bridge-interface': { value: 'NAME', help: 'The bridge of the pods, for BridgeInterface.' },
    'pod-interface-name-prefix': { value: 'PREFIX', help: 'Prefix of pod interfaces, for InterfaceNamePrefix.' },
    'nodeport-addresses': { value: 'CIDR', multiple: true, help: "Addresses that take node ports, or 'primary'." },
    'masquerade-all': { help: 'Masquerade everything that goes to a virtual address.' },
    'healthz-bind-address': { value: 'ADDRESS', help: 'Default 0.0.0.0:10256; empty: none.' },
    'metrics-bind-address': { value: 'ADDRESS', help: 'Default 127.0.0.1:10249; empty: none.' },
    'nft-apply': { value: 'HOW', help: 'netlink (default) or cli, for mode nftables.' },
    once: { help: 'End after the first full sync.' },
    cleanup: { help: 'Remove all proxy rules of this node, and end.' },
  },
  async run(parsed) {
    if (process.getuid?.() !== 0) throw new UserError('root is needed to program the kernel: run with sudo');
    if (parsed.flags['cleanup'] === true) {
      const removed = await cleanupProxyRules();
      process.stdout.write(removed ? 'proxy rules are removed\n' : 'there were no proxy rules\n');
      return 0;
    }
    const nftApply = stringFlag(parsed, 'nft-apply');
    if (nftApply !== undefined && nftApply !== 'netlink' && nftApply !== 'cli') {
      throw new UserError(`--nft-apply ${nftApply}: choose netlink or cli`);
    }
    const config = readConfig(parsed);
    await runProxy({
      nodeName: config.hostnameOverride === '' ? hostname().toLowerCase() : config.hostnameOverride,
      config,
      ...(nftApply === undefined ? {} : { nftApply }),
      once: parsed.flags['once'] === true,
    });
    return 0;
  },
};
