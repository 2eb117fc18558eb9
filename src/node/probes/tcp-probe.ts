// A TCP probe: succeeds when the connection opens.
import net from 'node:net';
import type { ProbeOutcome } from './contract.ts';

export function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
  const where = `dial tcp ${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutMs });
    const finish = (outcome: ProbeOutcome) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('connect', () => finish({ ok: true, output: '' }));
    socket.on('timeout', () => finish({ ok: false, output: `${where}: i/o timeout` }));
    socket.on('error', (e: NodeJS.ErrnoException) => {
      const why = e.code === 'ECONNREFUSED' ? 'connect: connection refused' : e.message;
      finish({ ok: false, output: `${where}: ${why}` });
    });
  });
}
