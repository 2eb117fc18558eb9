import process from 'node:process';

import { UserError } from '../errors/index.ts';
import { createLogger } from '../log/index.ts';
import { startUi } from '../ui/index.ts';
import { integerFlag, type Command } from './command.ts';
import { openLocalView, VIEW_FLAGS } from './local-view.ts';

const HIGHEST_PORT = 65_535;

export const command: Command = {
  usage: '[flags]',
  summary: 'Serves a page on 127.0.0.1 that shows the cluster as it changes and lets packets walk through it.',
  flags: {
    ...VIEW_FLAGS,
    port: { value: 'PORT', help: 'Port on 127.0.0.1 (default: any free one).' },
  },
  async run(parsed) {
    if (parsed.positionals.length > 0) throw new UserError(`'${parsed.positionals[0]}': portico ui takes flags only`);
    const port = integerFlag(parsed, 'port') ?? 0;
    if (port < 0 || port > HIGHEST_PORT)
      throw new UserError(`--port ${port}: a port is a number up to ${HIGHEST_PORT}`);
    const view = openLocalView(parsed);
    try {
      const ui = await startUi({
        client: view.client,
        environment: view.environment,
        cluster: view.cluster ?? 'kubeconfig',
        namespace: view.namespace,
        port,
        log: createLogger({ level: 'warn' }),
      });
      process.stdout.write(`${ui.url}\n`);
      process.stderr.write('The address is a key: whoever has it can start traces. Ctrl-C ends the page.\n');
      await new Promise<void>((resolve) => {
        for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
      });
      await ui.stop();
      return 0;
    } finally {
      view.client.close();
    }
  },
};
