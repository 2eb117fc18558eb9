import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

import { DEFAULT_SPEC, DEFAULT_STATE_ROOT, statePaths } from '../cluster/index.ts';
import { UserError } from '../errors/index.ts';
import type { Command } from './command.ts';

/** Takes `--name X` and `--state-dir X` from the front; the rest is kubectl's own. */
function ownFlags(argv: readonly string[]): { name: string; stateDir?: string; rest: string[] } {
  const rest = [...argv];
  let name = DEFAULT_SPEC.name;
  let stateDir: string | undefined;
  while (rest[0] === '--name' || rest[0] === '--state-dir') {
    const [flag, value] = rest.splice(0, 2);
    if (value === undefined) throw new UserError(`${flag} needs a value`);
    if (flag === '--name') name = value;
    else stateDir = value;
  }
  return { name, rest, ...(stateDir === undefined ? {} : { stateDir }) };
}

export const command: Command = {
  usage: '[--name NAME] [--state-dir DIR] ARGS…',
  summary: 'Runs the kubectl on PATH with the kubeconfig of a cluster.',
  flags: {},
  passThrough: true,
  async run({ positionals }) {
    const { name, stateDir, rest } = ownFlags(positionals);
    const { kubeconfig } = statePaths(stateDir ?? path.join(DEFAULT_STATE_ROOT, name));
    if (!existsSync(kubeconfig)) throw new UserError(`there is no cluster ${name}: run 'portico up' first`);
    const fetched = path.join(import.meta.dirname, '..', '..', '.cache', 'bin');
    const child = spawn('kubectl', rest, {
      stdio: 'inherit',
      env: { ...process.env, KUBECONFIG: kubeconfig, PATH: `${process.env['PATH'] ?? ''}:${fetched}` },
    });
    return new Promise((resolve, reject) => {
      child.once('error', (e) =>
        reject(
          (e as NodeJS.ErrnoException).code === 'ENOENT' ? new UserError('kubectl is not on PATH: install it') : e,
        ),
      );
      child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
    });
  },
};
