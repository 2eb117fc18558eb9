// Ends and removes every pod of a node in its container runtime, without an agent.
import { errorText, UserError } from '../../errors/index.ts';
import { createGrpcClient } from '../../grpc/index.ts';
import { cri } from './api.ts';
import { endpointPath } from './cri-runtime.ts';
import { LABEL } from './names.ts';

const TIMEOUT_MS = 60_000;

/** `node`: `cluster/node`, as sandboxes are labelled. @throws UserError */
export async function removeCriPods(endpoint: string, node: string): Promise<void> {
  const grpc = createGrpcClient({ unixPath: endpointPath(endpoint) });
  try {
    const filter = { labelSelector: { [LABEL.node]: node } };
    const { items } = await grpc.unary(cri.listPodSandbox, { filter }, { timeoutMs: TIMEOUT_MS });
    for (const { id: podSandboxId } of items) {
      await grpc.unary(cri.stopPodSandbox, { podSandboxId }, { timeoutMs: TIMEOUT_MS });
      await grpc.unary(cri.removePodSandbox, { podSandboxId }, { timeoutMs: TIMEOUT_MS });
    }
  } catch (cause) {
    throw new UserError(`the pods in the container runtime on ${endpoint} cannot be removed: ${errorText(cause)}`, {
      cause,
    });
  } finally {
    grpc.close();
  }
}
