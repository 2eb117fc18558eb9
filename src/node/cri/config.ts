// From what the agent wants to what the interface is asked for: sandboxes and containers. Pure.
import path from 'node:path';
import type { PodToAttach, SandboxSpec } from '../contract.ts';
import type { ContainerSpec, ResourceLimits } from '../runtime/contract.ts';
import { namespaceMode, UNCONFINED, type ContainerConfig, type PodSandboxConfig } from './api.ts';
import { LABEL, podLabels, recordAnnotations, type ContainerRecord } from './names.ts';

export interface SandboxConfigInput {
  readonly node: string;
  readonly pod: PodToAttach;
  readonly spec: SandboxSpec;
  readonly attempt: number;
  /** Control groups of the node's pods; absent: where the runtime puts them. */
  readonly cgroupParent: string | undefined;
}

/** Where a pod's sandbox and containers are to be: runtimes ask for it with each of them. */
export function podCgroup(cgroupParent: string | undefined, uid: string): { cgroupParent?: string } {
  return cgroupParent === undefined ? {} : { cgroupParent: path.join(cgroupParent, uid) };
}

export function sandboxConfig({ node, pod, spec, attempt, cgroupParent }: SandboxConfigInput): PodSandboxConfig {
  return {
    metadata: { name: pod.name, uid: pod.uid, namespace: pod.namespace, attempt },
    hostname: spec.hostNetwork ? '' : spec.hostname,
    logDirectory: spec.logDir,
    labels: podLabels(node, pod),
    linux: {
      ...podCgroup(cgroupParent, pod.uid),
      securityContext: {
        namespaceOptions: {
          network: spec.hostNetwork ? namespaceMode.NODE : namespaceMode.POD,
          pid: pidMode(spec),
          ipc: spec.hostIpc ? namespaceMode.NODE : namespaceMode.POD,
        },
        privileged: spec.privileged,
      },
      sysctls: spec.sysctls,
    },
  };
}

function pidMode(spec: Pick<SandboxSpec, 'hostPid' | 'shareProcesses'>): number {
  if (spec.hostPid) return namespaceMode.NODE;
  return spec.shareProcesses ? namespaceMode.POD : namespaceMode.CONTAINER;
}

/** Shown in the container: file or folder of the node → path in the container. */
export interface OwnFile {
  readonly source: string;
  readonly target: string;
  readonly readOnly?: boolean;
}

export interface ContainerConfigInput {
  readonly node: string;
  readonly spec: ContainerSpec;
  readonly record: ContainerRecord;
  readonly files: readonly OwnFile[];
}

export function containerConfig({ node, spec, record, files }: ContainerConfigInput): ContainerConfig {
  const { user, capabilities } = spec;
  const fixedUser = spec.userOfImage !== true;
  return {
    metadata: { name: spec.name, attempt: spec.attempt },
    image: { image: spec.imageRef, userSpecifiedImage: spec.image?.name ?? '' },
    command: spec.image?.command ?? [],
    args: spec.image?.args ?? [],
    workingDir: spec.workingDir ?? '',
    envs: spec.env.map(([key, value]) => ({ key, value })),
    mounts: [
      ...spec.mounts.map((m) => ({ containerPath: m.target, hostPath: m.source, readonly: m.readOnly })),
      ...files.map(({ source, target, readOnly = false }) => ({
        containerPath: target,
        hostPath: source,
        readonly: readOnly,
      })),
    ],
    labels: { ...podLabels(node, spec.pod), [LABEL.container]: spec.name },
    annotations: recordAnnotations(record),
    logPath: path.join(path.basename(spec.logDir), path.basename(record.logFile)),
    stdin: spec.stdin,
    stdinOnce: spec.stdinOnce,
    tty: spec.tty,
    linux: {
      resources: { ...resources(spec.limits), oomScoreAdj: spec.oomScoreAdj },
      securityContext: {
        capabilities: { addCapabilities: capabilities.add, dropCapabilities: capabilities.drop },
        privileged: spec.privileged,
        namespaceOptions: {
          network: spec.netns === undefined ? namespaceMode.NODE : namespaceMode.POD,
          ipc: spec.hostIpc ? namespaceMode.NODE : namespaceMode.POD,
          ...(spec.joinProcessesOf === undefined
            ? { pid: pidMode(spec) }
            : { pid: namespaceMode.TARGET, targetId: spec.joinProcessesOf }),
        },
        ...(fixedUser ? { runAsUser: { value: user.uid }, runAsGroup: { value: user.gid } } : {}),
        supplementalGroups: user.groups,
        readonlyRootfs: spec.readOnlyRoot,
        noNewPrivs: !spec.allowPrivilegeEscalation,
        maskedPaths: spec.privileged ? [] : MASKED_PATHS,
        readonlyPaths: spec.privileged ? [] : READ_ONLY_PATHS,
        seccomp: { profileType: UNCONFINED },
      },
    },
  };
}

/** Kubernetes' default procMount: what of /proc and /sys tells or changes too much of the machine. */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
];
const READ_ONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const CPU_PERIOD_US = 100_000;
const MIN_SHARES = 2;

function resources({ cpuMillis, cpuRequestMillis, memoryBytes }: ResourceLimits) {
  return {
    ...(cpuMillis === undefined
      ? {}
      : { cpuPeriod: CPU_PERIOD_US, cpuQuota: Math.max(1000, (cpuMillis * CPU_PERIOD_US) / 1000) }),
    cpuShares: Math.max(MIN_SHARES, Math.floor(((cpuRequestMillis ?? cpuMillis ?? 0) * 1024) / 1000)),
    ...(memoryBytes === undefined ? {} : { memoryLimitInBytes: memoryBytes }),
  };
}
