// A pod's /etc/hosts. Pure.
import type { Pod } from '../../api/objects.ts';
import { hostnameOf, isHostNetwork, podFqdn, specOf } from './pod-spec.ts';

const LOOPBACK = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

export interface HostsSettings {
  readonly podIps: readonly string[];
  readonly clusterDomain: string;
  /** The node's own file: what a pod on the host network sees. */
  readonly host: string;
}

/** The first line is what tools look for to tell a managed file from an image's own. */
export function podHostsFile(pod: Pod, o: HostsSettings): string {
  const aliases = (specOf(pod).hostAliases ?? []).map((a) => `${a.ip}\t${(a.hostnames ?? []).join('\t')}`);
  const extra = aliases.length === 0 ? [] : ['', '# Entries added by HostAliases.', ...aliases];
  if (isHostNetwork(pod)) {
    return ['# Kubernetes-managed hosts file (host network).', o.host.trimEnd(), ...extra, ''].join('\n');
  }
  const fqdn = podFqdn(pod, o.clusterDomain);
  const names = [...(fqdn === undefined ? [] : [fqdn]), hostnameOf(pod, '')].join('\t');
  return [
    '# Kubernetes-managed hosts file.',
    ...LOOPBACK,
    ...o.podIps.map((ip) => `${ip}\t${names}`),
    ...extra,
    '',
  ].join('\n');
}
