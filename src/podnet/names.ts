// Names and hardware addresses that follow from what they belong to, so that nothing has to be remembered or
// exchanged between nodes to find them again. Pure.
import { createHash } from 'node:crypto';
import { ipToBytes, toCidr } from '../ip/index.ts';

export const VXLAN_DEVICE = 'portico.vxlan';
export const POD_DEVICE = 'eth0';
/** Every host side has this address: pods reach their gateway by one static neighbour entry. */
export const HOST_MAC = 'ee:ee:ee:ee:ee:ee';
export const GATEWAY_V4 = '169.254.1.1';
export const GATEWAY_V6 = 'fe80::1';
/** Marks the routes that are ours (`ip route show proto 99`); /etc/iproute2 gives the number to nobody. */
export const ROUTE_PROTOCOL = 99;
const HOST_LINK_PREFIX = 'lxc';
const SHORT_ID_DIGITS = 11;

/** 11 hex digits: with its prefix the device name fits the 15 characters that the kernel allows. */
export function shortPodId(uid: string): string {
  return createHash('sha256').update(uid).digest('hex').slice(0, SHORT_ID_DIGITS);
}

/** @example hostLinkName(uid) // lxc3f2a90b1c4d */
export function hostLinkName(uid: string): string {
  return `${HOST_LINK_PREFIX}${shortPodId(uid)}`;
}

export function isHostLinkName(name: string): boolean {
  return new RegExp(`^${HOST_LINK_PREFIX}[0-9a-f]{${SHORT_ID_DIGITS}}$`).test(name);
}

export function podNetnsName(clusterName: string, uid: string): string {
  return `${clusterName}-pod-${shortPodId(uid)}`;
}

/** Shown by `ip link` on the host side; the kernel keeps at most 255 bytes. */
export function hostLinkAlias(namespace: string, name: string): string {
  return `portico ${namespace}/${name}`.slice(0, 255);
}

const colons = (bytes: Iterable<number>) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** A pod's hardware address follows from its short id: locally administered, unicast. */
export function podMac(uid: string): string {
  const digest = createHash('sha256').update(uid).digest();
  return colons([0x0a, 0x58, ...digest.subarray(0, 4)]);
}

/** A node's VXLAN hardware address follows from its first pod CIDR, so no annotation has to carry it. */
export function vtepMac(podCidr: string): string {
  const { family, network } = toCidr(podCidr);
  const bytes = ipToBytes({ family, value: network });
  const tail = family === 4 ? bytes : createHash('sha256').update(bytes).digest().subarray(0, 4);
  return colons([0x0e, 0x00, ...tail]);
}
