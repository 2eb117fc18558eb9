import { existsSync } from 'node:fs';
import process from 'node:process';

import { nodes as nodeResource } from '../api/objects.ts';
import {
  DEFAULT_SPEC,
  findDeadRemains,
  namespaceNames,
  nodeNames,
  preflight,
  readSpec,
  statePaths,
} from '../cluster/index.ts';
import { UserError } from '../errors/index.ts';
import { formatFindings, runDoctor } from '../trace/index.ts';
import type { DoctorOptions } from '../trace/index.ts';
import { clusterOf } from './cluster-flags.ts';
import { stringFlag, type Command, type Parsed } from './command.ts';
import { openLocalView, VIEW_FLAGS } from './local-view.ts';

const { namespace: _, ...CLUSTER_FLAGS } = VIEW_FLAGS;

export const command: Command = {
  usage: '[flags]',
  summary:
    'Checks a cluster of this machine, or the machine itself, for known traps, and says how to mend each. Exit code 1 when one is in the way.',
  flags: {
    ...CLUSTER_FLAGS,
    fix: { help: "Mend what is safe, in Portico's own namespaces only." },
    json: { help: 'Print the findings as JSON.' },
  },
  async run(parsed) {
    if (process.getuid?.() !== 0) throw new UserError('root is needed to look into network namespaces: run with sudo');
    const { stateDir } = clusterOf(parsed);
    const scope = stringFlag(parsed, 'kubeconfig') === undefined ? localScope(parsed) : await foreignScope(parsed);
    try {
      const report = await runDoctor({
        ...scope,
        leftovers: findDeadRemains(stateDir),
        fix: parsed.flags['fix'] === true,
      });
      if (parsed.flags['json'] === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
      else {
        process.stdout.write(formatFindings(report.findings));
        for (const sentence of report.fixed) process.stdout.write(`mended: ${sentence}\n`);
      }
      return report.findings.some((f) => f.level === 'fail') ? 1 : 0;
    } finally {
      scope.api?.client.close();
    }
  },
};

/** A cluster of this machine; without one, whether one could start here. */
function localScope(parsed: Parsed): DoctorOptions {
  const { name, stateDir } = clusterOf(parsed);
  const spec = readSpec(statePaths(stateDir));
  if (spec === undefined) {
    return { nodes: [], start: tryStart(name) };
  }
  const names = namespaceNames(spec.name);
  // A start that was cut short wrote none yet.
  const view = existsSync(statePaths(stateDir).kubeconfig) ? openLocalView(parsed) : undefined;
  return {
    nodes: nodeNames(spec).map((node) => ({
      name: node,
      netns: names.node(node),
      uplink: 'eth0',
      wire: { netns: names.fabric, device: node },
    })),
    fabricNetns: names.fabric,
    ...(view === undefined ? {} : { api: { client: view.client, environment: view.environment } }),
  };
}

function tryStart(name: string): { readonly problem?: string } {
  try {
    preflight({ ...DEFAULT_SPEC, name, network: 'vxlan' }, true);
    return {};
  } catch (error) {
    if (error instanceof UserError) return { problem: error.message };
    throw error;
  }
}

/** Of any other cluster only the node that this runs on can be seen. */
async function foreignScope(parsed: Parsed): Promise<DoctorOptions> {
  const view = openLocalView(parsed);
  const self = view.self ?? '';
  const { items } = await view.client.resource(nodeResource).list();
  const known = items.some((node) => node.metadata.name === self);
  if (!known) {
    process.stderr.write(
      `this machine is no node of the cluster (--node-name ${self}): its own settings are checked, and the cluster's clocks\n`,
    );
  }
  return { nodes: known ? [{ name: self }] : [], api: { client: view.client, environment: view.environment } };
}
