// What the agent's pods leave on a host when no agent takes it away: rules for `hostPort`, and sandboxes of a container
// runtime.
import type { CriRuntimeOptions } from './cri/cri-runtime.ts';
import { removeHostPortRules } from './host-ports/remove-rules.ts';

export interface LeaveHostOptions {
  /** `cluster/node` and the runtime's socket, where pods ran in one. */
  readonly cri?: Pick<CriRuntimeOptions, 'node' | 'endpoint'>;
}

/** @throws UserError when the runtime does not answer */
export async function leaveHost({ cri }: LeaveHostOptions): Promise<void> {
  if (cri !== undefined) {
    const { removeCriPods } = await import('./cri/remove-pods.ts');
    await removeCriPods(cri.endpoint, cri.node);
  }
  await removeHostPortRules();
}
