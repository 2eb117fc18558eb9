// What a machine must have before a cluster can start; each lack is one sentence. Nothing is changed here.
import { accessSync, closeSync, constants, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { createNetns, deleteNetns, openRtnl } from '../linux/index.ts';
import { openApiListener } from './api-port.ts';
import type { ClusterSpec } from './spec.ts';

/** Programs the agents call; the package that brings each on Debian and Ubuntu. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'iptables-restore': 'iptables',
  nft: 'nftables',
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
};

/** Of `--runtime cri` besides. */
const CRI_PROGRAMS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  curl: 'curl',
  busybox: 'busybox-static',
};

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(':').some((dir) => {
    try {
      accessSync(path.join(dir, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Tries what the cluster will do, in a namespace of its own that is gone afterwards. */
function probeKernel(spec: ClusterSpec): void {
  const probe = `portico-probe-${process.pid}`;
  const attempt = (what: string, feature: string, run: () => void) => {
    try {
      run();
    } catch (cause) {
      throw new UserError(`the kernel cannot ${what}: ${feature} is missing or not permitted here`, { cause });
    }
  };
  attempt('make network namespaces', 'CONFIG_NET_NS or CAP_SYS_ADMIN', () => createNetns(probe));
  try {
    const rtnl = openRtnl(probe);
    try {
      attempt('make veth pairs', 'module veth', () =>
        rtnl.addLink({ kind: 'veth', name: 'probe0', peer: { name: 'probe1' } }),
      );
      attempt('make bridges', 'module bridge', () => rtnl.addLink({ kind: 'bridge', name: 'probe2' }));
      if (spec.network === 'vxlan') {
        attempt('make VXLAN devices', 'module vxlan', () =>
          rtnl.addLink({ kind: 'vxlan', name: 'probe3', vni: 1, port: 4789 }),
        );
      }
    } finally {
      rtnl.close();
    }
  } finally {
    deleteNetns(probe);
  }
}

/**
 * @param isNew false when the cluster's own server may still hold its API port.
 * @throws UserError naming what is missing and what to do.
 */
export function preflight(spec: ClusterSpec, isNew: boolean): void {
  if (process.platform !== 'linux') throw new UserError('Portico needs Linux: it programs the Linux kernel');
  if (process.getuid?.() !== 0) throw new UserError('root is needed to make network namespaces: run with sudo');
  const needed = { ...PROGRAMS, ...(spec.runtime === 'cri' ? CRI_PROGRAMS : {}) };
  const missing = Object.entries(needed).filter(([program]) => !onPath(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, pkg]) => pkg))].join(' ');
    throw new UserError(
      `${missing.map(([program]) => program).join(', ')} not found: install with 'apt-get install ${packages}'`,
    );
  }
  if (existsSync('/proc/filesystems') && !/\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) {
    // A module that is not loaded yet is not listed; mounting loads it. Absent for good shows at the first pod.
    if (!existsSync(`/lib/modules/${kernelRelease()}`)) {
      throw new UserError('the kernel has no overlay file system (CONFIG_OVERLAY_FS), which pods stand on');
    }
  }
  if (isNew) closeSync(openApiListener(spec).fd);
  probeKernel(spec);
}

function kernelRelease(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
}
