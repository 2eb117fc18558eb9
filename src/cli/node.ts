import process from 'node:process';

import { parseDuration } from '../api/objects.ts';
import { UserError } from '../errors/index.ts';
import { drainNode, removeNode, setSchedulable } from '../join/index.ts';
import { ADMIN_FLAGS, withAdmin } from './admin-client.ts';
import { stringFlag, type Command } from './command.ts';

const VERBS = ['cordon', 'uncordon', 'drain', 'remove'] as const;
const DEFAULT_TIMEOUT = '2m';

const say = (text: string) => void process.stdout.write(`${text}\n`);

export const command: Command = {
  usage: 'cordon|uncordon|drain|remove NAME [flags]',
  summary: 'Takes work away from a node, gives it back, or removes the node from the cluster for good.',
  positionals: true,
  flags: {
    force: { help: 'Also end pods that no controller replaces.' },
    timeout: { value: 'DURATION', help: `How long pods may take to end (default ${DEFAULT_TIMEOUT}).` },
    ...ADMIN_FLAGS,
  },
  async run(parsed) {
    const [word, name, ...more] = parsed.positionals;
    const verb = VERBS.find((v) => v === word);
    if (verb === undefined || name === undefined || more.length > 0) {
      throw new UserError(`say what to do with which node: 'portico node ${VERBS.join('|')} NAME'`);
    }
    const text = stringFlag(parsed, 'timeout') ?? DEFAULT_TIMEOUT;
    const timeoutMs = parseDuration(text);
    if (timeoutMs === undefined) throw new UserError(`--timeout ${text}: write a duration such as 30s or 5m`);
    const options = { force: parsed.flags['force'] === true, timeoutMs, say };
    await withAdmin(parsed, async (client) => {
      if (verb === 'drain') {
        await drainNode(client, name, options);
        say(`node ${name} is drained`);
      } else if (verb === 'remove') await removeNode(client, name, options);
      else {
        await setSchedulable(client, name, verb === 'uncordon');
        say(`node ${name} ${verb}ed`);
      }
    });
    return 0;
  },
};
