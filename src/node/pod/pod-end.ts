// The end of a pod: its containers in their order, then all that it has on the node, then its object.
import { rmSync } from 'node:fs';
import path from 'node:path';
import { isConflict, isNotFound, pods } from '../../api/objects.ts';
import { errorText } from '../../errors/index.ts';
import { podLogDir } from './build-container-spec.ts';
import type { ContainerRuns } from './container-runs.ts';
import type { PodSandbox } from './pod-sandbox.ts';
import { isSidecar, namespaceOf, specOf } from './pod-spec.ts';
import type { WorkerScope } from './worker-scope.ts';

const DELETE_RETRY_MS = 1000;

/** Ends the regular containers together, then the sidecars one by one, the last one first; all within the grace. */
export async function endContainers(scope: WorkerScope, runs: ContainerRuns, graceMs: number): Promise<void> {
  const { clock } = scope.ctx;
  const beganAtMs = clock.monotonic();
  const left = () => Math.max(0, graceMs - (clock.monotonic() - beganAtMs));
  const init = specOf(scope.pod()).initContainers ?? [];
  const sidecars = new Set(init.filter(isSidecar).map((c) => c.name));
  const regular = runs.running().filter((c) => !sidecars.has(c.name));
  await Promise.all(regular.map((c) => runs.end(c, graceMs, undefined)));
  for (const c of init.toReversed()) {
    const running = sidecars.has(c.name) ? runs.running().find((x) => x.name === c.name) : undefined;
    if (running !== undefined) await runs.end(running, left(), undefined);
  }
  runs.stopProbes();
}

/** Takes away network, processes, files and logs. */
export async function removeFromNode(scope: WorkerScope, sandbox: PodSandbox): Promise<void> {
  const { runtime, tokens, stateDir } = scope.ctx;
  const pod = scope.pod();
  await sandbox.remove(pod);
  await runtime.removePod(scope.uid);
  tokens.forget(scope.uid);
  rmSync(path.join(stateDir, 'pods', scope.uid), { recursive: true, force: true });
  const { name } = pod.metadata;
  const logs = podLogDir(stateDir, { namespace: namespaceOf(pod), name, uid: scope.uid });
  rmSync(logs, { recursive: true, force: true });
}

/** The object leaves the API server only now that nothing of the pod is left. */
export async function deleteObject(scope: WorkerScope, isWanted: () => boolean): Promise<void> {
  const { client, clock } = scope.ctx;
  while (isWanted()) {
    try {
      await client.resource(pods).delete(scope.pod().metadata.name, {
        namespace: namespaceOf(scope.pod()),
        gracePeriodSeconds: 0,
        preconditions: { uid: scope.uid },
      });
      return;
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return;
      scope.log.debug('deleting a pod object failed, trying again', { error: errorText(error) });
      await new Promise<void>((resolve) => clock.after(DELETE_RETRY_MS, resolve));
    }
  }
}
