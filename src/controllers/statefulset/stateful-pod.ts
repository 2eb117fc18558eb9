// The pod with a given number: a stable name, hostname and labels. Pure.
import type { StatefulSet } from '../../api/objects.ts';
import type { PodTemplate } from '../runtime/pod-control.ts';
import { REVISION_HASH } from '../runtime/revisions.ts';

export const podNameOf = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

export function statefulTemplate(set: StatefulSet, template: PodTemplate, ordinal: number, hash: string): PodTemplate {
  const name = podNameOf(set, ordinal);
  const spec = template.spec ?? { containers: [] };
  const serviceName = set.spec?.serviceName ?? '';
  return {
    ...template,
    metadata: {
      ...template.metadata,
      labels: {
        ...template.metadata?.labels,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': String(ordinal),
        [REVISION_HASH]: hash,
      },
    },
    // hostname and subdomain are what gives the pod its name in DNS.
    spec: { ...spec, hostname: name, ...(serviceName === '' ? {} : { subdomain: serviceName }) },
  };
}
