// Ports of the node that lead to pods (`hostPort`), as rules of the nat table. Pure.
import type { HostPort } from '../contract.ts';

export interface PodPorts {
  /** `namespace/name`, for the comment. */
  readonly pod: string;
  readonly ips: readonly string[];
  readonly ports: readonly HostPort[];
}

export const CHAIN = 'KUBE-HOSTPORTS';
export const MASQ_CHAIN = 'KUBE-HOSTPORT-MASQ';

const isIpv6 = (ip: string) => ip.includes(':');

/**
 * Text for `iptables-restore --noflush`: both chains as they should be, whatever they held. The second gives a pod
 * that reaches itself through the node another source address, or the reply would not come back through the node.
 */
export function hostPortRules(pods: Iterable<PodPorts>, family: 'IPv4' | 'IPv6'): string {
  const dnat: string[] = [];
  const masquerade = new Set<string>();
  for (const { pod, ips, ports } of pods) {
    const ip = ips.find((x) => isIpv6(x) === (family === 'IPv6'));
    if (ip === undefined) continue;
    for (const p of ports) {
      if (p.hostIp !== '' && isIpv6(p.hostIp) !== (family === 'IPv6')) continue;
      const protocol = p.protocol.toLowerCase();
      const where = p.hostIp === '' ? '' : ` -d ${p.hostIp}`;
      const target = family === 'IPv6' ? `[${ip}]` : ip;
      dnat.push(
        `-A ${CHAIN}${where} -p ${protocol} -m ${protocol} --dport ${p.hostPort} -m comment --comment "${pod} hostport ${p.hostPort}" -j DNAT --to-destination ${target}:${p.containerPort}`,
      );
      masquerade.add(`-A ${MASQ_CHAIN} -s ${ip} -d ${ip} -j MASQUERADE`);
    }
  }
  return ['*nat', `:${CHAIN} - [0:0]`, `:${MASQ_CHAIN} - [0:0]`, ...dnat, ...masquerade, 'COMMIT', ''].join('\n');
}

/** Where packets come into the chains. */
export const JUMPS = [
  { chain: 'PREROUTING', rule: ['-m', 'comment', '--comment', 'kube hostport portals', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', CHAIN] },
  { chain: 'OUTPUT', rule: ['-m', 'comment', '--comment', 'kube hostport portals', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', CHAIN] },
  { chain: 'POSTROUTING', rule: ['-m', 'comment', '--comment', 'kube hostport masquerading', '-j', MASQ_CHAIN] },
] as const; // prettier-ignore
