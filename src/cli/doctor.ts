import process from 'node:process';

import { namespaceNames, nodeNames, readSpec, statePaths } from '../cluster/index.ts';
import { UserError } from '../errors/index.ts';
import { formatFindings, runDoctor } from '../trace/index.ts';
import { CLUSTER_FLAGS, clusterOf } from './cluster-flags.ts';
import type { Command } from './command.ts';

export const command: Command = {
  usage: '[flags]',
  summary: 'Checks a cluster of this machine, or the machine itself, for known traps, and says how to mend each.',
  flags: {
    ...CLUSTER_FLAGS,
    fix: { help: "Mend what is safe, in Portico's own namespaces only." },
    json: { help: 'Print the findings as JSON.' },
  },
  async run(parsed) {
    if (process.getuid?.() !== 0) throw new UserError('root is needed to look into network namespaces: run with sudo');
    const { name, stateDir } = clusterOf(parsed);
    const spec = readSpec(statePaths(stateDir));
    const names = namespaceNames(name);
    const report = await runDoctor({
      nodes: spec === undefined ? [] : nodeNames(spec).map((n) => ({ name: n, netns: names.node(n), uplink: 'eth0' })),
      ...(spec === undefined ? {} : { fabricNetns: names.fabric }),
      fix: parsed.flags['fix'] === true,
    });
    if (parsed.flags['json'] === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else {
      process.stdout.write(formatFindings(report.findings));
      for (const sentence of report.fixed) process.stdout.write(`mended: ${sentence}\n`);
    }
    return report.findings.some((f) => f.level === 'fail') ? 1 : 0;
  },
};
