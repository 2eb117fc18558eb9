// From a container of a pod to what the runtime is asked to start. Reads ConfigMaps and Secrets; starts nothing.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { core, Pod } from '../../api/objects.ts';
import type { ResolvedImage } from '../catalog/contract.ts';
import type { ContainerMount, ContainerSpec, ContainerUser } from '../runtime/contract.ts';
import { isLive, mountSource } from '../volumes/pod-volumes.ts';
import { configMapContent, secretContent } from '../volumes/object-files.ts';
import { ContainerConfigError, containerEnv, type Lookup } from './container-env.ts';
import { formatResolvConf, podResolver } from './dns-config.ts';
import type { DownwardFacts } from './downward.ts';
import { expand } from './expand.ts';
import { podHostsFile } from './hosts-file.ts';
import type { PodContext } from './pod-context.ts';
import { hostnameOf, isHostNetwork, namespaceOf, podFqdn, specOf } from './pod-spec.ts';
import { oomScoreAdj, resourceLimits } from './qos.ts';
import { serviceVariables } from './service-env.ts';

export interface BuildInput {
  readonly pod: Pod;
  readonly container: core.Container;
  readonly attempt: number;
  readonly ctx: PodContext;
  readonly facts: DownwardFacts;
  /** Volume name → folder on the node. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly netns: string | undefined;
}

/** The container waits with this reason. */
export class ImageError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * A pod sees the host's files. Hosts with mDNS send names in `.local`, so the whole cluster, past DNS
 * (`mdns4_minimal [NOTFOUND=return]`), and users and services may come from daemons that the pod cannot reach.
 */
const NSSWITCH = [
  'passwd: files',
  'group: files',
  'shadow: files',
  'hosts: files dns',
  'networks: files',
  'protocols: files',
  'services: files',
  'ethers: files',
  'rpc: files',
  '',
].join('\n');

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** @throws ImageError, ContainerConfigError, VolumeError */
export async function buildContainerSpec(input: BuildInput): Promise<ContainerSpec> {
  const { pod, container: c, ctx, attempt } = input;
  const spec = specOf(pod);
  const hostname = hostnameOf(pod, ctx.nodeName);
  const env = await environment(input, hostname);
  const words = {
    command: (c.command ?? []).map((x) => expand(x, env)),
    args: (c.args ?? []).map((x) => expand(x, env)),
  };
  const image = await ctx.resolveImage({
    image: c.image ?? '',
    ...words,
    pullPolicy: c.imagePullPolicy ?? 'IfNotPresent',
    secrets: {
      namespace: namespaceOf(pod),
      names: (spec.imagePullSecrets ?? []).flatMap((s) => s.name ?? []),
    },
  });
  if ('reason' in image) throw new ImageError(image.reason, image.message);
  for (const [name, value] of Object.entries(image.env)) if (!env.has(name)) env.set(name, podFact(value, pod, ctx));
  const security = c.securityContext ?? {};
  const workingDir = c.workingDir ?? image.workingDir;
  return {
    pod: { uid: pod.metadata.uid, namespace: namespaceOf(pod), name: pod.metadata.name },
    name: c.name,
    attempt,
    argv: image.argv,
    env: [...env],
    ...(workingDir === undefined ? {} : { workingDir }),
    mounts: mountsOf(input, env),
    files: filesOf(input, hostname),
    hostname: spec.setHostnameAsFQDN === true ? (podFqdn(pod, ctx.dns().clusterDomain) ?? hostname) : hostname,
    ...(input.netns === undefined ? {} : { netns: input.netns }),
    user: userOf(pod, c, image.user),
    userOfImage: runAsUserOf(pod, c) === undefined,
    privileged: security.privileged === true,
    allowPrivilegeEscalation: security.allowPrivilegeEscalation === true || security.privileged === true,
    capabilities: { add: security.capabilities?.add ?? [], drop: security.capabilities?.drop ?? [] },
    readOnlyRoot: security.readOnlyRootFilesystem === true,
    stdin: c.stdin === true,
    stdinOnce: c.stdinOnce === true,
    tty: c.tty === true,
    terminationMessagePath: c.terminationMessagePath ?? '/dev/termination-log',
    messageFromLog: c.terminationMessagePolicy === 'FallbackToLogsOnError',
    limits: resourceLimits(c),
    oomScoreAdj: oomScoreAdj(pod, c, ctx.allocatable.memory),
    sysctls: Object.fromEntries((spec.securityContext?.sysctls ?? []).map((s) => [s.name, s.value])),
    shareProcesses: spec.shareProcessNamespace === true,
    ...targetOf(input),
    hostPid: spec.hostPID === true,
    hostIpc: spec.hostIPC === true,
    logDir: containerLogDir(ctx.stateDir, pod, c.name),
    needs: image.needs,
    imageRef: image.ref,
    image: {
      name: c.image ?? '',
      ...(image.command === undefined ? words : { command: image.command, args: [] }),
      ...(image.pulledMs === undefined ? {} : { pulledMs: image.pulledMs }),
    },
    specHash: specHash(c),
  };
}

/** A debug container may look at another container's processes. */
function targetOf({ pod, container, ctx }: BuildInput): { joinProcessesOf?: string } {
  const name = (container as { targetContainerName?: string }).targetContainerName;
  if (name === undefined || name === '') return {};
  const target = ctx.runtime.containers(pod.metadata.uid).find((c) => c.name === name && c.state === 'running');
  if (target === undefined) throw new ContainerConfigError(`the target container "${name}" is not running`);
  return { joinProcessesOf: target.id };
}

/** An image's variables may stand for facts of the pod. */
function podFact(value: string, pod: Pod, ctx: PodContext): string {
  if (value === '{pod.name}') return pod.metadata.name;
  if (value === '{pod.namespace}') return namespaceOf(pod);
  return value === '{node.name}' ? ctx.nodeName : value;
}

/** As kubelet lays them out below /var/log/pods. */
export function podLogDir(stateDir: string, pod: { namespace: string; name: string; uid: string }): string {
  return path.join(stateDir, 'logs', 'pods', `${pod.namespace}_${pod.name}_${pod.uid}`);
}

export function containerLogDir(stateDir: string, pod: Pod, container: string): string {
  const { name, uid } = pod.metadata;
  return path.join(podLogDir(stateDir, { namespace: namespaceOf(pod), name, uid }), container);
}

/** What a running container cannot change; resizes and probes are not part of it. */
export function specHash(c: core.Container): string {
  return createHash('sha256')
    .update(JSON.stringify([c.name, c.image]))
    .digest('hex')
    .slice(0, 16);
}

async function environment(input: BuildInput, hostname: string): Promise<Map<string, string>> {
  const { pod, container: c, ctx, facts } = input;
  const namespace = namespaceOf(pod);
  const maps = new Set<string>();
  const secrets = new Set<string>();
  for (const from of c.envFrom ?? []) {
    if (from.configMapRef?.name !== undefined) maps.add(from.configMapRef.name);
    if (from.secretRef?.name !== undefined) secrets.add(from.secretRef.name);
  }
  for (const e of c.env ?? []) {
    if (e.valueFrom?.configMapKeyRef?.name !== undefined) maps.add(e.valueFrom.configMapKeyRef.name);
    if (e.valueFrom?.secretKeyRef?.name !== undefined) secrets.add(e.valueFrom.secretKeyRef.name);
  }
  const configMap = await lookup(maps, async (name) => {
    const found = await ctx.objects.configMap(namespace, name);
    return found === undefined ? undefined : configMapContent(found);
  });
  const secret = await lookup(secrets, async (name) => {
    const found = await ctx.objects.secret(namespace, name);
    return found === undefined ? undefined : secretContent(found);
  });
  return containerEnv(c, {
    configMap,
    secret,
    facts,
    services: serviceVariables(ctx.services(), {
      namespace,
      enableServiceLinks: specOf(pod).enableServiceLinks !== false,
    }),
    // An image brings what its program needs.
    defaults:
      ctx.runtime.hasImages === true
        ? []
        : [
            ['PATH', DEFAULT_PATH],
            ['HOSTNAME', hostname],
            ['HOME', '/root'],
            ...(c.tty === true ? [['TERM', 'xterm'] as const] : []),
          ],
  });
}

async function lookup(
  names: ReadonlySet<string>,
  read: (name: string) => Promise<ReadonlyMap<string, Buffer> | undefined>,
): Promise<Lookup> {
  const found = new Map<string, Record<string, string>>();
  for (const name of names) {
    const content = await read(name);
    if (content === undefined) continue;
    found.set(name, Object.fromEntries([...content].map(([key, data]) => [key, data.toString()])));
  }
  return (name) => found.get(name);
}

function mountsOf(input: BuildInput, env: ReadonlyMap<string, string>): ContainerMount[] {
  const { pod, container: c, volumes } = input;
  return (c.volumeMounts ?? []).map((m) => {
    const volume = (specOf(pod).volumes ?? []).find((v) => v.name === m.name);
    const dir = volumes.get(m.name);
    if (volume === undefined || dir === undefined) {
      throw new ContainerConfigError(`volumeMount "${m.name}" of container "${c.name}" names no volume of the pod`);
    }
    const subPath = m.subPathExpr === undefined ? (m.subPath ?? '') : expand(m.subPathExpr, env);
    // What comes from API objects is the API's to change.
    const readOnly = m.readOnly === true || isLive(volume) || volume.persistentVolumeClaim?.readOnly === true;
    return { source: mountSource(dir, subPath), target: m.mountPath, readOnly };
  });
}

function filesOf(input: BuildInput, hostname: string): Record<string, string> {
  const { pod, ctx, facts } = input;
  const dns = ctx.dns();
  const { config, problems } = podResolver(pod, dns);
  for (const problem of problems) ctx.events.event(pod, 'Warning', 'DNSConfigForming', problem);
  const podIps = isHostNetwork(pod) ? [] : facts.podIps;
  return {
    '/etc/resolv.conf': formatResolvConf(config),
    '/etc/hosts': podHostsFile(pod, { podIps, clusterDomain: dns.clusterDomain, host: ctx.hostsFile() }),
    '/etc/hostname': `${hostname}\n`,
    '/etc/nsswitch.conf': NSSWITCH,
  };
}

function runAsUserOf(pod: Pod, c: core.Container): number | undefined {
  return c.securityContext?.runAsUser ?? specOf(pod).securityContext?.runAsUser;
}

function userOf(pod: Pod, c: core.Container, ofImage: ResolvedImage['user']): ContainerUser {
  const podContext = specOf(pod).securityContext ?? {};
  const own = c.securityContext ?? {};
  const asked = runAsUserOf(pod, c);
  const uid = asked ?? ofImage?.uid ?? 0;
  const gid = own.runAsGroup ?? podContext.runAsGroup ?? 0;
  const mustBeNonRoot = (own.runAsNonRoot ?? podContext.runAsNonRoot) === true;
  if (mustBeNonRoot && asked === undefined && ofImage?.name !== undefined) {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${ofImage.name}), cannot verify user is non-root (pod: "${pod.metadata.name}_${namespaceOf(pod)}(${pod.metadata.uid})", container: ${c.name})`,
    );
  }
  if (mustBeNonRoot && uid === 0) {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image will run as root (pod: "${pod.metadata.name}_${namespaceOf(pod)}(${pod.metadata.uid})", container: ${c.name}); set runAsUser`,
    );
  }
  const extra = [
    ...(podContext.supplementalGroups ?? []),
    ...(podContext.fsGroup === undefined ? [] : [podContext.fsGroup]),
  ];
  return { uid, gid, groups: [...new Set(extra)] };
}
