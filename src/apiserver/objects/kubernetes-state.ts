// The state of a Kubernetes control plane's etcd as this API server keeps it: the same objects under our keys. Facts:
// staging/src/k8s.io/apiserver/pkg/registry and pkg/kubeapiserver/default_storage_factory_builder.go (special prefixes).
import { resourceForKind, type KubeObject } from '../../api/index.ts';
import { storageKey } from './storage-key.ts';
import { unreadableReason } from './stored-value.ts';

interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface PortedState {
  /** In key order. */
  readonly entries: readonly KeyValue[];
  /** What has no place here, `KEY: why`. */
  readonly leftOut: readonly string[];
  /** What could not be read although its kind is served here, `KEY: why`. */
  readonly unreadable: readonly string[];
}

/** `entries` with values as `storedValueText` gives them. */
export function portKubernetesState(entries: Iterable<KeyValue>): PortedState {
  const ported: KeyValue[] = [];
  const leftOut: string[] = [];
  const unreadable: string[] = [];
  for (const { key, value } of entries) {
    const reason = unreadableReason(value);
    if (reason !== undefined) {
      (reason.startsWith('no kind ') ? leftOut : unreadable).push(`${key}: ${reason}`);
      continue;
    }
    const object = asObject(value);
    if (object === undefined) leftOut.push(`${key}: it is no object`);
    else {
      const { apiVersion, kind, metadata } = object;
      const resource = resourceForKind(apiVersion, kind);
      if (resource === undefined) leftOut.push(`${key}: no kind "${kind}" of ${apiVersion} is served here`);
      else ported.push({ key: storageKey(resource, metadata.namespace, metadata.name), value });
    }
  }
  ported.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { entries: ported, leftOut, unreadable };
}

function asObject(value: string): KubeObject | undefined {
  try {
    const object = JSON.parse(value) as Partial<KubeObject> | null;
    const named = typeof object?.metadata?.name === 'string' && object.kind !== undefined;
    return named ? (object as KubeObject) : undefined;
  } catch {
    return undefined;
  }
}
