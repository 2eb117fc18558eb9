// What of the host's file system no pod may see. Reads the host, changes nothing.
//
// The rule: what an ordinary user of the host may not enter or read, a pod may not see either, though it runs as
// root; and state of the machine (runtime files, logs, databases, other people's temporary files) starts out empty.
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';

export interface EmptyDir {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Sub-folders that programs expect to find, empty. */
  readonly children: readonly {
    readonly name: string;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
  }[];
}

export interface MaskPlan {
  /** Folders that are there but empty. */
  readonly empty: readonly EmptyDir[];
  /** Paths that are not there at all. */
  readonly hidden: readonly string[];
}

/** Always empty. `children`: keep the names of sub-folders (nginx wants /var/log/nginx). */
const EMPTY: readonly { path: string; children?: true }[] = [
  { path: '/boot' },
  { path: '/dev' },
  { path: '/media' },
  { path: '/mnt' },
  { path: '/root' },
  { path: '/run' },
  { path: '/tmp' },
  { path: '/var/backups' },
  { path: '/var/cache', children: true },
  { path: '/var/lib', children: true },
  { path: '/var/log', children: true },
  { path: '/var/mail' },
  { path: '/var/spool', children: true },
  { path: '/var/tmp' },
];

/** Keys and settings of other systems that are sometimes left readable for everybody. */
const HIDDEN_IN_ETC = ['kubernetes', 'rancher', 'cni', 'portico', 'letsencrypt', 'wireguard', 'ssh'];

const HIDDEN_IN_HOMES = [
  '.ssh', '.gnupg', '.kube', '.aws', '.azure', '.config', '.docker', '.netrc', '.npmrc', '.pypirc', '.git-credentials',
  '.gitconfig', '.bash_history', '.zsh_history', '.python_history', '.password-store', '.vault-token', '.terraform.d',
  '.mozilla', '.pki', '.local', '.cache', '.my.cnf', '.pgpass', '.env',
]; // prettier-ignore

const MAX_ENTRIES = 20_000;

interface Entry {
  path: string;
  isDir: boolean;
  isLink: boolean;
  mode: number;
  uid: number;
  gid: number;
}

function entry(file: string): Entry | undefined {
  try {
    const s = lstatSync(file);
    return {
      path: file,
      isDir: s.isDirectory(),
      isLink: s.isSymbolicLink(),
      mode: s.mode & 0o7777,
      uid: s.uid,
      gid: s.gid,
    };
  } catch {
    return undefined;
  }
}

function list(dir: string): Entry[] {
  try {
    return readdirSync(dir).flatMap((name) => entry(path.join(dir, name)) ?? []);
  } catch {
    return [];
  }
}

function emptyDir(e: Entry, withChildren: boolean): EmptyDir {
  const children = withChildren ? list(e.path).filter((c) => c.isDir) : [];
  return {
    path: e.path,
    mode: e.mode,
    uid: e.uid,
    gid: e.gid,
    children: children.map((c) => ({ name: path.basename(c.path), mode: c.mode, uid: c.uid, gid: c.gid })),
  };
}

/**
 * The whole private area that a folder lies in: its outermost ancestor that others may not enter, else itself.
 * @example '/data/portico/demo' when that is 0700, for '/data/portico/demo/nodes/node-1'
 */
export function privateArea(dir: string): string {
  let outermost = dir;
  for (let at = path.dirname(dir); at !== '/'; at = path.dirname(at)) {
    const e = entry(at);
    if (e !== undefined && (e.mode & 0o001) === 0) outermost = at;
  }
  return outermost;
}

/** `extra`: further paths to hide, such as the state directory. They need not exist yet. */
export function readMaskPlan(extra: readonly string[]): MaskPlan {
  const empty = new Map<string, EmptyDir>();
  const hidden = new Set<string>();
  for (const { path: p, children } of EMPTY) {
    const e = entry(p);
    if (e?.isDir === true) empty.set(p, emptyDir(e, children === true));
  }
  const isMasked = (p: string) => {
    for (let at = p; at !== '/'; at = path.dirname(at)) if (empty.has(at) || hidden.has(at)) return true;
    return false;
  };
  for (const p of extra) {
    const e = entry(p);
    if (e !== undefined && !isMasked(p)) hidden.add(p);
  }
  let budget = MAX_ENTRIES;
  // What the host's ordinary users may not read or enter.
  const walk = (dir: string, depth: number) => {
    for (const e of list(dir)) {
      if (budget-- <= 0) return;
      if (e.isLink || isMasked(e.path)) continue;
      const open = e.isDir ? (e.mode & 0o001) !== 0 : (e.mode & 0o004) !== 0;
      if (!open && e.isDir) empty.set(e.path, emptyDir(e, false));
      else if (!open) hidden.add(e.path);
      else if (e.isDir && depth > 1) walk(e.path, depth - 1);
    }
  };
  for (const name of HIDDEN_IN_ETC) {
    const e = entry(path.join('/etc', name));
    if (e !== undefined && !e.isLink) hidden.add(e.path);
  }
  walk('/', 1);
  walk('/etc', 6);
  for (const dir of ['/home', '/opt', '/srv', '/var', '/usr/local/etc']) if (!isMasked(dir)) walk(dir, 2);
  for (const home of list('/home')) {
    if (!home.isDir || isMasked(home.path)) continue;
    for (const name of HIDDEN_IN_HOMES) {
      const e = entry(path.join(home.path, name));
      if (e !== undefined) hidden.add(e.path);
    }
  }
  return { empty: [...empty.values()], hidden: [...hidden] };
}
