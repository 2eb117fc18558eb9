export type { Ip, IpLike, ParseIpOptions } from './address.ts';
export {
  InvalidIpError,
  addressBits,
  canonicalIp,
  compareIps,
  formatIp,
  ipFamily,
  ipFromBytes,
  ipToBytes,
  isIpv4,
  isIpv6,
  joinHostPort,
  parseIp,
  splitHostPort,
  toIp,
} from './address.ts';
export type { Cidr, CidrLike } from './cidr.ts';
export {
  addressOffset,
  broadcastAddress,
  cidrAddresses,
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  formatCidr,
  nthAddress,
  nthSubnet,
  parseCidr,
  subnetCount,
  toCidr,
} from './cidr.ts';
export { ipOfReverseName, reverseName } from './reverse-name.ts';
