// What the parts of one pod's worker share: the pod as it is now, and what follows from it.
import type { core, Pod } from '../../api/objects.ts';
import type { Logger } from '../../log/index.ts';
import type { ProbeTarget } from '../probes/contract.ts';
import type { DownwardFacts } from './downward.ts';
import type { PodContext } from './pod-context.ts';
import { specOf } from './pod-spec.ts';
import { runInContainer } from './run-in-container.ts';

export interface WorkerScope {
  readonly uid: string;
  readonly ctx: PodContext;
  readonly log: Logger;
  /** The newest version of the object. */
  readonly pod: () => Pod;
  readonly facts: () => DownwardFacts;
  /** Something has changed: the worker looks again soon. */
  readonly look: () => void;
}

const LISTS = ['initContainers', 'ephemeralContainers'] as const;

/** The list of the pod's spec that the container stands in. */
export function listOf(pod: Pod, c: Pick<core.Container, 'name'>): (typeof LISTS)[number] | 'containers' {
  return LISTS.find((list) => specOf(pod)[list]?.some((x) => x.name === c.name) === true) ?? 'containers';
}

/** What an event about a container is about. */
export function eventSubject(pod: Pod, c: Pick<core.Container, 'name'>) {
  return { ...pod, fieldPath: `spec.${listOf(pod, c)}{${c.name}}` };
}

/** Where probes and hooks of a container go. */
export function probeTarget(scope: WorkerScope, id: string, c: core.Container): ProbeTarget {
  const { runtime } = scope.ctx;
  return {
    ip: scope.facts().podIps[0] ?? '127.0.0.1',
    port: (p) => portNumber(c, p),
    exec: (argv, signal) => runInContainer(runtime, id, argv, signal),
  };
}

function portNumber(c: core.Container, port: string | number): number {
  if (typeof port === 'number') return port;
  const named = (c.ports ?? []).find((p) => p.name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named)) throw new Error(`couldn't find port "${port}" in the container's ports`);
  return named;
}
