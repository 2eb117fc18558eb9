// Makes a pod's volumes on the node, keeps those made from API objects up to date, and finds the folder for a mount.
import { chmodSync, chownSync, lstatSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { claimNameOf, type core, type Pod } from '../../api/objects.ts';
import type { DownwardFacts } from '../pod/downward.ts';
import { namespaceOf, specOf } from '../pod/pod-spec.ts';
import { writeAtomicDir, type VolumeFile } from './atomic-dir.ts';
import { claimedFolder } from './claimed-volume.ts';
import type { ObjectCache } from './object-cache.ts';
import { configMapContent, DEFAULT_MODE, downwardFiles, keyFiles, safePath, secretContent } from './object-files.ts';
import type { TokenSource } from './token-source.ts';

export interface VolumeContext {
  readonly objects: ObjectCache;
  readonly tokens: TokenSource;
  /** In memory: secrets, tokens, configuration, `medium: Memory`. */
  readonly memoryDir: string;
  /** On disk: emptyDir. */
  readonly diskDir: string;
  /** On disk, and longer than the pod: the node's own volumes for claims. */
  readonly localVolumesDir: string;
}

/** A volume that cannot be made; the message names it. */
export class VolumeError extends Error {}

type Volume = core.Volume;

const fsGroupOf = (pod: Pod) => specOf(pod).securityContext?.fsGroup;

/** Volumes of API objects, which change while the pod runs. */
export function isLive(v: Volume): boolean {
  return [v.configMap, v.secret, v.downwardAPI, v.projected].some((x) => x !== undefined);
}

/** Makes all volumes (again: brings them up to date). Returns where each is. */
export async function ensureVolumes(pod: Pod, ctx: VolumeContext, facts: DownwardFacts): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const v of specOf(pod).volumes ?? []) {
    try {
      paths.set(v.name, await ensureVolume(v, pod, ctx, facts));
    } catch (cause) {
      throw new VolumeError(`MountVolume.SetUp failed for volume "${v.name}" : ${(cause as Error).message}`, { cause });
    }
  }
  return paths;
}

async function ensureVolume(v: Volume, pod: Pod, ctx: VolumeContext, facts: DownwardFacts): Promise<string> {
  if (v.emptyDir !== undefined) return ensureEmptyDir(v, pod, ctx);
  if (v.hostPath !== undefined) return ensureHostPath(v.hostPath);
  const claim = claimNameOf(pod.metadata.name, v);
  if (claim !== undefined) return claimedFolder(namespaceOf(pod), claim, ctx, specOf(pod).securityContext);
  const files = await filesOf(v, pod, ctx, facts);
  const dir = path.join(ctx.memoryDir, 'volumes', safePath(v.name));
  writeAtomicDir(dir, files, fsGroupOf(pod));
  return dir;
}

function ensureEmptyDir(v: Volume, pod: Pod, ctx: VolumeContext): string {
  const base = v.emptyDir?.medium === 'Memory' ? ctx.memoryDir : ctx.diskDir;
  const dir = path.join(base, 'volumes', safePath(v.name));
  const isNew = statSync(dir, { throwIfNoEntry: false }) === undefined;
  if (!isNew) return dir;
  mkdirSync(dir, { recursive: true });
  const gid = fsGroupOf(pod);
  if (gid !== undefined) chownSync(dir, 0, gid);
  chmodSync(dir, gid === undefined ? 0o777 : 0o2777);
  return dir;
}

const NOT_A: Readonly<
  Record<string, (s: { isDirectory(): boolean; isFile(): boolean; isSocket(): boolean }) => boolean>
> = {
  Directory: (s) => !s.isDirectory(),
  DirectoryOrCreate: (s) => !s.isDirectory(),
  File: (s) => !s.isFile(),
  FileOrCreate: (s) => !s.isFile(),
  Socket: (s) => !s.isSocket(),
};

function ensureHostPath(source: core.HostPathVolumeSource): string {
  const type = source.type ?? '';
  let stat = statSync(source.path, { throwIfNoEntry: false });
  if (stat === undefined) {
    // Docker's old habit, which Kubernetes kept for the empty type.
    if (type === '' || type === 'DirectoryOrCreate') mkdirSync(source.path, { recursive: true, mode: 0o755 });
    else if (type === 'FileOrCreate') writeFileSync(source.path, '', { mode: 0o644 });
    else throw new Error(`hostPath type check failed: ${source.path} is not a ${type.toLowerCase()}`);
    stat = statSync(source.path);
  }
  if (NOT_A[type]?.(stat) === true) {
    throw new Error(
      `hostPath type check failed: ${source.path} is not a ${type.replace('OrCreate', '').toLowerCase()}`,
    );
  }
  return source.path;
}

