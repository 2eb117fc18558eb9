// kube-proxy's chain names. Other tools and people read them, so they must agree byte for byte.
import { createHash } from 'node:crypto';
import type { EndpointState, PortState } from '../contract.ts';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first `length` characters of base32(sha256(text)); RFC 4648 alphabet. */
export function hashName(text: string, length: number): string {
  const digest = createHash('sha256').update(text).digest();
  let out = '';
  let bits = 0;
  let value = 0;
  for (let i = 0; out.length < length; i++) {
    value = ((value << 8) | (digest[i] ?? 0)) & 0xfff;
    bits += 8;
    while (bits >= 5 && out.length < length) {
      bits -= 5;
      out += BASE32.charAt((value >> bits) & 31);
    }
  }
  return out;
}

const HASH_LENGTH = 16;

export interface PortChains {
  /** KUBE-SVC-…: endpoints of policy Cluster. */
  readonly cluster: string;
  /** KUBE-SVL-…: endpoints of policy Local. */
  readonly local: string;
  /** KUBE-EXT-…: where traffic from outside comes in. */
  readonly external: string;
  /** KUBE-FW-…: source ranges of a load balancer. */
  readonly firewall: string;
}

/** @example portChains({ id: 'default/nginx', protocol: 'tcp' }).cluster // KUBE-SVC-2CMXP7HKUVJN7L6M */
export function portChains(port: Pick<PortState, 'id' | 'protocol'>): PortChains {
  const hash = hashName(port.id + port.protocol, HASH_LENGTH);
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

export function endpointChain(port: Pick<PortState, 'id' | 'protocol'>, endpoint: Pick<EndpointState, 'text'>): string {
  return `KUBE-SEP-${hashName(port.id + port.protocol + endpoint.text, HASH_LENGTH)}`;
}

/** Chains that belong to one service port and may go stale. */
export const OWNED_CHAIN = /^KUBE-(?:SVC|SVL|SEP|FW|EXT)-/;
