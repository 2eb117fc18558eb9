// The iptables mode: kube-proxy's rules through iptables-restore.
import type { IptablesVariant } from '../../linux/index.ts';
import type { Counter } from '../../metrics/index.ts';
import type { Family } from '../contract.ts';
import type { ModeOptions, ModeParts } from '../mode.ts';
import { hasLocalhostNodePorts, nodePortAddresses } from '../node-addresses.ts';
import { isConntrackLiberal } from '../sysctls.ts';
import { familyOf } from '../views.ts';
import { ForeignWatch } from './foreign-watch.ts';
import { openIptablesKernel } from './kernel.ts';
import { openPacketCounters } from './packet-counters.ts';
import { countRules, nodePortTail } from './plan.ts';
import { IptablesSync } from './sync.ts';

/** Follows a counter of the kernel. */
function countUpTo(counter: Counter, total: number | undefined): void {
  if (total !== undefined) counter.inc({}, Math.max(0, total - counter.value()));
}

export function createIptablesMode(options: ModeOptions, variant: IptablesVariant): ModeParts {
  const { config, netns, clock, log, metrics } = options;
  const settings = config.iptables;
  const localhostNodePorts = hasLocalhostNodePorts(config);
  const dropInvalid = !isConntrackLiberal(netns);

  const counters = openPacketCounters({ netns, log });

  const watch =
    variant === 'legacy'
      ? undefined
      : new ForeignWatch({
          netns,
          clock,
          lost: options.repair,
          checkJumps: (family) => {
            void syncs[family].restoreJumps().then(
              (missing) => {
                if (missing > 0) metrics.repairs.inc({ ip_family: family });
              },
              (error: unknown) => log.debug('could not look at the jumps', { family, error }),
            );
          },
        });
  const addressesOf = (family: Family) => {
    const nodeIps = options.nodeIps();
    const wanted = config.nodePortAddresses;
    return nodePortAddresses({ family, wanted, whenEmpty: 'all', nodeIps }, options.localAddresses);
  };
  const create = (family: Family): IptablesSync =>
    new IptablesSync({
      kernel: openIptablesKernel(family, { variant, netns, watch }),
      clock,
      fixed: {
        family,
        masqueradeMark: 2 ** settings.masqueradeBit,
        randomFully: true,
        localhostNodePorts,
        dropInvalid,
        nfacct: counters !== undefined,
      },
      context: () => {
        return {
          family,
          detector: options.detector(family),
          masqueradeAll: settings.masqueradeAll,
          nodeIp: options.nodeIps().find((ip) => familyOf(ip) === family),
          localhostNodePorts,
          nfacct: counters !== undefined,
          tail: nodePortTail({ family, addresses: addressesOf(family), localhostNodePorts }),
        };
      },
    });
  const syncs = { IPv4: create('IPv4'), IPv6: create('IPv6') };
  log.info('programming the kernel with iptables', { variant, localhostNodePorts, dropInvalid });

  return {
    sync: (family) => syncs[family],
    nodePortAddresses: addressesOf,
    failed(family, kind) {
      metrics.restoreFailures.inc({ ip_family: family });
      if (kind === 'partial') metrics.partialRestoreFailures.inc({ ip_family: family });
    },
    synced: () => undefined,
    collect(family) {
      const { invalid, localhostNodePorts: accepted } = counters?.read() ?? {};
      countUpTo(metrics.invalidDropped, invalid);
      countUpTo(metrics.localhostNodePortsAccepted, accepted);
      for (const table of ['filter', 'nat'] as const) {
        const { book, lastChains } = syncs[family];
        metrics.iptablesTotal.set(countRules(book.chains, table), { ip_family: family, table });
        metrics.iptablesLast.set(countRules(lastChains, table), { ip_family: family, table });
      }
    },
    stop: () => watch?.stop(),
  };
}
