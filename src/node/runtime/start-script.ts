// The shell script that becomes a container's supervisor, and the command line that joins a running container. Pure.
//
// Why a shell script: the supervisor must outlive the agent and cost next to nothing (a dash of 1 MB). Order matters
// for safety: everything that needs privileges runs from the host's own programs before the pod's root is entered;
// the last three programs (setpriv, env, unshare) run with privileges already dropped, on a read-only view of the
// host ("stage") in which the pod's root is only a folder, so no file of the pod is ever run with privileges.
import { boundingSet, containerCapabilities } from './capabilities.ts';
import type { ContainerSpec } from './contract.ts';
import { shellQuote, shellWords } from './shell-quote.ts';

/** Where the pod's root stands in the stage. */
export const ROOT_IN_STAGE = '/c';

export interface Tools {
  readonly sh: string;
  readonly nsenter: string;
  readonly unshare: string;
  readonly mount: string;
  readonly umount: string;
  readonly pivotRoot: string;
  readonly setpriv: string;
  readonly env: string;
  readonly setsid: string;
  readonly mknod: string;
  readonly mkfifo: string;
}

export interface ScriptPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly mountTable: string;
  /** Mount point of the stage. */
  readonly stage: string;
  readonly cgroupProcs: readonly string[];
}

export type ProcessSpec = Pick<
  ContainerSpec,
  'argv' | 'env' | 'workingDir' | 'user' | 'privileged' | 'allowPrivilegeEscalation' | 'capabilities'
>;

/**
 * A container with a terminal runs under script(1), which holds the terminal, so that it outlives the agent; the
 * outer ends are pipes as for any other container.
 */
export function terminalWords(script: string, argv: readonly string[]): string[] {
  return [script, '--quiet', '--return', '--flush', '--command', `exec ${shellWords(argv)}`, '/dev/null'];
}

/** From the stage into the pod's root: drop privileges, set the environment, change root, become the user, run. */
export function enterRootWords(tools: Tools, p: ProcessSpec, o: { dieWithParent: boolean }): string[] {
  const caps = boundingSet(containerCapabilities({ privileged: p.privileged, ...p.capabilities }));
  // While still uid 0, change-root and set-uid are needed once more after the bounding set is cut.
  const setpriv = [
    tools.setpriv,
    ...(p.allowPrivilegeEscalation ? [] : ['--nnp']),
    ...(o.dieWithParent ? ['--pdeathsig', 'KILL'] : []),
    ...(p.user.gid === 0 ? [] : ['--regid', String(p.user.gid)]),
    ...(p.user.groups.length === 0 ? ['--clear-groups'] : ['--groups', p.user.groups.join(',')]),
    ...(caps === undefined ? [] : ['--bounding-set', withRootChange(caps, p.user.uid !== 0)]),
  ];
  const env = [tools.env, '-i', ...p.env.map(([name, value]) => `${name}=${value}`)];
  const chroot = [
    tools.unshare,
    `--root=${ROOT_IN_STAGE}`,
    `--wd=${p.workingDir === undefined || p.workingDir === '' ? '/' : p.workingDir}`,
    ...(p.user.uid === 0 ? [] : [`--setuid=${p.user.uid}`]),
  ];
  return [...setpriv, ...env, ...chroot, ...p.argv];
}

function withRootChange(caps: string, changesUser: boolean): string {
  const needed = changesUser ? ['+sys_chroot', '+setuid'] : ['+sys_chroot'];
  return [caps, ...needed.filter((c) => !caps.split(',').includes(c))].join(',');
}

/**
 * File descriptors the agent passes: 3 the agent (`ok` or the error text), 4 the exit file, 5 the acknowledgement
 * FIFO, 6 the life line (closed when the container has ended), 7 and 8 readers of the output FIFOs, which keep what
 * was written until the agent has read it, 9 the pid file.
 */
export function startScript(tools: Tools, spec: ContainerSpec, paths: ScriptPaths): string {
  const q = shellQuote;
  const sysctls = Object.entries(spec.sysctls).map(
    ([key, value]) => `echo ${q(value)} >/proc/sys/${q(key.replaceAll('.', '/'))} || exit 125`,
  );
  const setup = [
    ...paths.cgroupProcs.map((file) => `echo 0 >${q(file)}`),
    'umask 022',
    // Under memory pressure pods end before the node's own processes; raising needs no privilege.
    ...(spec.oomScoreAdj > 0 ? [`echo ${spec.oomScoreAdj} >/proc/self/oom_score_adj`] : []),
    `echo ${q(spec.hostname)} >/proc/sys/kernel/hostname`,
    ...sysctls,
    `${q(tools.mount)} -a -n -T ${q(paths.mountTable)} || exit 125`,
    `cd ${q(paths.stage)} && ${q(tools.pivotRoot)} . old && ${q(tools.umount)} -n -l -c /old || exit 125`,
  ];
  return `${[
    "# Supervisor of one container. Ends when the agent has read the container's last output.",
    '(',
    'exec 4>&- 5>&- 6>&- 7<&- 8<&-',
    // The host's /proc is still mounted: this is the pid as the node sees it.
    'read -r pid rest </proc/self/stat; echo "$pid" >&9; exec 9>&-',
    '{',
    ...setup,
    '} 2>&3',
    'echo ok >&3; exec 3>&-',
    `exec ${shellWords(enterRootWords(tools, spec, { dieWithParent: true }))}`,
    // script(1) takes the end of its input for the end of the user's: with a terminal the input has no end.
    `) ${spec.tty || (spec.stdin && !spec.stdinOnce) ? '0<>' : '<'}${q(paths.stdin)} 1<>${q(paths.stdout)} 2<>${q(paths.stderr)}`,
    'code=$?',
    'exec 3>&- 9>&-',
    'echo "$code" >&4',
    'exec 4>&- 6>&-',
    'read -r acknowledged <&5',
    // A last command of its own, so that the shell stays to the end instead of becoming the command before it.
    'exit 0',
  ].join('\n')}\n`;
}

/** Namespaces of the supervisor: what is shared is entered, the rest is new. */
export function namespaceWords(
  tools: Tools,
  o: { netnsPath?: string; joinIpc?: string; hostIpc: boolean; joinPidOf?: number; hostPid: boolean },
): string[] {
  const enter = [
    ...(o.netnsPath === undefined ? [] : [`--net=${o.netnsPath}`]),
    ...(o.joinIpc === undefined || o.hostIpc ? [] : [`--ipc=${o.joinIpc}`]),
    ...(o.joinPidOf === undefined || o.hostPid ? [] : [`--pid=/proc/${o.joinPidOf}/ns/pid`, '--no-fork']),
  ];
  const fresh = [
    '--mount',
    '--uts',
    ...(o.joinIpc === undefined && !o.hostIpc ? ['--ipc'] : []),
    ...(o.joinPidOf === undefined && !o.hostPid ? ['--pid'] : []),
  ];
  return [...(enter.length === 0 ? [] : [tools.nsenter, ...enter]), tools.unshare, ...fresh];
}

/** A further process in a running container: its namespaces, then the same way into the pod's root. */
export function execWords(tools: Tools, pid: number, p: ProcessSpec, o: { controllingTerminal: boolean }): string[] {
  return [
    ...(o.controllingTerminal ? [tools.setsid, '--ctty', '--wait'] : []),
    tools.nsenter,
    `--target=${pid}`,
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    ...enterRootWords(tools, p, { dieWithParent: false }),
  ];
}
