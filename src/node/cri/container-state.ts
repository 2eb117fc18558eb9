// A container as the interface tells of it becomes one as the agent knows it.
import { exitReason, logTail, readTail } from '../runtime/exit-report.ts';
import type { Container } from '../runtime/contract.ts';
import { containerState, type CriContainerStatus } from './api.ts';
import { LABEL, podOfLabels, recordOf } from './names.ts';

const millis = (nanos: bigint) => Number(nanos / 1_000_000n);
/** Exit status of a container whose end nobody saw: as after SIGKILL. */
const UNKNOWN_EXIT = 137;

/** Undefined for a container that is not the agent's. Reads the files that tell of an end. */
export function containerOfStatus(status: CriContainerStatus, runtimeName: string): Container | undefined {
  const record = recordOf(status.annotations);
  if (record === undefined) return undefined;
  const fixed = {
    id: status.id,
    pod: podOfLabels(status.labels),
    name: status.labels[LABEL.container] ?? '',
    attempt: record.attempt,
    imageRef: status.imageRef,
    specHash: record.specHash,
    createdAtMs: millis(status.createdAt),
    logFile: record.logFile,
    stdin: record.stdin,
    tty: record.tty,
    runtimeName,
  };
  const started = status.startedAt === 0n ? {} : { startedAtMs: millis(status.startedAt) };
  if (status.state === containerState.RUNNING) return { ...fixed, ...started, state: 'running' };
  if (status.state !== containerState.EXITED) return { ...fixed, ...started, state: 'starting' };
  const { exitCode } = status;
  const own = readTail(record.terminationMessage);
  // containerd takes the time of the start when the start has returned: of a program that ends at once that is after its end.
  const startedAt = status.startedAt === 0n ? status.createdAt : status.startedAt;
  const fromLog = own === '' && record.messageFromLog && exitCode !== 0 ? logTail(record.logFile) : own;
  const message = fromLog === '' ? status.message : fromLog;
  return {
    ...fixed,
    startedAtMs: millis(startedAt < status.finishedAt ? startedAt : status.finishedAt),
    state: 'exited',
    finishedAtMs: millis(status.finishedAt),
    exitCode,
    reason: status.reason === '' ? exitReason(exitCode, false) : status.reason,
    ...(message === '' ? {} : { message }),
  };
}

/** The runtime has forgotten a container that ran. */
export function lostContainer(container: Container, nowMs: number): Container {
  return {
    ...container,
    state: 'exited',
    finishedAtMs: nowMs,
    exitCode: UNKNOWN_EXIT,
    reason: 'ContainerStatusUnknown',
  };
}
