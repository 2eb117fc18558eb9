// Labels and annotations by which the agent finds its sandboxes and containers again. Pure.
import type { PodIdentity } from '../runtime/contract.ts';

export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  /** Whose it is: several nodes may share a runtime. */
  node: 'portico/node',
} as const;

const RECORD = 'portico/record';

/** What the agent must know of a container and the interface does not carry. */
export interface ContainerRecord {
  readonly attempt: number;
  readonly specHash: string;
  readonly logFile: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly messageFromLog: boolean;
  /** The file on the node that the container writes its last words to. */
  readonly terminationMessage: string;
}

export function podLabels(node: string, pod: PodIdentity): Record<string, string> {
  return {
    [LABEL.podName]: pod.name,
    [LABEL.podNamespace]: pod.namespace,
    [LABEL.podUid]: pod.uid,
    [LABEL.node]: node,
  };
}

export function podOfLabels(labels: Readonly<Record<string, string>>): PodIdentity {
  return {
    uid: labels[LABEL.podUid] ?? '',
    namespace: labels[LABEL.podNamespace] ?? '',
    name: labels[LABEL.podName] ?? '',
  };
}

export function recordAnnotations(record: ContainerRecord): Record<string, string> {
  return { [RECORD]: JSON.stringify(record) };
}

/** Undefined for a container that no agent of ours made. */
export function recordOf(annotations: Readonly<Record<string, string>>): ContainerRecord | undefined {
  try {
    return JSON.parse(annotations[RECORD] ?? '') as ContainerRecord;
  } catch {
    return undefined;
  }
}

/** What holds a pod's namespaces, made on the node; for a containerd that is told so (`sandbox_image`). */
export const PAUSE_IMAGE = 'localhost/portico/pause:1';
