// What ADD answers, in the form of the version asked for. Pure.
import { isIpv6 } from '../ip/index.ts';
import type { AttachedContainer } from './contract.ts';

export interface ResultInput {
  readonly cniVersion: string;
  readonly netns: string;
  readonly ifname: string;
  readonly attached: AttachedContainer;
}

export function addResult({ cniVersion, netns, ifname, attached }: ResultInput): object {
  const { ips, hostLink, hostMac, podMac, mtu, gateways } = attached;
  // Interfaces have an MTU since 1.1.0; addresses had a family until 1.0.0.
  const mtuOf = cniVersion >= '1.1.0' ? { mtu } : {};
  const gatewayOf = (ip: string) => gateways.find((g) => isIpv6(g) === isIpv6(ip));
  return {
    cniVersion,
    interfaces: [
      { name: hostLink, mac: hostMac, ...mtuOf },
      { name: ifname, mac: podMac, sandbox: netns, ...mtuOf },
    ],
    ips: ips.map((ip) => ({
      ...(cniVersion < '1.0.0' ? { version: isIpv6(ip) ? '6' : '4' } : {}),
      interface: 1,
      address: `${ip}/${isIpv6(ip) ? 128 : 32}`,
      gateway: gatewayOf(ip),
    })),
    routes: gateways.map((gw) => ({ dst: isIpv6(gw) ? '::/0' : '0.0.0.0/0', gw })),
    dns: {},
  };
}
