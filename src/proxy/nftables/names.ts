// Names of the few chains and sets that belong to one service port or one endpoint (session affinity, source ranges).
import type { EndpointState, PortState } from '../contract.ts';
import { hashName } from '../iptables/names.ts';

const HASH_LENGTH = 8;
/** The kernel allows 255 bytes; what stands before the name needs some. */
const LONGEST = 240;

function named(text: string): string {
  const name = `${hashName(text, HASH_LENGTH)}-${text}`;
  return name.length <= LONGEST ? name : `${name.slice(0, LONGEST - 3)}...`;
}

type PortName = Pick<PortState, 'namespace' | 'service' | 'portName' | 'protocol'>;
const portText = (p: PortName) => `${p.namespace}/${p.service}/${p.protocol}/${p.portName}`;

/** @example portBase({ namespace: 'ns1', service: 'svc1', protocol: 'tcp', portName: 'p80' }) // ULMVA6XW-ns1/svc1/tcp/p80 */
export const portBase = (p: PortName): string => named(portText(p));

/** @example endpointBase(port, endpoint) // JO2XBXZR-testing/service/tcp/http__10.180.0.1/80 */
export const endpointBase = (p: PortName, e: Pick<EndpointState, 'ip' | 'port'>): string =>
  named(`${portText(p)}__${e.ip.replaceAll(':', '.')}/${e.port}`);
