// What runs the node's pods: process trees of the node's own programs, or a container runtime. Each brings its images.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../clock/index.ts';
import type { Logger } from '../log/index.ts';
import { builtinEntries } from './catalog/builtin-entries.ts';
import { programMain, programRoot, readWebProgram } from './catalog/program-files.ts';
import { resolveImage } from './catalog/resolve-image.ts';
import { watchUserEntries } from './catalog/user-entries.ts';
import type { NodeAgentOptions, PodNetwork } from './contract.ts';
import type { PodContext } from './pod/pod-context.ts';
import { CgroupTree } from './runtime/cgroup-tree.ts';
import type { ContainerRuntime } from './runtime/contract.ts';
import { privateArea } from './runtime/mask-plan.ts';
import { ProcessRuntime } from './runtime/process-runtime.ts';
import { findProgram } from './runtime/tools.ts';
import type { ObjectCache } from './volumes/object-cache.ts';
import { secretContent } from './volumes/object-files.ts';

export interface NodeRuntime {
  readonly runtime: ContainerRuntime;
  /** Name and version, as the Node object says them. */
  readonly version: string;
  readonly podNetwork: PodNetwork;
  readonly resolveImage: PodContext['resolveImage'];
}

interface Surroundings {
  readonly clock: Clock;
  readonly log: Logger;
  readonly objects: ObjectCache;
}

export function openNodeRuntime(o: NodeAgentOptions, s: Surroundings): Promise<NodeRuntime> {
  return o.criEndpoint === undefined ? openProcesses(o, s) : openCri(o, s, o.criEndpoint);
}

async function openProcesses(o: NodeAgentOptions, { clock, log }: Surroundings): Promise<NodeRuntime> {
  const root = o.programRoot ?? programRoot();
  const runtime = new ProcessRuntime({
    runDir: path.join(o.stateDir, 'run'),
    hide: [privateArea(o.stateDir), ...(o.maskPaths ?? [])],
    programRoot: root,
    web: readWebProgram(),
    cgroups: new CgroupTree(`portico-${o.clusterName}/${o.nodeName}`),
    clock,
    log,
  });
  await runtime.open();
  const builtin = builtinEntries(programMain(root));
  const user = o.imagesFile === undefined ? undefined : watchUserEntries(o.imagesFile);
  return {
    runtime,
    version: 'process://1.0',
    podNetwork: o.podNetwork,
    resolveImage: (request) => {
      const read = user?.read();
      if (read?.problem !== undefined) log.warn('the image catalog has a mistake', { problem: read.problem });
      const found = resolveImage([...(read?.entries ?? []), ...builtin], request, {
        findProgram,
        ...(o.imagesFile === undefined ? {} : { imagesFile: o.imagesFile }),
        ...(read?.problem === undefined ? {} : { imagesProblem: read.problem }),
      });
      return Promise.resolve(found);
    },
  };
}

async function openCri(
  o: NodeAgentOptions,
  { clock, log, objects }: Surroundings,
  endpoint: string,
): Promise<NodeRuntime> {
  // Loaded only where it is wanted: HTTP/2 and the messages cost every other node memory.
  const { CriRuntime, endpointPath } = await import('./cri/cri-runtime.ts');
  const { resolveCriImage } = await import('./cri/images.ts');
  const { hostFiles, openOwnImages } = await import('./cri/own-images.ts');
  const root = o.programRoot ?? programRoot();
  const runDir = path.join(o.stateDir, 'run');
  const shown = { programRoot: root, web: path.join(runDir, 'web.cjs') };
  const runtime = new CriRuntime({
    endpoint,
    node: `${o.clusterName}/${o.nodeName}`,
    podNetwork: o.podNetwork,
    runDir,
    hostFiles: (needs) => hostFiles(needs, shown),
    cgroupParent: o.criCgroupParent,
    clock,
    log,
  });
  await runtime.open();
  writeFileSync(shown.web, readWebProgram(), { mode: 0o644 });
  const resolveOwnImage = await openOwnImages({
    grpc: runtime.grpc,
    socket: endpointPath(endpoint),
    dir: runDir,
    entries: builtinEntries(programMain(root)),
  });
  const readSecrets = async (namespace: string, names: readonly string[]) => {
    const secrets = await Promise.all(names.map((name) => objects.secret(namespace, name)));
    return secrets.flatMap((s) =>
      s === undefined ? [] : (secretContent(s).get('.dockerconfigjson')?.toString() ?? []),
    );
  };
  return {
    runtime,
    version: runtime.version,
    podNetwork: runtime.sandboxes,
    resolveImage: async (request) =>
      resolveOwnImage(request) ?? (await resolveCriImage(runtime.grpc, request, readSecrets)),
  };
}
