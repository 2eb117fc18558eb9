import { closeSync, openSync, writeFileSync } from 'node:fs';
import process from 'node:process';

import { errorText, UserError } from '../errors/index.ts';
import { formatTraceReport, traceConnection, tracePcapng } from '../trace/index.ts';
import { integerFlag, stringFlag, type Command, type Parsed } from './command.ts';
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
    const count = atLeastOne(parsed, 'count');
    const timeout = atLeastOne(parsed, 'timeout');
    const pcap = openForWriting(stringFlag(parsed, 'pcap'));
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
      if (pcap !== undefined) writeFileSync(pcap, tracePcapng(frames, report));
      process.stdout.write(
        parsed.flags['json'] === true ? `${JSON.stringify(report, null, 2)}\n` : formatTraceReport(report),
      );
      return report.verdict.ok ? 0 : 1;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      process.stderr.write('portico: interrupted before a connection was seen to its end; nothing is left behind\n');
      return INTERRUPTED;
    } finally {
      if (pcap !== undefined) closeSync(pcap);
      view.client.close();
    }
  },
};

/** As a shell says of a command that SIGINT ended. */
const INTERRUPTED = 130;

function atLeastOne(parsed: Parsed, flag: string): number | undefined {
  const value = integerFlag(parsed, flag);
  if (value !== undefined && value < 1) throw new UserError(`--${flag} ${value}: give a whole number of 1 or more`);
  return value;
}

/** Before anything is traced: a capture that cannot be kept is noticed too late otherwise. */
function openForWriting(file: string | undefined): number | undefined {
  if (file === undefined) return undefined;
  try {
    return openSync(file, 'w', 0o600);
  } catch (error) {
    throw new UserError(`--pcap ${file}: cannot be written: ${errorText(error)}`);
  }
}
