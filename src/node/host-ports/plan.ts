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
export const GUARD_CHAIN = 'KUBE-HOSTPORT-GUARD';

const isIpv6 = (ip: string) => ip.includes(':');

const comment = (text: string) => `-m comment --comment "${text}"`;

/**
 * Text for `iptables-restore --noflush`: the chains as they should be, whatever they held. The second gives a pod that
 * reaches itself through the node another source address, or the reply would not come back through the node; likewise
 * the node's own processes that use 127.0.0.1, an address that must not leave the node.
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
        `-A ${CHAIN}${where} -p ${protocol} -m ${protocol} --dport ${p.hostPort} ${comment(`${pod} hostport ${p.hostPort}`)} -j DNAT --to-destination ${target}:${p.containerPort}`,
      );
      masquerade.add(`-A ${MASQ_CHAIN} -s ${ip} -d ${ip} -j MASQUERADE`);
      if (family === 'IPv4') masquerade.add(`-A ${MASQ_CHAIN} -s 127.0.0.0/8 -d ${ip} -j MASQUERADE`);
    }
  }
  const nat = ['*nat', `:${CHAIN} - [0:0]`, `:${MASQ_CHAIN} - [0:0]`, ...dnat, ...masquerade, 'COMMIT'];
  return [...nat, ...guardRules(family), ''].join('\n');
}

/** A pod's link that lets 127.0.0.0/8 pass must not let its pod reach what listens there on the node. */
function guardRules(family: 'IPv4' | 'IPv6'): string[] {
  if (family === 'IPv6') return [];
  const match = '-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT';
  return ['*filter', `:${GUARD_CHAIN} - [0:0]`, `-A ${GUARD_CHAIN} ${match} -j DROP`, 'COMMIT'];
}

export interface Jump {
  readonly table: 'nat' | 'filter';
  readonly chain: string;
  readonly rule: readonly string[];
  /** Left out: both. */
  readonly families?: readonly ('IPv4' | 'IPv6')[];
}

/** Where packets come into the chains. */
export const JUMPS: readonly Jump[] = [
  { table: 'nat', chain: 'PREROUTING', rule: ['-m', 'comment', '--comment', 'kube hostport portals', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', CHAIN] },
  { table: 'nat', chain: 'OUTPUT', rule: ['-m', 'comment', '--comment', 'kube hostport portals', '-m', 'addrtype', '--dst-type', 'LOCAL', '-j', CHAIN] },
  { table: 'nat', chain: 'POSTROUTING', rule: ['-m', 'comment', '--comment', 'kube hostport masquerading', '-j', MASQ_CHAIN] },
  { table: 'filter', chain: 'INPUT', families: ['IPv4'], rule: ['-m', 'comment', '--comment', 'block incoming localnet connections', '-j', GUARD_CHAIN] },
]; // prettier-ignore
