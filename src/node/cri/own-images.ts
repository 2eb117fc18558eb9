// Portico's own images on a node whose pods are a runtime's containers: nearly empty file systems, made on the node and
// imported, in which the containers see the host's programs read-only. So `portico/dns` and the like need no registry.
import { execFile } from 'node:child_process';
import { lstatSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { errorText } from '../../errors/index.ts';
import type { GrpcClient } from '../../grpc/index.ts';
import type { CatalogEntry, ImageProblem, ResolvedImage } from '../catalog/contract.ts';
import { findEntry, imageName, type ImageRequest } from '../catalog/resolve-image.ts';
import { NODE_IN_POD, PROGRAM_IN_POD, WEB_IN_POD } from '../runtime/mask-layer.ts';
import { findProgram } from '../runtime/tools.ts';
import { cri } from './api.ts';
import type { OwnFile } from './config.ts';
import { PAUSE_IMAGE } from './names.ts';
import { ociArchive, type ArchiveEntry, type ImageToMake } from './oci-archive.ts';

const BASE = 'localhost/portico/base:1';
const IMPORT_TIMEOUT_MS = 60_000;
const BUSYBOX = '/bin/busybox';

const dir = (name: string, mode = 0o755): ArchiveEntry => ({ name: `${name}/`, isDir: true, mode });

/** Where the host's programs are: folders of their own, or links into /usr. */
const PROGRAM_DIRS = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

const kindOf = (file: string): 'dir' | 'link' | undefined => {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return stat.isSymbolicLink() ? 'link' : 'dir';
};

function baseImage(): ImageToMake {
  const programs = PROGRAM_DIRS.flatMap((name): ArchiveEntry[] => {
    const kind = kindOf(`/${name}`);
    if (kind === undefined) return [];
    return [kind === 'link' ? { name, linkTo: readlinkSync(`/${name}`) } : dir(name)];
  });
  return {
    name: BASE,
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
    files: [
      ...['dev', 'etc', 'opt', 'proc', 'root', 'run', 'sys', 'usr', 'var'].map((name) => dir(name)),
      dir('tmp', 0o1777),
      ...programs,
      { name: 'etc/passwd', data: readFileSync('/etc/passwd') },
      { name: 'etc/group', data: readFileSync('/etc/group') },
    ],
  };
}

function pauseImage(): ImageToMake[] {
  let busybox: Buffer;
  try {
    busybox = readFileSync(BUSYBOX);
  } catch {
    return [];
  }
  const files = [dir('bin'), dir('dev'), dir('proc'), dir('sys'), { name: 'bin/busybox', data: busybox, mode: 0o755 }];
  return [{ name: PAUSE_IMAGE, entrypoint: [BUSYBOX, 'sleep', '2147483647'], files }];
}

export interface OwnImagesOptions {
  readonly grpc: GrpcClient;
  /** The runtime's socket. */
  readonly socket: string;
  /** A folder of the agent's own. */
  readonly dir: string;
  readonly entries: readonly CatalogEntry[];
}

/** Undefined: the name is none of ours. */
export type ResolveOwnImage = (request: ImageRequest) => ResolvedImage | ImageProblem | undefined;

/** Imports what the runtime has not yet. What goes wrong is told to whoever asks for such an image. */
export async function openOwnImages(o: OwnImagesOptions): Promise<ResolveOwnImage> {
  let ref: string | undefined;
  let problem = '';
  try {
    ref = (await idOf(o.grpc)) ?? (await importImages(o));
  } catch (error) {
    problem = errorText(error);
  }
  return (request) => {
    const entry = imageName(request.image).startsWith('portico/') ? findEntry(o.entries, request.image) : undefined;
    if (entry === undefined) return undefined;
    if (ref === undefined) {
      const message = `image "${request.image}" is made on the node and imported, which failed: ${problem}`;
      return { reason: 'ErrImagePull', message };
    }
    const command = commandOf(entry, request);
    const needs = { node: entry.needs?.node === true, program: entry.needs?.program === true, host: true };
    return { argv: command, command, env: entry.env ?? {}, workingDir: entry.workingDir, needs, ref };
  };
}

function commandOf(entry: CatalogEntry, { command, args }: ImageRequest): string[] {
  if (command.length > 0) return [...command, ...args];
  return [...entry.entrypoint, ...(args.length > 0 ? args : entry.args)];
}

/** Alternatives are what some names in /usr/bin lead to; certificates are what its programs trust. */
const HOST_DIRS = ['/usr', '/etc/alternatives', '/etc/ssl', ...PROGRAM_DIRS.map((name) => `/${name}`)];

/** What a container of such an image sees of the host. `web`: a file with the program of `portico/web`. */
export function hostFiles(needs: ResolvedImage['needs'], o: { programRoot: string; web: string }): OwnFile[] {
  const readOnly = (source: string, target = source): OwnFile => ({ source, target, readOnly: true });
  return [
    ...(needs.host === true ? HOST_DIRS.filter((name) => kindOf(name) === 'dir').map((name) => readOnly(name)) : []),
    ...(needs.node ? [readOnly(process.execPath, NODE_IN_POD), readOnly(o.web, WEB_IN_POD)] : []),
    ...(needs.program ? [readOnly(o.programRoot, PROGRAM_IN_POD)] : []),
  ];
}

async function idOf(grpc: GrpcClient): Promise<string | undefined> {
  const { image } = await grpc.unary(cri.imageStatus, { image: { image: BASE } }, { timeoutMs: IMPORT_TIMEOUT_MS });
  return image?.id;
}

async function importImages({ grpc, socket, dir: own }: OwnImagesOptions): Promise<string> {
  const ctr = findProgram('ctr');
  if (ctr === undefined) throw new Error("the program 'ctr' is missing: install it, it comes with containerd");
  const file = path.join(own, 'own-images.tar');
  writeFileSync(file, ociArchive([baseImage(), ...pauseImage()]), { mode: 0o600 });
  try {
    const args = ['-a', socket, '-n', 'k8s.io', 'images', 'import', file];
    await promisify(execFile)(ctr, args, { timeout: IMPORT_TIMEOUT_MS });
  } finally {
    rmSync(file, { force: true });
  }
  const id = await idOf(grpc);
  if (id === undefined) throw new Error(`'ctr images import' did not bring ${BASE}`);
  return id;
}
