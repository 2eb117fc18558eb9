// The known traps of a machine and of a cluster as a whole. Pure: facts in, findings out.
import { ok } from './doctor-finding.ts';
import type { Finding } from './doctor-finding.ts';

export interface HostFacts {
  /** Programs that were looked for, and whether they are there. */
  readonly programs: Readonly<Record<string, boolean>>;
  readonly conntrackCount?: number;
  readonly conntrackMax?: number;
  /** Whether the fabric, where frames between nodes are switched, passes them through netfilter; undefined without one. */
  readonly fabricBridgeNetfilter?: boolean;
  /** What no running cluster knows, and how to remove it. */
  readonly leftovers: readonly Leftover[];
  /** Whether a cluster can start here, and why not; undefined when one runs. */
  readonly start?: { readonly problem?: string };
}

export interface Leftover {
  readonly what: string;
  readonly mend: string;
}

export interface ClockFacts {
  /** Milliseconds that the API server's clock is ahead of this machine's. */
  readonly apiAheadMs: number;
  /** Of each node with a lease: how long ago it was renewed, by the API server's clock; negative: in the future. */
  readonly leases: readonly { readonly node: string; readonly ageMs: number; readonly durationMs: number }[];
}

const CONNTRACK_WARN = 0.8;
const CLOCK_WARN_MS = 5000;

const NEEDED: Readonly<Record<string, string>> = {
  nft: 'nftables',
  'iptables-restore': 'iptables',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  nsenter: 'util-linux',
};

export const NEEDED_PROGRAMS: readonly string[] = Object.keys(NEEDED);

export function checkHost(host: HostFacts): Finding[] {
  const where = 'host';
  const missing = Object.entries(NEEDED).filter(([program]) => host.programs[program] === false);
  return [
    ...missing.map(([program, debian]): Finding => {
      const mend = `apt-get install ${debian}`;
      return { level: 'fail', check: 'programs', where, what: `${program} is missing`, mend };
    }),
    ...(missing.length === 0 ? [ok(where, 'programs', 'all there')] : []),
    ...(host.start === undefined ? [] : [checkStart(host.start.problem)]),
    checkConntrack(host),
    ...checkFabric(host),
    ...checkLeftovers(host),
  ];
}

function checkStart(problem: string | undefined): Finding {
  const check = 'kernel';
  if (problem === undefined) return ok('host', check, 'a cluster can start here');
  const mend = 'put that right, and ask again';
  return { level: 'fail', check, where: 'host', what: `no cluster can start here: ${problem}`, mend };
}

function checkConntrack({ conntrackCount: count, conntrackMax: max }: HostFacts): Finding {
  const check = 'connection tracking';
  if (count === undefined || max === undefined) return ok('host', check, 'not in use');
  const what = `${count} of ${max} entries in use`;
  if (count < max * CONNTRACK_WARN) return ok('host', check, what);
  return {
    check,
    where: 'host',
    level: count >= max ? 'fail' : 'warn',
    what: `${what}: new connections are dropped when it is full`,
    mend: `sysctl -w net.netfilter.nf_conntrack_max=${max * 2}`,
  };
}

const BRIDGE_NETFILTER = 'net.bridge.bridge-nf-call-iptables';

function checkFabric({ fabricBridgeNetfilter: filtered }: HostFacts): Finding[] {
  if (filtered === undefined) return [];
  const check = 'bridge netfilter';
  if (!filtered) return [ok('fabric', check, 'off')];
  return [
    {
      check,
      where: 'fabric',
      level: 'warn',
      what: 'frames between nodes pass netfilter in the fabric as well',
      mend: `set ${BRIDGE_NETFILTER} to 0 there`,
      fixes: [{ kind: 'sysctl', sysctl: BRIDGE_NETFILTER, value: '0' }],
    },
  ];
}

function checkLeftovers({ leftovers }: HostFacts): Finding[] {
  const check = 'leftovers';
  if (leftovers.length === 0) return [ok('host', check, 'none')];
  return leftovers.map(({ what, mend }): Finding => ({ level: 'warn', check, where: 'host', what, mend }));
}

/** The leases' times are the nodes' own clocks, their creation the API server's. */
export function checkClocks({ apiAheadMs, leases }: ClockFacts): Finding[] {
  const check = 'clock';
  const seconds = (ms: number) => `${(Math.abs(ms) / 1000).toFixed(1)} s`;
  const mend = 'synchronize the clocks (NTP)';
  const side = apiAheadMs < 0 ? 'behind' : 'ahead of';
  const own: Finding =
    Math.abs(apiAheadMs) < CLOCK_WARN_MS
      ? ok('host', check, 'agrees with the API server')
      : {
          level: 'warn',
          check,
          where: 'host',
          what: `the API server's is ${seconds(apiAheadMs)} ${side} this machine's: leases and certificates look expired`,
          mend,
        };
  const nodes = leases.map(({ node, ageMs, durationMs }): Finding => {
    if (ageMs < -CLOCK_WARN_MS) {
      return { level: 'warn', check, where: node, what: `is ${seconds(ageMs)} ahead of the API server's`, mend };
    }
    if (ageMs > durationMs) {
      const what = `the lease was last renewed ${seconds(ageMs)} ago: the agent is away, or its clock is behind`;
      return { level: 'warn', check, where: node, what, mend: `start the agent of ${node}, or ${mend}` };
    }
    return ok(node, check, 'agrees with the API server');
  });
  return [own, ...nodes];
}