async function filesOf(
  v: Volume,
  pod: Pod,
  ctx: VolumeContext,
  facts: DownwardFacts,
): Promise<Map<string, VolumeFile>> {
  const namespace = namespaceOf(pod);
  if (v.configMap !== undefined) {
    return configMapFiles(v.configMap, v.configMap.defaultMode ?? DEFAULT_MODE, namespace, ctx);
  }
  if (v.secret !== undefined) {
    const { secretName: name = '', items, optional, defaultMode } = v.secret;
    return secretFiles({ name, items, optional }, defaultMode ?? DEFAULT_MODE, namespace, ctx);
  }
  if (v.downwardAPI !== undefined) {
    return downwardFiles(v.downwardAPI.items, facts, v.downwardAPI.defaultMode ?? DEFAULT_MODE);
  }
  if (v.projected !== undefined) return projectedFiles(v.projected, pod, ctx, facts);
  const kind = Object.keys(v).find((k) => k !== 'name') ?? 'unknown';
  throw new Error(
    `volumes of type ${kind} are not available on this node; use emptyDir, hostPath, configMap, secret, downwardAPI, projected or persistentVolumeClaim`,
  );
}

interface ObjectSource {
  name?: string;
  items?: core.KeyToPath[] | undefined;
  optional?: boolean | undefined;
}

async function configMapFiles(source: ObjectSource, mode: number, namespace: string, ctx: VolumeContext) {
  const found = await ctx.objects.configMap(namespace, source.name ?? '');
  return keyFiles(found === undefined ? undefined : configMapContent(found), {
    items: source.items,
    optional: source.optional === true,
    mode,
    what: `configmap "${source.name}"`,
  });
}

async function secretFiles(source: ObjectSource, mode: number, namespace: string, ctx: VolumeContext) {
  const found = await ctx.objects.secret(namespace, source.name ?? '');
  return keyFiles(found === undefined ? undefined : secretContent(found), {
    items: source.items,
    optional: source.optional === true,
    mode,
    what: `secret "${source.name}"`,
  });
}

async function projectedFiles(
  volume: core.ProjectedVolumeSource,
  pod: Pod,
  ctx: VolumeContext,
  facts: DownwardFacts,
): Promise<Map<string, VolumeFile>> {
  const mode = volume.defaultMode ?? DEFAULT_MODE;
  const namespace = namespaceOf(pod);
  const files = new Map<string, VolumeFile>();
  for (const source of volume.sources ?? []) {
    let part = new Map<string, VolumeFile>();
    if (source.configMap !== undefined) part = await configMapFiles(source.configMap, mode, namespace, ctx);
    else if (source.secret !== undefined) part = await secretFiles(source.secret, mode, namespace, ctx);
    else if (source.downwardAPI !== undefined) part = downwardFiles(source.downwardAPI.items, facts, mode);
    else if (source.serviceAccountToken !== undefined) {
      const t = source.serviceAccountToken;
      const token = await ctx.tokens.token({
        namespace,
        serviceAccount: specOf(pod).serviceAccountName ?? 'default',
        pod: { name: pod.metadata.name, uid: pod.metadata.uid },
        audience: t.audience ?? '',
        expirationSeconds: t.expirationSeconds ?? 3600,
      });
      // Only its owner may read a token, unless the pod runs as somebody else.
      part.set(safePath(t.path), { data: Buffer.from(token), mode: tokenMode(pod, mode) });
    } else {
      const kind = Object.keys(source)[0] ?? 'unknown';
      throw new Error(`projections of type ${kind} are not available on this node`);
    }
    for (const [name, file] of part) files.set(name, file);
  }
  return files;
}

function tokenMode(pod: Pod, mode: number): number {
  const spec = specOf(pod);
  const users = [spec.securityContext?.runAsUser, ...spec.containers.map((c) => c.securityContext?.runAsUser)];
  return users.every((u) => u === undefined || u === 0) ? 0o600 : mode;
}

/** The file or folder behind a mount; a subPath is created when it is not there. */
export function mountSource(volumeDir: string, subPath: string): string {
  if (subPath === '') return volumeDir;
  const root = realpathSync(volumeDir);
  const target = path.join(root, safeSubPath(subPath));
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined) {
    checkInside(root, nearest(path.dirname(target)));
    mkdirSync(target, { recursive: true });
    chmodSync(target, 0o777);
    return target;
  }
  const real = realpathSync(target);
  checkInside(root, real);
  return real;
}

function safeSubPath(subPath: string): string {
  if (subPath.startsWith('/') || subPath.split('/').includes('..')) {
    throw new VolumeError(`subPath "${subPath}" must be below the volume`);
  }
  return subPath;
}

/** The deepest folder on the way that exists, links followed. */
function nearest(dir: string): string {
  return statSync(dir, { throwIfNoEntry: false }) === undefined ? nearest(path.dirname(dir)) : realpathSync(dir);
}

/** A link inside a volume is the pod's to set: it must not lead to the node's files. */
function checkInside(root: string, real: string): void {
  if (real !== root && !real.startsWith(`${root}/`)) throw new VolumeError(`a link leads out of the volume to ${real}`);
}
