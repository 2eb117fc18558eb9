// Rules for IP addresses and prefixes in API objects; spelling that older servers took is accepted with a warning.
import { canonicalIp, cidrContains, parseCidr, parseIp } from '../ip/index.ts';
import type { FieldError } from './field-error.ts';
import { invalidValue } from './field-error.ts';

const ipText = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const cidrText = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

export function validateIp(value: string, path: string): FieldError[] {
  return parseIp(value, { lenient: true }) === undefined ? [invalidValue(path, value, ipText)] : [];
}

export function validateCidr(value: string, path: string): FieldError[] {
  const [address = '', length = ''] = value.split('/');
  const ip = value.split('/').length === 2 ? parseIp(address, { lenient: true }) : undefined;
  const good = ip !== undefined && /^\d{1,3}$/.test(length) && Number(length) <= (ip.family === 4 ? 32 : 128);
  return good ? [] : [invalidValue(path, value, cidrText)];
}

/** Addresses that no endpoint and no externalIP may have. */
export function validateEndpointIp(value: string, path: string): FieldError[] {
  const ip = parseIp(value, { lenient: true });
  if (ip === undefined) return validateIp(value, path);
  const inside = (...cidrs: string[]): boolean => cidrs.some((c) => cidrContains(c, ip));
  const no = (detail: string): FieldError[] => [invalidValue(path, value, detail)];
  if (ip.value === 0n) return no('may not be unspecified (0.0.0.0 or ::)');
  if (inside('127.0.0.0/8', '::1/128')) return no('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (inside('169.254.0.0/16', 'fe80::/10')) {
    return no('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  }
  if (inside('224.0.0.0/24') || (ip.family === 6 && ip.value >> 112n === 0xff02n)) {
    return no('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  }
  return [];
}

const isIpv6Text = (value: string): boolean => parseIp(value, { lenient: true })?.family === 6;

export const ipFamilyOf = (value: string): 'IPv4' | 'IPv6' => (isIpv6Text(value) ? 'IPv6' : 'IPv4');

/** Texts for addresses that only old parsers accept, or that are not in canonical spelling. */
export function ipWarnings(value: string, path: string): string[] {
  if (parseIp(value, { lenient: true }) === undefined) return [];
  const strict = parseIp(value);
  const soon = `${path}: IP address was accepted, but will be invalid in a future Kubernetes release`;
  if (strict === undefined) return [`${soon}: ParseAddr("${value}"): IPv4 field has octet with leading zero`];
  if (strict.family === 6 && strict.value >> 32n === 0xffffn) {
    return [`${path}: IPv4-mapped IPv6 address was accepted, but will be invalid in a future Kubernetes release`];
  }
  const canonical = canonicalIp(value);
  return strict.family === 6 && canonical !== undefined && canonical !== value
    ? [`${path}: IPv6 address "${value}" should be in RFC 5952 canonical format ("${canonical}")`]
    : [];
}

/** The same for prefixes. */
export function cidrWarnings(value: string, path: string): string[] {
  if (validateCidr(value, path).length > 0) return [];
  const soon = `${path}: CIDR value "${value}" was accepted, but will be invalid in a future Kubernetes release`;
  const [address = '', length = ''] = value.split('/');
  if (parseIp(address) === undefined)
    return [`${soon}: netip.ParsePrefix("${value}"): ParseAddr("${address}"): IPv4 field has octet with leading zero`];
  const cidr = parseCidr(value);
  const ip = parseIp(address);
  if (cidr !== undefined && ip !== undefined && cidr.network !== ip.value) {
    const fixed = canonicalIp(address) === address ? `${address}/${length}` : address;
    return [`${path}: CIDR value "${value}" is ambiguous in this context (should be "${fixed}" without host bits?)`];
  }
  return [];
}
