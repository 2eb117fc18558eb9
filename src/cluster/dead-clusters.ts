// What clusters left on this machine that do not run any more. Reads only; `portico down` removes it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { listNetns, netnsId, openRtnl } from '../linux/index.ts';
import { DEFAULT_STATE_ROOT, statePaths } from './paths.ts';
import { isAlive, readRecords } from './process-record.ts';
import { readSpec } from './supervisor.ts';

export interface MachineFacts {
  readonly namespaces: readonly { readonly name: string; readonly processes: number }[];
  readonly stateDirs: readonly {
    readonly dir: string;
    /** Undefined when no specification is in it, or a broken one. */
    readonly cluster?: string;
    readonly running: boolean;
  }[];
  /** Trees of clusters, by the cluster's name. */
  readonly cgroups: readonly { readonly cluster: string; readonly processes: number }[];
  /** Mount points below the directory where clusters keep their state. */
  readonly mounts: readonly string[];
  /** Links of a pod network in the machine's own namespace, where no agent runs. */
  readonly links: readonly string[];
}

export interface DeadRemains {
  readonly what: string;
  readonly mend: string;
}

const NAMESPACE = /^(.+)-(?:fabric|control-plane|node-\d+|pod-[0-9a-f]+)$/;
const SHOWN = 3;

/** Pure. What still has processes belongs to somebody, wherever that keeps its state. */
export function deadRemains(facts: MachineFacts): DeadRemains[] {
  const known = new Set(facts.stateDirs.flatMap(({ cluster }) => cluster ?? []));
  const busy = new Set([
    ...facts.namespaces.filter(({ processes }) => processes > 0).map(({ name }) => clusterOf(name)),
    ...facts.cgroups.filter(({ processes }) => processes > 0).map(({ cluster }) => cluster),
  ]);
  const dead = (cluster: string) => !known.has(cluster) && !busy.has(cluster);
  const remove = (cluster: string) => `portico down --name ${cluster}`;
  const namespaces = Map.groupBy(
    facts.namespaces.filter(({ name }) => dead(clusterOf(name))),
    ({ name }) => clusterOf(name),
  );
  return [
    ...[...namespaces].map(([cluster, list]) => ({
      what: `network namespaces of cluster ${cluster}, which is no more: ${listOf(list.map(({ name }) => name))}`,
      mend: remove(cluster),
    })),
    ...facts.cgroups
      .filter(({ cluster }) => dead(cluster))
      .map(({ cluster }) => ({ what: `cgroups of cluster ${cluster}, which is no more`, mend: remove(cluster) })),
    ...facts.stateDirs
      .filter(({ cluster, running }) => !running && (cluster === undefined || !busy.has(cluster)))
      .map(({ dir, cluster }) =>
        cluster === undefined
          ? { what: `${dir} holds files of no cluster`, mend: `look into it, then rm -r ${dir}` }
          : {
              what: `${dir} holds the state of cluster ${cluster}, which does not run`,
              mend: `portico up --name ${cluster} starts it again, ${remove(cluster)} removes it`,
            },
      ),
    ...orphanMounts(facts, known),
    ...(facts.links.length === 0
      ? []
      : [
          {
            what: `links of a pod network without an agent: ${listOf(facts.links)}`,
            mend: facts.links.map((link) => `ip link delete ${link}`).join('; '),
          },
        ]),
  ];
}

const clusterOf = (namespace: string) => NAMESPACE.exec(namespace)?.[1] ?? namespace;

const listOf = (names: readonly string[]) =>
  `${names.slice(0, SHOWN).join(', ')}${names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''}`;

function orphanMounts({ mounts, stateDirs }: MachineFacts, known: ReadonlySet<string>): DeadRemains[] {
  const owned = stateDirs.filter(({ cluster }) => cluster !== undefined).map(({ dir }) => `${dir}/`);
  const orphans = mounts.filter((at) => !owned.some((dir) => at.startsWith(dir)));
  const clusters = new Set(orphans.map((at) => path.relative(DEFAULT_STATE_ROOT, at).split('/')[0] ?? ''));
  return [...clusters]
    .filter((cluster) => !known.has(cluster))
    .map((cluster) => ({
      what: `mounts below ${path.join(DEFAULT_STATE_ROOT, cluster)}, of no cluster`,
      mend: `portico down --name ${cluster}`,
    }));
}

/** `stateDir`: where the cluster that is asked about keeps its state. */
export function findDeadRemains(stateDir: string): DeadRemains[] {
  const { users, agents } = readProcesses();
  const dirs = new Set([...directories(DEFAULT_STATE_ROOT), ...(entries(stateDir).length > 0 ? [stateDir] : [])]);
  return deadRemains({
    namespaces: listNetns()
      .filter((name) => NAMESPACE.test(name))
      .map((name) => ({ name, processes: users.get(idOf(name)) ?? 0 })),
    stateDirs: [...dirs].map(readStateDir),
    cgroups: readCgroups(),
    mounts: readMounts(),
    links: agents ? [] : podNetworkLinks(),
  });
}

function idOf(netns: string): string {
  try {
    return String(netnsId(netns));
  } catch {
    return 'gone';
  }
}

/** Processes of each namespace, and whether a node agent runs in the machine's own. */
function readProcesses(): { readonly users: ReadonlyMap<string, number>; readonly agents: boolean } {
  const users = new Map<string, number>();
  let agents = false;
  const own = String(netnsId('/proc/self/ns/net'));
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const id = String(netnsId(`/proc/${pid}/ns/net`));
      users.set(id, (users.get(id) ?? 0) + 1);
      const words = id === own ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') : [];
      agents ||= words.includes('agent') && words.some((word) => /portico|cli\/main/.test(word));
    } catch {
      // Gone since, or a kernel thread.
    }
  }
  return { users, agents };
}

function readStateDir(dir: string): MachineFacts['stateDirs'][number] {
  const paths = statePaths(dir);
  const running = [...readRecords(paths.run).values()].some(isAlive);
  try {
    const cluster = readSpec(paths)?.name;
    return { dir, running, ...(cluster === undefined ? {} : { cluster }) };
  } catch {
    return { dir, running };
  }
}

const CGROUPS = '/sys/fs/cgroup';
const CGROUP_PREFIX = 'portico-';

/** In version 2 at the top, in version 1 in each hierarchy. */
function readCgroups(): { cluster: string; processes: number }[] {
  const found = new Map<string, number>();
  for (const hierarchy of [CGROUPS, ...directories(CGROUPS)]) {
    for (const tree of directories(hierarchy)) {
      const name = path.basename(tree);
      if (!name.startsWith(CGROUP_PREFIX)) continue;
      const cluster = name.slice(CGROUP_PREFIX.length);
      found.set(cluster, (found.get(cluster) ?? 0) + countProcesses(tree));
    }
  }
  return [...found].map(([cluster, processes]) => ({ cluster, processes }));
}

function countProcesses(tree: string): number {
  const below = directories(tree).reduce((sum, child) => sum + countProcesses(child), 0);
  try {
    return below + readFileSync(path.join(tree, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
  } catch {
    return below;
  }
}

function readMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((at) => at.startsWith(`${DEFAULT_STATE_ROOT}/`));
}

function podNetworkLinks(): string[] {
  const rtnl = openRtnl();
  try {
    return rtnl
      .links()
      .map(({ name }) => name)
      .filter((name) => /^(?:lxc[0-9a-f]{11}|portico\.vxlan)$/.test(name));
  } finally {
    rtnl.close();
  }
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function directories(dir: string): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(dir, entry.name));
  } catch {
    return [];
  }
}
