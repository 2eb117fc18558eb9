// Fields of a pod as text, for the downward API in variables and files. Pure.
import type { core, Pod } from '../../api/objects.ts';
import { findContainer, namespaceOf, specOf } from './pod-spec.ts';
import { quantityValue } from './qos.ts';

export interface DownwardFacts {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  readonly podIps: readonly string[];
  /** What the node has to give, the limit of a container that has none. */
  readonly allocatable: { readonly cpu: number; readonly memory: number };
}

/** All labels or annotations, `key="value"` a line, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
    .join('\n');
}

/** @throws Error for a field that the downward API does not offer */
export function fieldValue(path: string, f: DownwardFacts): string {
  const { metadata } = f.pod;
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (subscript !== null) {
    return (subscript[1] === 'labels' ? metadata.labels : metadata.annotations)?.[subscript[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return namespaceOf(f.pod);
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return f.nodeName;
    case 'spec.serviceAccountName':
      return specOf(f.pod).serviceAccountName ?? 'default';
    case 'status.hostIP':
      return f.hostIps[0] ?? '';
    case 'status.hostIPs':
      return f.hostIps.join(',');
    case 'status.podIP':
      return f.podIps[0] ?? '';
    case 'status.podIPs':
      return f.podIps.join(',');
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** @throws Error when the container or the resource does not exist */
export function resourceValue(ref: core.ResourceFieldSelector, containerName: string, f: DownwardFacts): string {
  const name = ref.containerName ?? containerName;
  const c = findContainer(f.pod, name);
  if (c === undefined) throw new Error(`unable to find the container ${name}`);
  const [kind, resource] = ref.resource.split('.') as ['limits' | 'requests', string];
  const limit = quantityValue(c.resources?.limits?.[resource]);
  const request = quantityValue(c.resources?.requests?.[resource]) ?? limit;
  const fallback = resource === 'cpu' ? f.allocatable.cpu : resource === 'memory' ? f.allocatable.memory : 0;
  const value = kind === 'limits' ? (limit ?? fallback) : (request ?? 0);
  const divisor = quantityValue(ref.divisor) ?? 1;
  return String(Math.ceil(value / (divisor === 0 ? 1 : divisor)));
}
