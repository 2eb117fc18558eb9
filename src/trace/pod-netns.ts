// Finds the namespace of a pod on a node whose pods were made by somebody else: by the pod's address and the link that
// leads to it. Other clusters on the machine may use the same address, and links of the same numbers: the kernel says
// which namespace the link's other end is in.
import { listMounts, listNetns, openRtnl } from '../linux/index.ts';
import type { Link, Rtnl } from '../linux/index.ts';

/** Among the namespaces in `/run/netns`, where CNI runtimes keep them, and those kept elsewhere; undefined when none is. */
export function findPodNetns(nodeNetns: string, ips: readonly string[]): string | undefined {
  const rtnl = openRtnl(nodeNetns);
  try {
    const outside = ips.flatMap((ip) => linkTo(rtnl, ip) ?? [])[0];
    if (outside === undefined) return undefined;
    return [...listNetns(), ...mountedElsewhere()].find((netns) => {
      try {
        return rtnl.netnsNumber(netns) === outside.lowerNetns && holds(netns, ips, outside);
      } catch {
        // Removed meanwhile.
        return false;
      }
    });
  } finally {
    rtnl.close();
  }
}

/** A containerd may keep them below a folder of its own. Paths, of namespaces of every kind. */
const mountedElsewhere = (): string[] =>
  listMounts().flatMap(({ type, path }) => (type === 'nsfs' && !path.startsWith('/run/netns/') ? [path] : []));

/** The node's end of the link that its route to the address leads over. */
function linkTo(rtnl: Rtnl, ip: string): Link | undefined {
  const device = rtnl.routeTo(ip)?.device;
  return rtnl.links().find((link) => link.index === device && link.kind === 'veth');
}

function holds(netns: string, ips: readonly string[], outside: Link): boolean {
  const rtnl = openRtnl(netns);
  try {
    const inside = rtnl.links().find((link) => link.index === outside.lower && link.lower === outside.index);
    return (
      inside !== undefined &&
      rtnl
        .addresses()
        .some(({ device, address }) => device === inside.index && ips.includes(address.split('/')[0] ?? ''))
    );
  } finally {
    rtnl.close();
  }
}
