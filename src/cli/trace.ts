import { writeFileSync } from 'node:fs';
import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { formatTraceReport, traceConnection, tracePcapng } from '../trace/index.ts';
import { integerFlag, stringFlag, type Command } from './command.ts';
import { openLocalView, VIEW_FLAGS } from './local-view.ts';

export const command: Command = {
  usage: 'FROM TO[:PORT] [flags]',
  summary:
    'Shows the walk of a real connection: FROM is a pod, node/NAME or external; TO a service name, an address or pod/NAME.',
  positionals: true,
  flags: {
    ...VIEW_FLAGS,
    udp: { help: 'Use UDP.' },
    tcp: { help: 'Use TCP.' },
    count: { value: 'N', help: 'Connections to make, one after the other (default 1).' },
    timeout: { value: 'SECONDS', help: 'How long to wait for an answer (default 3).' },
    pcap: { value: 'FILE', help: 'Write what was captured as pcapng, an interface a hop.' },
    json: { help: 'Print the report as JSON.' },
  },
  async run(parsed) {
    const [from, to, ...more] = parsed.positionals;
    if (from === undefined || to === undefined || more.length > 0) {
      throw new UserError("give FROM and TO, as in 'portico trace tmp-shell nginx'");
    }
    if (parsed.flags['udp'] === true && parsed.flags['tcp'] === true) throw new UserError('choose --udp or --tcp');
    const view = openLocalView(parsed);
    const interrupted = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
    const count = integerFlag(parsed, 'count');
    const timeout = integerFlag(parsed, 'timeout');
    try {
      const { report, frames } = await traceConnection({
        client: view.client,
        environment: view.environment,
        from,
        to,
        namespace: view.namespace,
        ...(parsed.flags['udp'] === true ? { protocol: 'udp' as const } : {}),
        ...(parsed.flags['tcp'] === true ? { protocol: 'tcp' as const } : {}),
        ...(count === undefined ? {} : { count }),
        ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
        signal: interrupted.signal,
      });
      const pcap = stringFlag(parsed, 'pcap');
      if (pcap !== undefined) writeFileSync(pcap, tracePcapng(frames, report), { mode: 0o600 });
      process.stdout.write(
        parsed.flags['json'] === true ? `${JSON.stringify(report, null, 2)}\n` : formatTraceReport(report),
      );
      return report.verdict.ok ? 0 : 1;
    } finally {
      view.client.close();
    }
  },
};
