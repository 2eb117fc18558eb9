import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';

import { stringify } from 'yaml';

import { errorText, UserError } from '../errors/index.ts';
import {
  cleanupProxyRules,
  DEFAULT_PROXY_CONFIG,
  parseProxyConfiguration,
  proxyConfigDocument,
  proxyConfigOf,
  ProxyConfigError,
  type ProxyConfig,
} from '../proxy/index.ts';
import { initProxyNode, runProxy } from '../roles/proxy.ts';
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

interface Source {
  readonly config: ProxyConfig;
  /** The file that `--config` names. */
  readonly file?: { readonly path: string; readonly text: string };
}

function readConfigFile(parsed: Parsed): Source['file'] {
  const path = stringFlag(parsed, 'config');
  if (path === undefined) return undefined;
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (e) {
    throw new UserError(`--config ${path}: ${errorText(e)}`);
  }
}

function readConfig(parsed: Parsed): Source {
  const file = readConfigFile(parsed);
  try {
    const base = file === undefined ? DEFAULT_PROXY_CONFIG : parseProxyConfiguration(file.text);
    return { config: proxyConfigOf(documentOf(parsed), base), ...(file === undefined ? {} : { file }) };
  } catch (e) {
    if (!(e instanceof ProxyConfigError)) throw e;
    throw new UserError(file === undefined ? e.message : `${file.path}: ${e.message}`);
  }
}

function writeConfig(path: string, config: ProxyConfig): void {
  try {
    writeFileSync(path, stringify(proxyConfigDocument(config)));
  } catch (e) {
    throw new UserError(`--write-config-to ${path}: ${errorText(e)}`);
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
    'write-config-to': { value: 'FILE', help: 'Write the configuration that file and flags give, and end.' },
    'init-only': { help: 'Make the kernel settings that need all of root’s rights, and end. Needs no API server.' },
    once: { help: 'End after the first full sync.' },
    cleanup: { help: 'Remove all proxy rules of this node, and end.' },
  },
  async run(parsed) {
    const writeTo = stringFlag(parsed, 'write-config-to');
    if (writeTo !== undefined) {
      writeConfig(writeTo, readConfig(parsed).config);
      return 0;
    }
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
    const { config, file } = readConfig(parsed);
    if (parsed.flags['init-only'] === true) {
      initProxyNode(config);
      return 0;
    }
    await runProxy({
      nodeName: config.hostnameOverride === '' ? hostname().toLowerCase() : config.hostnameOverride,
      config,
      ...(file === undefined ? {} : { configFile: file }),
      ...(nftApply === undefined ? {} : { nftApply }),
      once: parsed.flags['once'] === true,
    });
    return 0;
  },
};
