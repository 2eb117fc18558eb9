import process from 'node:process';

import {
  failureMessage,
  identify,
  runSupervisor,
  statePaths,
  writeRecord,
  type SupervisorMessage,
} from '../cluster/index.ts';
import { createLogger } from '../log/index.ts';
import { requiredFlag, type Command } from './command.ts';

export const command: Command = {
  usage: '--state-dir DIR',
  summary: 'Keeps the processes of a local cluster running; started by `portico up`.',
  flags: { 'state-dir': { value: 'DIR', help: "The cluster's state directory." } },
  async run(parsed) {
    const stateDir = requiredFlag(parsed, 'state-dir');
    const log = createLogger().with({ component: 'supervisor' });
    // The `up` that waits may be gone meanwhile: then nobody listens.
    const tell = (m: SupervisorMessage) => {
      if (process.connected) process.send?.(m);
    };
    const self = identify(process.pid);
    if (self !== undefined) writeRecord(statePaths(stateDir).processRecord('supervisor'), self);
    try {
      await runSupervisor(stateDir, log, tell);
      return 0;
    } catch (e) {
      log.error('supervisor failed', { error: e });
      tell(failureMessage(e));
      return 1;
    }
  },
};
