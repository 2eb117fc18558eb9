// The kernel settings that a proxy with this configuration needs: at its start, or alone with `--init-only`, for a
// proxy that then runs with fewer rights.
import type { Logger } from '../log/index.ts';
import type { ProxyConfig } from './config.ts';
import { hasLocalhostNodePorts } from './node-addresses.ts';
import { applySettings, conntrackSettings, machineCores, type Setting } from './sysctls.ts';

export interface NodeSettingsOptions {
  readonly config: ProxyConfig;
  readonly netns?: string | undefined;
  readonly log: Logger;
}

/** A setting that cannot be made is a line in the log. */
export function applyProxySettings({ config, netns, log }: NodeSettingsOptions): void {
  const settings: Setting[] = conntrackSettings(config.conntrack, machineCores());
  // Node ports on 127.0.0.1 are rewritten to pod addresses: the kernel must route such packets.
  if (config.mode === 'iptables' && hasLocalhostNodePorts(config)) {
    settings.push({ key: 'net.ipv4.conf.all.route_localnet', value: 1, atLeast: false });
  }
  applySettings(netns, settings, log);
}
