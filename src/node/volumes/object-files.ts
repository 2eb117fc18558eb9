// Which files a configMap, secret, downwardAPI or projected volume consists of. Pure but for what it is handed.
import type { core, ConfigMap, Secret } from '../../api/objects.ts';
import { fieldValue, resourceValue, type DownwardFacts } from '../pod/downward.ts';
import type { VolumeFile } from './atomic-dir.ts';

export const DEFAULT_MODE = 0o644;

export function configMapContent(map: ConfigMap): Map<string, Buffer> {
  const content = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(map.data ?? {})) content.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(map.binaryData ?? {})) content.set(key, Buffer.from(value, 'base64'));
  return content;
}

export function secretContent(secret: Secret): Map<string, Buffer> {
  return new Map(Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

/** Undefined stands for an object that does not exist. `what`: `configmap "x"`, for the error. */
export function keyFiles(
  content: ReadonlyMap<string, Buffer> | undefined,
  o: { items: readonly core.KeyToPath[] | undefined; optional: boolean; mode: number; what: string },
): Map<string, VolumeFile> {
  const files = new Map<string, VolumeFile>();
  if (content === undefined) {
    if (o.optional) return files;
    throw new Error(`${o.what} not found`);
  }
  if (o.items === undefined || o.items.length === 0) {
    for (const [key, data] of content) files.set(key, { data, mode: o.mode });
    return files;
  }
  for (const item of o.items) {
    const data = content.get(item.key);
    if (data !== undefined) files.set(safePath(item.path), { data, mode: item.mode ?? o.mode });
    else if (!o.optional) throw new Error(`${o.what} references non-existent config key: ${item.key}`);
  }
  return files;
}

export function downwardFiles(
  items: readonly core.DownwardAPIVolumeFile[] | undefined,
  facts: DownwardFacts,
  mode: number,
): Map<string, VolumeFile> {
  const files = new Map<string, VolumeFile>();
  for (const item of items ?? []) {
    let text = '';
    if (item.fieldRef !== undefined) text = fieldValue(item.fieldRef.fieldPath, facts);
    else if (item.resourceFieldRef !== undefined) text = resourceValue(item.resourceFieldRef, '', facts);
    files.set(safePath(item.path), { data: Buffer.from(text), mode: item.mode ?? mode });
  }
  return files;
}

/** Validation refuses such paths; an agent that writes as root checks again. */
export function safePath(path: string): string {
  if (path === '' || path.startsWith('/') || path.split('/').some((part) => part === '..' || part.startsWith('..'))) {
    throw new Error(`the path "${path}" is not below the volume`);
  }
  return path;
}
