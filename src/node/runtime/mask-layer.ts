// The layer between the host's file system and a pod's own: hides what pods may not see and holds /dev and Portico's
// programs. Made once per boot and shared read-only by all containers of the node, so that a container needs no
// mounts for it.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { UserError } from '../../errors/index.ts';
import { readMaskPlan, type MaskPlan } from './mask-plan.ts';
import { shellQuote as q } from './shell-quote.ts';
import type { Tools } from './start-script.ts';

/** Paths inside containers. */
export const NODE_IN_POD = '/opt/portico/bin/node';
export const WEB_IN_POD = '/opt/portico/web.cjs';
export const PROGRAM_IN_POD = '/opt/portico/program';

const DEVICES: readonly (readonly [name: string, major: number, minor: number])[] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
];

const DEVICE_LINKS: readonly (readonly [name: string, target: string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
  ['core', '/proc/kcore'],
];

export interface LayerDirs {
  readonly mask: string;
  /** Lowest layer of the stage: mount points for the pod's root and the old root. */
  readonly stage: string;
  readonly scratch: string;
  /** Written when the layer is complete. */
  readonly marker: string;
}

function lstat(file: string): Stats | undefined {
  return lstatSync(file, { throwIfNoEntry: false });
}

/** Parents in the layer with the mode and owner they have on the host: the layer's folder is what pods see. */
function ensureParents(layer: string, file: string): void {
  const dir = path.dirname(file);
  if (dir === '/' || existsSync(path.join(layer, dir))) return;
  ensureParents(layer, dir);
  const host = lstat(dir);
  makeDir(path.join(layer, dir), { mode: (host?.mode ?? 0o755) & 0o7777, uid: host?.uid ?? 0, gid: host?.gid ?? 0 });
}

function makeDir(dir: string, o: { mode: number; uid: number; gid: number }): void {
  mkdirSync(dir, { recursive: true });
  chownSync(dir, o.uid, o.gid);
  // After chown, which clears set-uid bits; and mkdir's mode is cut by the umask.
  chmodSync(dir, o.mode);
}

/**
 * Makes the layer, unless an earlier agent of this boot has made it. `web` is the source of the web program.
 * Returns the folders that hide what the host has there.
 */
export function ensureMaskLayer(
  dirs: LayerDirs,
  o: { tools: Tools; hide: readonly string[]; web: string },
): ReadonlySet<string> {
  if (existsSync(dirs.marker)) return new Set(JSON.parse(readFileSync(dirs.marker, 'utf8')) as string[]);
  for (const dir of [dirs.mask, dirs.stage, dirs.scratch]) rmSync(dir, { recursive: true, force: true });
  for (const dir of [dirs.mask, dirs.stage]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  chmodSync(dirs.mask, 0o755);
  const plan = readMaskPlan(o.hide);
  buildWithOverlay(dirs, o.tools, plan);
  for (const dir of plan.empty) {
    makeDir(path.join(dirs.mask, dir.path), dir);
    for (const child of dir.children) makeDir(path.join(dirs.mask, dir.path, child.name), child);
  }
  fillDev(dirs.mask);
  fillRun(dirs.mask);
  fillPrograms(dirs.mask, o.web);
  for (const name of ['c', 'old']) mkdirSync(path.join(dirs.stage, name));
  // Programs that run in the stage look for /proc and /dev; those of the pod's root serve.
  symlinkSync('c/proc', path.join(dirs.stage, 'proc'));
  symlinkSync('c/dev', path.join(dirs.stage, 'dev'));
  const opaque = plan.empty.map((e) => e.path);
  writeFileSync(dirs.marker, JSON.stringify(opaque));
  return new Set(opaque);
}

/**
 * An empty folder over a full one needs an attribute that Node cannot set. The kernel sets it itself when a folder is
 * made, through an overlay, where a deletion mark (a 0:0 device) stood: Documentation/filesystems/overlayfs.rst.
 */
function buildWithOverlay(dirs: LayerDirs, tools: Tools, plan: MaskPlan): void {
  const { mask, scratch } = dirs;
  const [work, merged, whiteout] = ['work', 'merged', 'whiteout'].map((n) => path.join(scratch, n)) as [
    string,
    string,
    string,
  ];
  for (const dir of [work, merged]) mkdirSync(dir, { recursive: true });
  const run = (script: readonly string[]) =>
    execFileSync(tools.unshare, ['--mount', tools.sh, '-e', '-c', script.join('\n')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  try {
    run([`${q(tools.mknod)} ${q(whiteout)} c 0 0`]);
    for (const file of [...plan.empty.map((e) => e.path), ...plan.hidden]) {
      ensureParents(mask, file);
      linkSync(whiteout, path.join(mask, file));
    }
    const targets = plan.empty.map((e) => q(path.join(merged, e.path)));
    const dev = path.join(merged, 'dev');
    run([
      `${q(tools.mount)} -n -t overlay overlay -o lowerdir=/,upperdir=${mask},workdir=${work} ${q(merged)}`,
      `mkdir ${targets.join(' ')}`,
      ...DEVICES.map(
        ([name, major, minor]) => `${q(tools.mknod)} -m 666 ${q(path.join(dev, name))} c ${major} ${minor}`,
      ),
    ]);
  } catch (cause) {
    const text = (cause as { stderr?: Buffer }).stderr?.toString().trim() || String(cause);
    throw new UserError(
      `cannot prepare the pods' root file system in ${mask}: ${text}; the kernel needs overlayfs, and the agent must run as root`,
      { cause },
    );
  }
  rmSync(scratch, { recursive: true, force: true });
}

function fillDev(mask: string): void {
  const dev = path.join(mask, 'dev');
  for (const name of ['pts', 'shm', 'mqueue']) mkdirSync(path.join(dev, name));
  for (const [name, target] of DEVICE_LINKS) symlinkSync(target, path.join(dev, name));
  writeFileSync(path.join(dev, 'termination-log'), '', { mode: 0o666 });
  chmodSync(path.join(dev, 'termination-log'), 0o666);
}

function fillRun(mask: string): void {
  for (const name of ['lock', 'secrets'])
    makeDir(path.join(mask, 'run', name), { mode: name === 'lock' ? 0o1777 : 0o755, uid: 0, gid: 0 });
}

function fillPrograms(mask: string, web: string): void {
  for (const file of [NODE_IN_POD, WEB_IN_POD, PROGRAM_IN_POD]) ensureParents(mask, file);
  writeFileSync(path.join(mask, NODE_IN_POD), '', { mode: 0o755 });
  writeFileSync(path.join(mask, WEB_IN_POD), web, { mode: 0o644 });
  mkdirSync(path.join(mask, PROGRAM_IN_POD), { recursive: true });
}
