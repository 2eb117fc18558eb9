// What a local cluster is made of: the values behind the flags of `portico up`, checked as a whole before anything
// is touched. Pure.
import { UserError } from '../errors/index.ts';
import type { EtcdFiles } from '../store/index.ts';
import { parseUpstream } from './dns-relay.ts';
import { cidrsOverlap, formatCidr, formatIp, nthAddress, parseCidr, type Cidr } from '../ip/index.ts';

export type NetworkMode = 'native' | 'vxlan';
export type ProxyMode = 'iptables' | 'nftables';

/** Written to `cluster.json` in the state directory; a later `up`, `down` or supervisor reads it back. */
export interface ClusterSpec {
  name: string;
  nodes: number;
  network: NetworkMode;
  proxyMode: ProxyMode;
  podCidr: string;
  serviceCidr: string;
  underlayCidr: string;
  clusterDomain: string;
  /** Port of the API server on 127.0.0.1; left out: the first free one from `FIRST_API_PORT`. */
  apiPort?: number;
  /** Where questions outside the cluster go; empty: the nameservers of the host. */
  upstreamDns: readonly string[];
  /** `cri`: every node has a containerd of its own, which runs the pods; left out: they are process trees. */
  runtime?: 'process' | 'cri';
  /** Keep the state in this etcd instead of a file in the state directory. */
  etcd?: EtcdPlace;
}

export interface EtcdPlace {
  /** `etcd://ADDRESS:PORT[,…]`, as this machine's root namespace reaches it. */
  readonly at: string;
  /** Absolute names of files. */
  readonly files?: EtcdFiles;
}

export const FIRST_API_PORT = 6443;

export const DEFAULT_SPEC: ClusterSpec = {
  name: 'portico',
  nodes: 3,
  network: 'native',
  proxyMode: 'iptables',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/12',
  underlayCidr: '172.30.0.0/24',
  clusterDomain: 'cluster.local',
  upstreamDns: [],
};

/** Interface and namespace names derive from the cluster's name: 15 bytes is the kernel's limit for a link. */
const NAME = /^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$/;
const MAX_NODES = 100;
const ETCD_BY_ADDRESS = /^etcds?:\/\/((localhost|[\d.]+|\[[\da-f:.]+\])(:\d+)?(,|$))+$/i;
/** Short enough that names of services and namespaces still fit before it. */
const DOMAIN = /^(?=.{1,100}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

function ipv4Cidr(flag: string, text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined || cidr.family !== 4) {
    throw new UserError(`${flag} ${text}: not an IPv4 range; write it like 10.0.0.0/16`);
  }
  return cidr;
}

/**
 * Checks a specification as a whole.
 * @throws UserError that names the flag and says what to write instead.
 */
