// The status of one container as kubelet writes it. Pure.
import type { core } from '../../api/objects.ts';
import type { Container } from '../runtime/contract.ts';
import type { ContainerView } from './container-view.ts';

/** Kubernetes times have whole seconds. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

export const containerId = (c: Container): string => `${c.runtimeName ?? 'process'}://${c.id}`;

function terminated(c: Container): core.ContainerStateTerminated {
  return {
    containerID: containerId(c),
    exitCode: c.exitCode ?? 0,
    finishedAt: formatTime(c.finishedAtMs ?? c.createdAtMs),
    reason: c.reason ?? 'Error',
    startedAt: formatTime(c.startedAtMs ?? c.createdAtMs),
    ...(c.message === undefined || c.message === '' ? {} : { message: c.message }),
  };
}

function stateOf(view: ContainerView | undefined, whenWaiting: string): core.ContainerState {
  const current = view?.current;
  if (view?.waiting !== undefined) {
    return {
      waiting: {
        reason: view.waiting.reason,
        ...(view.waiting.message === '' ? {} : { message: view.waiting.message }),
      },
    };
  }
  if (current === undefined || current.state === 'starting') return { waiting: { reason: whenWaiting } };
  if (current.state === 'running')
    return { running: { startedAt: formatTime(current.startedAtMs ?? current.createdAtMs) } };
  return { terminated: terminated(current) };
}

/** `whenWaiting`: `ContainerCreating`, or `PodInitializing` while init containers run. */
export function containerStatus(
  container: core.Container,
  view: ContainerView | undefined,
  whenWaiting: string,
): core.ContainerStatus {
  const current = view?.current;
  const state = stateOf(view, whenWaiting);
  // While it waits for its restart, the run that ended is the last state; else the run before.
  const last = state.terminated === undefined && current?.state === 'exited' ? current : view?.previous;
  const running = state.running !== undefined;
  return {
    name: container.name,
    image: container.image ?? '',
    imageID: current?.imageRef ?? '',
    ...(current === undefined ? {} : { containerID: containerId(current) }),
    state,
    lastState: last === undefined ? {} : { terminated: terminated(last) },
    ready: running && view?.ready === true,
    started: running && view?.started === true,
    restartCount: current?.attempt ?? 0,
  };
}
