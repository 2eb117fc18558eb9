// How a path looks from inside a container that has not started yet: its own layer, the mask, the host's root.
// Needed to place mounts: `/var/run` is a link on most systems, and it must not lead out of the container.
import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, openSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';

export interface RootLayers {
  /** The container's own layer. */
  readonly upper: string;
  readonly mask: string;
  /** Folders of the mask that hide the host's content. */
  readonly opaque: ReadonlySet<string>;
  /** Mount points of the host other than '/': an overlay shows them empty. */
  readonly hostMounts: ReadonlySet<string>;
  /** Mounts of the container made so far: container path → path on the node. */
  readonly mounts: Map<string, string>;
}

const MAX_LINKS = 40;

/** Where this container path is on the node, and whether it may be created there. */
function locate(layers: RootLayers, p: string): { readonly at: string; readonly stat: Stats } | undefined {
  for (let dir = p; ; dir = path.dirname(dir)) {
    const mounted = layers.mounts.get(dir);
    if (mounted !== undefined) return found(path.join(mounted, path.relative(dir, p)));
    if (dir === '/') break;
  }
  const own = found(path.join(layers.upper, p)) ?? found(path.join(layers.mask, p));
  if (own !== undefined) return own.stat.isCharacterDevice() && own.stat.rdev === 0 ? undefined : own;
  for (let dir = path.dirname(p); dir !== '/'; dir = path.dirname(dir)) {
    if (layers.opaque.has(dir) || layers.hostMounts.has(dir)) return undefined;
    const masked = lstatSync(path.join(layers.mask, dir), { throwIfNoEntry: false });
    if (masked !== undefined && !masked.isDirectory()) return undefined;
  }
  return found(p);
}

function found(at: string): { at: string; stat: Stats } | undefined {
  const stat = lstatSync(at, { throwIfNoEntry: false });
  return stat === undefined ? undefined : { at, stat };
}

/** The path with every link followed inside the container; parts that do not exist are kept as they are. */
export function resolveInRoot(layers: RootLayers, p: string): string {
  let links = 0;
  let done = '/';
  let rest = p.split('/').filter((part) => part !== '' && part !== '.');
  while (rest.length > 0) {
    const [part = '', ...more] = rest;
    rest = more;
    if (part === '..') {
      done = path.dirname(done);
      continue;
    }
    const next = path.join(done, part);
    const here = locate(layers, next);
    if (here?.stat.isSymbolicLink() !== true) {
      done = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new Error(`too many links on the way to ${p}`);
    const target = readlinkSync(here.at);
    if (target.startsWith('/')) done = '/';
    rest = [...target.split('/').filter((x) => x !== '' && x !== '.'), ...rest];
  }
  return done;
}

export function existsInRoot(layers: RootLayers, p: string): boolean {
  return locate(layers, resolveInRoot(layers, p)) !== undefined;
}

/** Makes sure something can be mounted at a resolved path: creates it in the container's layer or in a mounted folder. */
export function ensureMountPoint(layers: RootLayers, p: string, kind: 'dir' | 'file'): void {
  const here = locate(layers, p);
  if (here !== undefined) {
    if (here.stat.isDirectory() !== (kind === 'dir')) {
      throw new Error(
        kind === 'dir'
          ? `cannot mount a folder on ${p}: there is a file`
          : `cannot mount a file on ${p}: there is a folder`,
      );
    }
    return;
  }
  const parent = path.dirname(p);
  if (parent !== '/') ensureMountPoint(layers, parent, 'dir');
  const target = placeFor(layers, p);
  if (kind === 'dir') mkdirSync(target);
  else closeSync(openSync(target, 'a', 0o644));
}

/** The path on the node that a new container path is created at; parents in the layer look as they do below. */
function placeFor(layers: RootLayers, p: string): string {
  for (let dir = path.dirname(p); ; dir = path.dirname(dir)) {
    const mounted = layers.mounts.get(dir);
    if (mounted !== undefined) return path.join(mounted, path.relative(dir, p));
    if (dir === '/') break;
  }
  copyUpParents(layers, path.dirname(p));
  return path.join(layers.upper, p);
}

function copyUpParents(layers: RootLayers, dir: string): void {
  const own = path.join(layers.upper, dir);
  if (dir === '/' || lstatSync(own, { throwIfNoEntry: false }) !== undefined) return;
  copyUpParents(layers, path.dirname(dir));
  const below = locate(layers, dir);
  mkdirSync(own);
  if (below === undefined) return;
  chownSync(own, below.stat.uid, below.stat.gid);
  chmodSync(own, below.stat.mode & 0o7777);
}

/** Where to write a file of the container's own layer, such as /etc/hosts; takes the place of a link of that name. */
export function ownFile(layers: RootLayers, p: string): string {
  const parent = resolveInRoot(layers, path.dirname(p));
  if (parent !== '/') ensureMountPoint(layers, parent, 'dir');
  return placeFor(layers, path.join(parent, path.basename(p)));
}
