// Runs postStart and preStop hooks.
import type { core } from '../../api/objects.ts';
import type { Clock } from '../../clock/index.ts';
import type { ProbeTarget } from '../probes/contract.ts';
import { probeHttp } from '../probes/http-probe.ts';

/** `sleep` came with KEP-3960; newer than the types. */
type Hook = core.LifecycleHandler & { sleep?: { seconds: number } };

/** Resolves when the hook is done. @throws Error with what the hook said */
export async function runHook(
  hook: core.LifecycleHandler,
  target: ProbeTarget,
  clock: Clock,
  timeoutMs: number,
): Promise<void> {
  const { exec, httpGet, sleep } = hook as Hook;
  if (sleep !== undefined) {
    await new Promise<void>((resolve) => clock.after(Math.min(sleep.seconds * 1000, timeoutMs), resolve));
  } else if (exec !== undefined) {
    const command = exec.command ?? [];
    const { exitCode, output } = await target.exec(command, AbortSignal.timeout(timeoutMs));
    if (exitCode !== 0) {
      throw new Error(`command '${command.join(' ')}' exited with ${exitCode}: ${output}`);
    }
  } else if (httpGet !== undefined) {
    const outcome = await probeHttp(httpGet, target, Math.min(timeoutMs, 60_000));
    if (!outcome.ok) throw new Error(outcome.output);
  }
}
