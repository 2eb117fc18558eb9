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
import { stringFlag, switchFlag, type Command, type Parsed } from './command.ts';
import { PROXY_FLAGS, proxyFlagsDocument } from './proxy-flags.ts';

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
    return { config: proxyConfigOf(proxyFlagsDocument(parsed), base), ...(file === undefined ? {} : { file }) };
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
    master: { value: 'URL', help: 'The API server, instead of the one that the kubeconfig names.' },
    'nft-apply': { value: 'HOW', help: 'netlink (default) or cli, for mode nftables.' },
    'write-config-to': { value: 'FILE', help: 'Write the configuration that file and flags give, and end.' },
    'init-only': { help: 'Make the kernel settings that need all of root’s rights, and end. Needs no API server.' },
    once: { help: 'End after the first full sync.' },
    cleanup: { help: 'Remove all proxy rules of this node, and end.' },
    ...PROXY_FLAGS,
  },
  async run(parsed) {
    const writeTo = stringFlag(parsed, 'write-config-to');
    if (writeTo !== undefined) {
      writeConfig(writeTo, readConfig(parsed).config);
      return 0;
    }
    if (process.getuid?.() !== 0) throw new UserError('root is needed to program the kernel: run with sudo');
    if (switchFlag(parsed, 'cleanup') === true) {
      const removed = await cleanupProxyRules();
      process.stdout.write(removed ? 'proxy rules are removed\n' : 'there were no proxy rules\n');
      return 0;
    }
    const nftApply = stringFlag(parsed, 'nft-apply');
    if (nftApply !== undefined && nftApply !== 'netlink' && nftApply !== 'cli') {
      throw new UserError(`--nft-apply ${nftApply}: choose netlink or cli`);
    }
    const { config, file } = readConfig(parsed);
    if (switchFlag(parsed, 'init-only') === true) {
      initProxyNode(config);
      return 0;
    }
    const master = stringFlag(parsed, 'master');
    await runProxy({
      nodeName: config.hostnameOverride === '' ? hostname().toLowerCase() : config.hostnameOverride,
      config,
      ...(file === undefined ? {} : { configFile: file }),
      ...(nftApply === undefined ? {} : { nftApply }),
      ...(master === undefined ? {} : { master }),
      once: switchFlag(parsed, 'once') === true,
    });
    return 0;
  },
};
