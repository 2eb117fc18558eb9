// One attempt of any kind of probe.
import type { core } from '../../api/objects.ts';
import { errorText } from '../../errors/index.ts';
import type { ProbeOutcome, ProbeTarget } from './contract.ts';
import { probeGrpc } from './grpc-probe.ts';
import { probeHttp } from './http-probe.ts';
import { probeTcp } from './tcp-probe.ts';

export async function probeOnce(probe: core.Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const timeoutSeconds = probe.timeoutSeconds ?? 1;
  const timeoutMs = timeoutSeconds * 1000;
  try {
    if (probe.httpGet !== undefined) return await probeHttp(probe.httpGet, target, timeoutMs);
    if (probe.tcpSocket !== undefined) {
      const host = probe.tcpSocket.host;
      return await probeTcp(
        host === undefined || host === '' ? target.ip : host,
        target.port(probe.tcpSocket.port),
        timeoutMs,
      );
    }
    if (probe.grpc !== undefined)
      return await probeGrpc(target.ip, probe.grpc.port, probe.grpc.service ?? '', timeoutMs);
    if (probe.exec !== undefined) return await probeExec(probe.exec.command ?? [], target, timeoutSeconds);
  } catch (e) {
    return { ok: false, output: errorText(e) };
  }
  return { ok: true, output: '' };
}

async function probeExec(argv: readonly string[], target: ProbeTarget, timeoutSeconds: number): Promise<ProbeOutcome> {
  const signal = AbortSignal.timeout(timeoutSeconds * 1000);
  const { exitCode, output } = await target.exec(argv, signal);
  if (signal.aborted)
    return { ok: false, output: `command timed out: "${argv.join(' ')}" timed out after ${timeoutSeconds}s` };
  return { ok: exitCode === 0, output: output.trimEnd() };
}
