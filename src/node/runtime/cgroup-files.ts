// Resource bounds as the kernel's cgroup files want them. Pure.
import type { ResourceLimits } from './contract.ts';

export type CgroupVersion = 'v1' | 'v2';

export const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids'] as const;
export const V2_CONTROLLERS = ['cpu', 'memory', 'pids'] as const;

/** No pod can exhaust the machine's process table. */
const MAX_PROCESSES = 4096;
const PERIOD_US = 100_000;
/** The kernel refuses less. */
const MIN_QUOTA_US = 1000;

/** Shares as kubelet computes them: 1024 a core, 2 at least. */
export function cpuShares(millis: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((millis * 1024) / 1000)));
}

/** Shares 2…262144 onto weights 1…10000: KEP-2254. */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262_142);
}

/** Files to write in a container's group of this controller ('' = version 2, which has them all in one). */
export function cgroupFiles(
  version: CgroupVersion,
  controller: string,
  limits: ResourceLimits,
): [file: string, value: string][] {
  const shares = cpuShares(limits.cpuRequestMillis ?? limits.cpuMillis ?? 0);
  const quota =
    limits.cpuMillis === undefined
      ? undefined
      : Math.max(MIN_QUOTA_US, Math.floor((limits.cpuMillis * PERIOD_US) / 1000));
  const memory = limits.memoryBytes;
  if (version === 'v2') {
    return [
      ['pids.max', String(MAX_PROCESSES)],
      ['cpu.weight', String(cpuWeight(shares))],
      ...(quota === undefined ? [] : [['cpu.max', `${quota} ${PERIOD_US}`] as [string, string]]),
      ...(memory === undefined
        ? []
        : ([
            ['memory.max', String(memory)],
            // Out of memory a container ends as a whole: half of it is of no use.
            ['memory.oom.group', '1'],
          ] as [string, string][])),
    ];
  }
  if (controller === 'pids') return [['pids.max', String(MAX_PROCESSES)]];
  if (controller === 'cpu') {
    return [
      ['cpu.shares', String(shares)],
      ...(quota === undefined
        ? []
        : ([
            ['cpu.cfs_period_us', String(PERIOD_US)],
            ['cpu.cfs_quota_us', String(quota)],
          ] as [string, string][])),
    ];
  }
  if (controller === 'memory' && memory !== undefined) return [['memory.limit_in_bytes', String(memory)]];
  return [];
}