export function checkSpec(spec: ClusterSpec): void {
  if (!NAME.test(spec.name)) {
    throw new UserError(`--name ${spec.name}: use 1 to 20 lower-case letters, digits and '-', beginning with a letter`);
  }
  if (!Number.isInteger(spec.nodes) || spec.nodes < 1 || spec.nodes > MAX_NODES) {
    throw new UserError(`--nodes ${spec.nodes}: give a number from 1 to ${MAX_NODES}`);
  }
  if (!['native', 'vxlan'].includes(spec.network)) {
    throw new UserError(`--network ${spec.network}: choose native or vxlan`);
  }
  if (!['iptables', 'nftables'].includes(spec.proxyMode)) {
    throw new UserError(`--proxy-mode ${spec.proxyMode}: choose iptables or nftables`);
  }
  if (spec.runtime !== undefined && !['process', 'cri'].includes(spec.runtime)) {
    throw new UserError(`--runtime ${spec.runtime}: choose process or cri`);
  }
  const { apiPort } = spec;
  if (apiPort !== undefined && (!Number.isInteger(apiPort) || apiPort < 1 || apiPort > 65535)) {
    throw new UserError(`--api-port ${apiPort}: give a port from 1 to 65535`);
  }
  const badUpstream = spec.upstreamDns.find((text) => parseUpstream(text) === undefined);
  if (badUpstream !== undefined) {
    throw new UserError(`--upstream-dns ${badUpstream}: not an address; write ADDRESS, ADDRESS:PORT or [IPV6]:PORT`);
  }
  if (spec.etcd !== undefined && !ETCD_BY_ADDRESS.test(spec.etcd.at)) {
    throw new UserError(
      `--store ${spec.etcd.at}: write etcd://ADDRESS:PORT, more of them separated by commas; addresses (or localhost) ` +
        `because the control plane's namespace has no nameserver`,
    );
  }
  if (!DOMAIN.test(spec.clusterDomain)) {
    throw new UserError(`--cluster-domain ${spec.clusterDomain}: not a DNS name; write it like cluster.local`);
  }
  const ranges = [
    ['--pod-cidr', ipv4Cidr('--pod-cidr', spec.podCidr)],
    ['--service-cidr', ipv4Cidr('--service-cidr', spec.serviceCidr)],
    ['--underlay-cidr', ipv4Cidr('--underlay-cidr', spec.underlayCidr)],
  ] as const;
  for (const [i, [flagA, a]] of ranges.entries()) {
    for (const [flagB, b] of ranges.slice(i + 1)) {
      if (cidrsOverlap(a, b)) {
        throw new UserError(
          `${flagA} ${formatCidr(a)} and ${flagB} ${formatCidr(b)} overlap: choose ranges that have no address in common`,
        );
      }
    }
  }
  const [pods, services, underlay] = ranges.map(([, cidr]) => cidr) as [Cidr, Cidr, Cidr];
  if (pods.prefix > 24 || 2 ** (24 - pods.prefix) < spec.nodes) {
    throw new UserError(
      `--pod-cidr ${spec.podCidr}: too small for ${spec.nodes} nodes, each takes a /24; use a shorter prefix`,
    );
  }
  if (services.prefix > 27) {
    throw new UserError(`--service-cidr ${spec.serviceCidr}: too small; use a prefix of /27 or shorter`);
  }
  if (2 ** (32 - underlay.prefix) - FIRST_NODE_HOST - 1 < spec.nodes) {
    throw new UserError(
      `--underlay-cidr ${spec.underlayCidr}: too small for ${spec.nodes} nodes; use a shorter prefix`,
    );
  }
  if (cidrsOverlap('127.0.0.0/8', underlay)) {
    throw new UserError(`--underlay-cidr ${spec.underlayCidr}: the loopback range cannot join nodes`);
  }
}

const FIRST_NODE_HOST = 10;

/** Where everything stands on the underlay: .1 the fabric, .2 the control plane, nodes from .11. */
export function addressPlan(spec: ClusterSpec) {
  const underlay = ipv4Cidr('--underlay-cidr', spec.underlayCidr);
  const services = ipv4Cidr('--service-cidr', spec.serviceCidr);
  return {
    prefix: underlay.prefix,
    fabric: formatIp(nthAddress(underlay, 1)),
    controlPlane: formatIp(nthAddress(underlay, 2)),
    /** `index` counts from 1, as in the node names. */
    node: (index: number) => formatIp(nthAddress(underlay, FIRST_NODE_HOST + index)),
    kubernetesService: formatIp(nthAddress(services, 1)),
    clusterDns: formatIp(nthAddress(services, 10)),
  };
}

export function nodeNames(spec: ClusterSpec): string[] {
  return Array.from({ length: spec.nodes }, (_, i) => `node-${i + 1}`);
}

/** Names of the cluster's network namespaces, visible to `ip netns`. */
export function namespaceNames(name: string) {
  return {
    fabric: `${name}-fabric`,
    controlPlane: `${name}-control-plane`,
    node: (node: string) => `${name}-${node}`,
    podPrefix: `${name}-pod-`,
  };
}
