// Nodes and pods for the tables of this room.
import type { Node, Pod, core, meta } from '../../api/objects.ts';
import { ClusterState } from '../cluster-state.ts';

let serial = 0;
const stored = () => ({ uid: `uid-${++serial}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });

export interface NodeFacts {
  labels?: Record<string, string>;
  taints?: core.Taint[];
  unschedulable?: boolean;
  allocatable?: Record<string, string>;
}

export const node = (name: string, facts: NodeFacts = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, ...stored(), labels: { 'kubernetes.io/hostname': name, ...facts.labels } },
  spec: {
    ...(facts.taints === undefined ? {} : { taints: facts.taints }),
    ...(facts.unschedulable === undefined ? {} : { unschedulable: facts.unschedulable }),
  },
  status: { allocatable: facts.allocatable ?? { cpu: '4', memory: '8Gi', pods: '10' } },
});

export interface PodFacts {
  labels?: Record<string, string>;
  namespace?: string;
  owner?: string;
  requests?: Record<string, string>;
  hostPort?: { port: number; ip?: string; protocol?: string };
  spec?: Partial<core.PodSpec>;
}

export const pod = (name: string, facts: PodFacts = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: facts.namespace ?? 'default',
    ...stored(),
    ...(facts.labels === undefined ? {} : { labels: facts.labels }),
    ...(facts.owner === undefined ? {} : { ownerReferences: [ownerReference(facts.owner)] }),
  },
  spec: { containers: [container(facts)], ...facts.spec },
});

const ownerReference = (uid: string): meta.OwnerReference => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: uid,
  uid,
  controller: true,
});

function container(facts: PodFacts): core.Container {
  const { hostPort } = facts;
  const port = {
    containerPort: 80,
    ...(hostPort === undefined ? {} : { hostPort: hostPort.port }),
    ...(hostPort?.ip === undefined ? {} : { hostIP: hostPort.ip }),
    ...(hostPort?.protocol === undefined ? {} : { protocol: hostPort.protocol }),
  };
  return {
    name: 'c',
    ...(facts.requests === undefined ? {} : { resources: { requests: facts.requests } }),
    ...(hostPort === undefined ? {} : { ports: [port] }),
  };
}

/** A cluster with these nodes and pods: `{ 'node-1': [pod, …] }`. */
export function cluster(nodes: readonly Node[], pods: Readonly<Record<string, readonly Pod[]>> = {}): ClusterState {
  const state = new ClusterState();
  for (const n of nodes) state.setNode(n.metadata.name, n);
  for (const [name, list] of Object.entries(pods)) for (const p of list) state.place(p, name);
  return state;
}
