// Lays out one container's root: its own files, mount points, and the table of mounts that the supervisor makes.
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ContainerDir } from './container-dir.ts';
import type { ContainerSpec } from './contract.ts';
import { NODE_IN_POD, PROGRAM_IN_POD } from './mask-layer.ts';
import { bind, formatMountTable, type MountEntry } from './mount-table.ts';
import { ensureMountPoint, existsInRoot, ownFile, resolveInRoot, type RootLayers } from './root-view.ts';
import { ROOT_IN_STAGE } from './start-script.ts';

export interface RootContext {
  /** Mount point of the stage. */
  readonly stage: string;
  readonly stageLayer: string;
  readonly mask: string;
  readonly opaque: ReadonlySet<string>;
  /** Mounts of the host with programs in them. */
  readonly programMounts: readonly string[];
  readonly hostMounts: ReadonlySet<string>;
  readonly nodeBinary: string;
  readonly programRoot: string;
}

const OWN_PROGRAMS = path.dirname(PROGRAM_IN_POD);
const HARDENED = ['nosuid', 'nodev', 'noexec'];
/** Parts of /proc that act on the whole machine. */
const READ_ONLY_PROC = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs'];
const HIDDEN_PROC = ['kcore', 'keys', 'timer_list'];

const inThisKernel = (name: string) => existsSync(`/proc/${name}`);

/** Returns the mount table's text. */
export function prepareRoot(
  root: RootContext,
  spec: ContainerSpec,
  own: { dir: ContainerDir; podDir: string },
): string {
  const layers: RootLayers = {
    upper: own.dir.upper,
    mask: root.mask,
    opaque: root.opaque,
    hostMounts: root.hostMounts,
    mounts: new Map(root.programMounts.map((m) => [m, m])),
  };
  for (const [file, text] of Object.entries(spec.files)) {
    const target = ownFile(layers, file);
    writeFileSync(target, text);
    chmodSync(target, 0o644);
  }
  prepareTerminationMessage(layers, spec);
  const pod = path.join(root.stage, ROOT_IN_STAGE);
  const inPod = (p: string) => path.join(pod, p);
  const entries: MountEntry[] = [
    {
      source: 'overlay',
      target: root.stage,
      type: 'overlay',
      options: ['ro', `lowerdir=${root.stageLayer}:${root.mask}:/`],
    },
    ...root.programMounts.map((m) => bind(m, path.join(root.stage, m), true)),
    {
      source: 'overlay',
      target: pod,
      type: 'overlay',
      options: [
        ...(spec.readOnlyRoot ? ['ro'] : []),
        `lowerdir=${root.mask}:/`,
        `upperdir=${own.dir.upper}`,
        `workdir=${own.dir.work}`,
      ],
    },
    ...root.programMounts.map((m) => bind(m, inPod(m), true)),
    ...kernelFileSystems(spec, inPod),
  ];
  if (!spec.hostIpc) entries.push(bind(sharedMemory(own.podDir), inPod('/dev/shm'), false));
  if (spec.needs.node) entries.push(bind(root.nodeBinary, inPod(NODE_IN_POD), true));
  if (spec.needs.program) entries.push(bind(root.programRoot, inPod(PROGRAM_IN_POD), true));
  const mounts = spec.mounts
    .map((m) => ({ ...m, depth: m.target.split('/').filter((x) => x !== '').length }))
    .toSorted((a, b) => a.depth - b.depth);
  for (const m of mounts) {
    const target = resolveInRoot(layers, m.target);
    ensureMountPoint(layers, target, statSync(m.source).isDirectory() ? 'dir' : 'file');
    layers.mounts.set(target, m.source);
    entries.push(bind(m.source, inPod(target), m.readOnly));
  }
  checkProgram(layers, spec);
  return formatMountTable(entries);
}

/**
 * The words are those of Go's os/exec, which users search for.
 * @throws Error when the program is not there
 */
function checkProgram(layers: RootLayers, spec: ContainerSpec): void {
  const [program = ''] = spec.argv;
  // Of Portico's own and of relative paths the program itself will tell.
  if (program.startsWith(OWN_PROGRAMS) || (program.includes('/') && !program.startsWith('/'))) return;
  if (program.includes('/')) {
    if (!existsInRoot(layers, program))
      throw new Error(`exec: "${program}": stat ${program}: no such file or directory`);
    return;
  }
  const search = new Map(spec.env).get('PATH') ?? '';
  if (program !== '' && search.split(':').some((dir) => existsInRoot(layers, path.join(dir, program)))) return;
  throw new Error(`exec: "${program}": executable file not found in $PATH`);
}

/** One folder of the pod is /dev/shm in all its containers. */
function sharedMemory(podDir: string): string {
  const dir = path.join(podDir, 'shm');
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o1777);
  return dir;
}

function kernelFileSystems(spec: ContainerSpec, inPod: (p: string) => string): MountEntry[] {
  const proc = inPod('/proc');
  const protectedProc: MountEntry[] = spec.privileged
    ? []
    : [
        ...READ_ONLY_PROC.filter(inThisKernel).map((name) => bind(path.join(proc, name), path.join(proc, name), true)),
        ...HIDDEN_PROC.filter(inThisKernel).map((name) => bind('/dev/null', path.join(proc, name), true)),
      ];
  return [
    { source: 'proc', target: proc, type: 'proc', options: HARDENED },
    ...protectedProc,
    {
      source: 'sysfs',
      target: inPod('/sys'),
      type: 'sysfs',
      options: [...(spec.privileged ? [] : ['ro']), ...HARDENED],
    },
    {
      source: 'devpts',
      target: inPod('/dev/pts'),
      type: 'devpts',
      options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5', 'nosuid', 'noexec'],
    },
  ];
}

/** A fresh, empty file anyone in the container may write, so that the agent never reads an old message. */
function prepareTerminationMessage(layers: RootLayers, spec: ContainerSpec): void {
  const target = ownFile(layers, spec.terminationMessagePath);
  writeFileSync(target, '');
  chmodSync(target, 0o666);
}
