// The nftables mode: shared maps, one small transaction a change.
import type { Family } from '../contract.ts';
import type { ModeOptions, ModeParts } from '../mode.ts';
import { nodePortAddresses } from '../node-addresses.ts';
import { familyOf } from '../views.ts';
import type { TableContext } from './fixed-table.ts';
import { openNftKernel, type NftApply } from './kernel.ts';
import { NftSync } from './sync.ts';
import { TableWatch } from './table-watch.ts';

export function createNftablesMode(options: ModeOptions, apply: NftApply): ModeParts {
  const { config, netns, clock, log, metrics } = options;
  const settings = config.nftables;
  const addressesOf = (family: Family) => {
    const nodeIps = options.nodeIps();
    const wanted = config.nodePortAddresses;
    return nodePortAddresses({ family, wanted, whenEmpty: 'primary', nodeIps }, options.localAddresses);
  };
  const contextOf = (family: Family): TableContext => {
    return {
      family,
      detector: options.detector(family),
      masqueradeAll: settings.masqueradeAll,
      masqueradeMark: 2 ** settings.masqueradeBit,
      nodePortAddresses: addressesOf(family),
      serviceCidrs: options.serviceCidrs().filter((c) => familyOf(c) === family),
      nodeIp: options.nodeIps().find((ip) => familyOf(ip) === family),
    };
  };
  const watch = new TableWatch(netns, options.repair, apply === 'cli' ? { writer: 'nft' } : {});
  const create = (family: Family): NftSync => {
    const kernel = openNftKernel(family, { netns, apply, watch });
    return new NftSync({
      kernel,
      context: () => contextOf(family),
      clock,
      log,
      cleanupFailed: () => metrics.nftablesCleanupFailures.inc({ ip_family: family }),
    });
  };
  const syncs = { IPv4: create('IPv4'), IPv6: create('IPv6') };
  log.info('programming the kernel with nftables', { apply });
  return {
    sync: (family) => syncs[family],
    nodePortAddresses: addressesOf,
    failed: (family) => metrics.nftablesFailures.inc({ ip_family: family }),
    synced: () => undefined,
    collect: () => undefined,
    stop() {
      for (const s of Object.values(syncs)) s.stop();
      watch.stop();
    },
  };
}
