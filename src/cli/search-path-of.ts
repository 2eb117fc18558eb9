// The search path of programs in a pod of this machine, read from the file that they read, and that of the machine.
import { readdirSync, readFileSync } from 'node:fs';

import { parseSearchPath, type SearchPath } from '../dns/index.ts';
import { netnsId } from '../linux/index.ts';

const PODS_HOSTS_FILE = '# Kubernetes-managed hosts file';

/** Undefined when no container of the pod runs. */
export function searchPathInPod(netns: string): SearchPath | undefined {
  const id = netnsId(netns);
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (netnsId(`/proc/${pid}/ns/net`) !== id) continue;
      const etc = `/proc/${pid}/root/etc`;
      // What only watches over a container is in its network too, and sees the files of the machine.
      if (readFileSync(`${etc}/hosts`, 'utf8').startsWith(PODS_HOSTS_FILE))
        return parseSearchPath(readFileSync(`${etc}/resolv.conf`, 'utf8'));
    } catch {
      // It has ended meanwhile, or has no such file.
    }
  }
  return undefined;
}

/** What programs on a node of a local cluster use: a node shares the machine's files. */
export function searchPathOfMachine(): SearchPath {
  try {
    return parseSearchPath(readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    return { search: [], ndots: 1 };
  }
}
