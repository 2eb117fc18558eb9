// The Node object: what the machine is and has. Pure but for `readMachine`.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { kubernetesVersion, LOCAL_VOLUMES, PEERS_UNREACHABLE, type core, type Node } from '../api/objects.ts';
import { formatTime } from './pod/container-status.ts';

export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly architecture: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

/** `diskBytes`: the size of the file system that holds the pods' data. */
export function readMachine(diskBytes: number): Machine {
  const osImage = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readText('/etc/os-release'))?.[1] ?? 'Linux';
  return {
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    diskBytes,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    kernelVersion: os.release(),
    osImage,
    machineId: readText('/etc/machine-id'),
    bootId: readText('/proc/sys/kernel/random/boot_id'),
  };
}

export interface NodeFacts {
  readonly name: string;
  readonly ips: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly runtimeVersion: string;
  readonly machine: Machine;
  readonly maxPods: number;
  readonly kubeletPort: number | undefined;
  /** Why the pod network does not work yet; undefined when it does. */
  readonly networkProblem: string | undefined;
  /** Whether packets reach the pods of the other nodes; undefined where nobody can be asked. */
  readonly peers?: { readonly reachable: boolean; readonly reason: string; readonly message: string } | undefined;
  /** Folder for the volumes that are made on this node. */
  readonly localVolumesDir: string;
}

export function nodeLabels(facts: NodeFacts): Record<string, string> {
  const { architecture } = facts.machine;
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': facts.name,
    'kubernetes.io/os': 'linux',
    ...facts.labels,
  };
}

export const nodeAnnotations = (facts: NodeFacts): Record<string, string> => ({
  [LOCAL_VOLUMES]: facts.localVolumesDir,
});

function resources(facts: NodeFacts): Record<string, string> {
  const { cpus, memoryBytes, diskBytes } = facts.machine;
  return {
    cpu: String(cpus),
    'ephemeral-storage': `${Math.floor(diskBytes / 1024)}Ki`,
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    pods: String(facts.maxPods),
  };
}

const PRESSURES: readonly (readonly [type: string, reason: string, message: string])[] = [
  ['MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
];

function conditions(facts: NodeFacts, before: readonly core.NodeCondition[], nowMs: number): core.NodeCondition[] {
  const problem = facts.networkProblem;
  const ready =
    problem === undefined
      ? (['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'] as const)
      : (['Ready', 'False', 'KubeletNotReady', `container runtime network not ready: ${problem}`] as const);
  const { peers } = facts;
  const wanted = [
    ...PRESSURES.map(([type, reason, message]) => [type, 'False', reason, message] as const),
    ...(peers === undefined
      ? []
      : [[PEERS_UNREACHABLE, peers.reachable ? 'False' : 'True', peers.reason, peers.message] as const]),
    ready,
  ];
  const now = formatTime(nowMs);
  return wanted.map(([type, status, reason, message]) => {
    const old = before.find((c) => c.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  });
}

/** The status as it should be; conditions of others are kept. */
export function nodeStatus(facts: NodeFacts, before: core.NodeStatus | undefined, nowMs: number): core.NodeStatus {
  const { machine } = facts;
  const own = conditions(facts, before?.conditions ?? [], nowMs);
  const others = (before?.conditions ?? []).filter(
    (c) => c.type !== PEERS_UNREACHABLE && !own.some((o) => o.type === c.type),
  );
  return {
    addresses: [
      ...facts.ips.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.name },
    ],
    capacity: resources(facts),
    allocatable: resources(facts),
    conditions: [...own, ...others],
    ...(facts.kubeletPort === undefined ? {} : { daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } } }),
    nodeInfo: {
      architecture: machine.architecture,
      bootID: machine.bootId,
      containerRuntimeVersion: facts.runtimeVersion,
      kernelVersion: machine.kernelVersion,
      kubeProxyVersion: '',
      kubeletVersion: kubernetesVersion.gitVersion,
      machineID: machine.machineId,
      operatingSystem: 'linux',
      osImage: machine.osImage,
      systemUUID: machine.machineId,
    },
  };
}

/** Would a write tell the server more than the time? Heartbeats go by Lease. */
export function isNodeStatusNews(before: core.NodeStatus | undefined, after: core.NodeStatus): boolean {
  const withoutTime = (s: core.NodeStatus | undefined) => ({
    ...s,
    conditions: (s?.conditions ?? []).map((c) => ({ ...c, lastHeartbeatTime: '' })),
  });
  const old = withoutTime(before) as Record<string, unknown>;
  const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
  return Object.entries(withoutTime(after)).some(([key, value]) => !isDeepStrictEqual(plain(old[key]), plain(value)));
}

export function newNode(
  facts: NodeFacts,
): Omit<Node, 'metadata'> & { metadata: Pick<Node['metadata'], 'name' | 'labels' | 'annotations'> } {
  const metadata = { name: facts.name, labels: nodeLabels(facts), annotations: nodeAnnotations(facts) };
  return { apiVersion: 'v1', kind: 'Node', metadata, spec: {} };
}
